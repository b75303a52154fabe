//! Names of stored objects: how a client's file name becomes a key, and how a key is found again in whatever URL a client sends.
//!
//! Clients rebuild the URL of an upload in several ways (hard-coded vendor hosts, bucket as host, origin plus path), so the
//! key is recognised by its own shape, `uploads/<uuid>_…`, and never by the host (row T3, `real-clients.md` 2.6, 1 and 2).

use touchstone_core::refusal::Refusal;
use url::Url;
use uuid::Uuid;

/// The folder of uploads within the object store, and the segment that marks a key in a URL.
pub const UPLOADS: &str = "uploads";

/// Longest stem kept of a client's file name, in characters.
const LONGEST_STEM: usize = 80;

/// A file name that is safe in a path, a URL and a header: the last path segment, with anything but ASCII letters, digits,
/// `.`, `_` and `-` replaced by `_`. The extension is kept; an empty stem becomes `file`.
#[must_use]
pub fn normalise(file_name: &str) -> String {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let safe: String = last.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' }).collect();
    let (stem, extension) = safe.rsplit_once('.').unwrap_or((&safe, ""));
    let stem: String = stem.trim_start_matches('.').replace("..", "_").chars().take(LONGEST_STEM).collect();
    let stem = if stem.is_empty() { "file" } else { &stem };
    if extension.is_empty() { stem.to_owned() } else { format!("{stem}.{extension}") }
}

/// A fresh key for an upload, such as `uploads/581d47c7-…_20250611-121955_photo.jpg`. The UUID makes it unguessable.
#[must_use]
pub fn fresh_key(name: &str) -> String {
    let moment = chrono::Utc::now().format("%Y%m%d-%H%M%S");
    format!("{UPLOADS}/{}_{moment}_{name}", Uuid::new_v4())
}

/// The object key that a client's `url` names.
///
/// # Errors
/// [`Refusal::EmptyUrl`] when it is empty or no URL; [`Refusal::ForeignUrl`] when it names no upload.
pub fn object_key(url: &str, known_hosts: &[String]) -> Result<String, Refusal> {
    let url = url.trim();
    if url.is_empty() {
        return Err(Refusal::EmptyUrl);
    }
    if let Some(key) = key_in_path(url.split(['?', '#']).next().unwrap_or_default()) {
        return Ok(key);
    }
    let parsed = Url::parse(url).map_err(|_| Refusal::EmptyUrl)?;
    let host = parsed.host_str().unwrap_or_default();
    if known_hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
        // One of our own or the vendors' stores, but no key of ours: there is nothing under it, and it is never fetched.
        return Err(Refusal::FileMissing);
    }
    Err(Refusal::ForeignUrl)
}

/// Finds `uploads/<uuid>_<rest>` at the end of a path. Our own keys hold nothing that a client would have to escape.
fn key_in_path(path: &str) -> Option<String> {
    let (folders, name) = path.rsplit_once('/')?;
    let (id, _) = name.split_once('_')?;
    Uuid::parse_str(id).ok()?;
    if folders.rsplit('/').next() != Some(UPLOADS) || name.contains('%') {
        return None;
    }
    Some(format!("{UPLOADS}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe_and_keep_their_extension() {
        assert_eq!(normalise("my photo (1).JPG"), "my_photo__1_.JPG");
        assert_eq!(normalise("../../etc/passwd.png"), "passwd.png");
        assert_eq!(normalise("..\\..\\x.webp"), "x.webp");
        assert_eq!(normalise("фото.jpeg"), "____.jpeg");
        assert_eq!(normalise(".jpg"), "file.jpg");
        assert_eq!(normalise(&format!("{}.png", "a".repeat(500))).len(), LONGEST_STEM + 4);
    }

    #[test]
    fn the_key_is_found_whatever_the_host() {
        // real-clients.md 2.6: 1 (hard-coded vendor hosts), 2 (bucket as host; presigned origin plus path).
        let key = "uploads/581d47c7-3ef4-42af-88d9-6dab6bf69389_20250611-121955_example.jpg";
        for url in [
            format!("https://ai-image-detector-dev.nyc3.digitaloceanspaces.com/{key}"),
            format!("https://nyc3.digitaloceanspaces.com/ai-image-detector-dev/{key}?X-Amz-Signature=1"),
            format!("http://blobs.localhost:8080/{key}"),
            format!("http://localhost:8080/blobs/{key}?expires=1&signature=2"),
            format!("https://s3.example.org/uploads/{key}"),
            format!("  https://ai-image-detector-prod.nyc3.digitaloceanspaces.com//{key} "),
            key.to_owned(),
        ] {
            assert_eq!(object_key(&url, &[]), Ok(key.to_owned()), "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let known = ["nyc3.digitaloceanspaces.com".to_owned()];
        assert_eq!(object_key(" ", &known), Err(Refusal::EmptyUrl));
        assert_eq!(object_key("no url at all", &known), Err(Refusal::EmptyUrl));
        assert_eq!(object_key("https://example.com/cat.jpg", &known), Err(Refusal::ForeignUrl));
        assert_eq!(object_key("https://nyc3.digitaloceanspaces.com/other/cat.jpg", &known), Err(Refusal::FileMissing));
        assert_eq!(object_key("https://x/uploads/581d47c7-3ef4-42af-88d9-6dab6bf69389_/../../secret", &known), Err(Refusal::ForeignUrl));
    }
}
