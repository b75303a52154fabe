//! Storage's section of the configuration. `config.toml` is the manual: every key there, its default and one sentence.

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// `[blobs]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where objects live: `file:///absolute/folder`, or `s3://bucket` or `s3://bucket/prefix`.
    pub url: String,
    /// Hosts whose URLs name uploads of ours, beside this server's own: clients hard-code their vendor's bucket (row T3).
    #[serde(deserialize_with = "touchstone_core::list::strings")]
    pub known_hosts: Vec<String>,
    /// How to reach S3; unused for a folder.
    pub s3: S3,
}

/// `[blobs.s3]`: any store that speaks the S3 protocol. An empty string means "not set".
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// The store's address, such as `https://nyc3.digitaloceanspaces.com`; empty: AWS itself.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The key's public half; empty: taken from the `AWS_…` environment or the machine's role.
    pub access_key_id: String,
    /// The key's secret half.
    pub secret_access_key: SecretString,
    /// `true`: `bucket.host/key`; `false`: `host/bucket/key`.
    pub virtual_host: bool,
}

impl Settings {
    /// The hosts that the store itself answers on, lower case (row T3): a URL there names an upload or nothing. A folder has none.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let Some(bucket) = Url::parse(&self.url).ok().filter(|url| url.scheme() == "s3").and_then(|url| url.host_str().map(str::to_owned))
        else {
            return Vec::new();
        };
        let hosts = match Url::parse(&self.s3.endpoint).ok().and_then(|endpoint| endpoint.host_str().map(str::to_owned)) {
            Some(host) => vec![host],
            None => vec!["s3.amazonaws.com".to_owned(), format!("s3.{}.amazonaws.com", self.s3.region)],
        };
        hosts.iter().flat_map(|host| [host.to_ascii_lowercase(), format!("{bucket}.{host}").to_ascii_lowercase()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str, endpoint: &str) -> Vec<String> {
        let s3 = S3 {
            endpoint: endpoint.into(),
            region: "eu-west-1".into(),
            access_key_id: String::new(),
            secret_access_key: "".into(),
            virtual_host: false,
        };
        Settings { url: url.into(), known_hosts: Vec::new(), s3 }.hosts()
    }

    #[test]
    fn the_store_is_known_by_its_hosts() {
        // T3
        assert_eq!(hosts("file:///srv/blobs", ""), [""; 0]);
        assert_eq!(hosts("s3://Photos/prefix", "https://S3.example.org:9000"), ["s3.example.org", "photos.s3.example.org"]);
        assert!(hosts("s3://photos", "").contains(&"photos.s3.eu-west-1.amazonaws.com".to_owned()));
    }
}
