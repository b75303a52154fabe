//! Names of stored objects: how a client's file name becomes a key, and how a key is found again in whatever URL a client sends.
//!
//! Clients rebuild the URL of an upload in several ways (hard-coded vendor hosts, bucket as host, origin plus path), so the
//! key is recognised by its own shape, `uploads/<uuid>_…`, and never by the host (row T3, `real-clients.md` 2.6, 1 and 2).

use touchstone_core::{ids::OrganizationId, media::Format, media::IMAGE_EXTENSIONS, refusal::Refusal};
use url::Url;
use uuid::Uuid;

/// The folder of uploads within the object store, and the segment that marks a key in a URL.
pub const UPLOADS: &str = "uploads";

/// The folder of images that were fetched from foreign URLs.
const FETCHED: &str = "fetched";

/// The folder of images of the /v1 API, sent or fetched.
const SENT: &str = "sent";

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

/// The key of a fetched image: the same image of the same organisation always has the same.
#[must_use]
pub fn fetched_key(organization: OrganizationId, sha256: &str, format: Format) -> String {
    format!("{FETCHED}/{organization}/{sha256}.{}", extension(format))
}

/// The key of an image of the /v1 API: one document's alone.
#[must_use]
pub fn sent_key(organization: OrganizationId, name: Uuid, format: Format) -> String {
    format!("{SENT}/{organization}/{name}.{}", extension(format))
}

fn extension(format: Format) -> &'static str {
    IMAGE_EXTENSIONS.iter().find(|(_, its)| *its == format).map_or("img", |(extension, _)| extension)
}

/// Whether an object was fetched from a foreign URL, and not uploaded.
#[must_use]
pub fn is_fetched(object_key: &str) -> bool {
    is_in(FETCHED, object_key)
}

/// Whether an object is an image of the /v1 API: no other document is or will be made of it.
#[must_use]
pub fn is_sent(object_key: &str) -> bool {
    is_in(SENT, object_key)
}

/// Whether a client was given a URL to put an object there.
#[must_use]
pub fn is_upload(object_key: &str) -> bool {
    is_in(UPLOADS, object_key)
}

fn is_in(folder: &str, object_key: &str) -> bool {
    object_key.split('/').next() == Some(folder)
}

/// What a client's `url` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// An upload, by its object key.
    Upload(String),
    /// Something out there.
    Foreign(Url),
}

/// What a client's `url` names. Nothing is looked up.
///
/// # Errors
/// [`Refusal::EmptyUrl`] when it is empty or no URL; [`Refusal::FileMissing`] when it names one of our stores or the path of an
/// upload, but none that could be ours.
pub fn named(url: &str, known_hosts: &[String]) -> Result<Named, Refusal> {
    let url = url.trim();
    if url.is_empty() {
        return Err(Refusal::EmptyUrl);
    }
    let path = url.split(['?', '#']).next().unwrap_or_default();
    if let Some(key) = key_in_path(path) {
        return Ok(Named::Upload(key));
    }
    let parsed = Url::parse(url).map_err(|_| Refusal::EmptyUrl)?;
    let host = parsed.host_str().unwrap_or_default().trim_end_matches('.');
    let known = known_hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    if known || has_key_inside(path) || has_key_inside(parsed.path()) {
        // One of our own or the vendors' stores, but no key of ours: there is nothing under it, and it is never fetched.
        return Err(Refusal::FileMissing);
    }
    Ok(Named::Foreign(parsed))
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

/// Whether `uploads/<uuid>_…` stands anywhere in a path.
fn has_key_inside(path: &str) -> bool {
    let is_key = |name: &str| name.split_once('_').is_some_and(|(id, _)| Uuid::parse_str(id).is_ok());
    path.split('/').zip(path.split('/').skip(1)).any(|(folder, name)| folder == UPLOADS && is_key(name))
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
            assert_eq!(named(&url, &[]), Ok(Named::Upload(key.to_owned())), "{url}");
        }
    }

    #[test]
    fn anything_else_is_foreign_or_no_url() {
        // T3
        let known = ["nyc3.digitaloceanspaces.com".to_owned()];
        for url in [" ", "no url at all"] {
            assert_eq!(named(url, &known), Err(Refusal::EmptyUrl), "{url:?}");
        }
        let id = "581d47c7-3ef4-42af-88d9-6dab6bf69389";
        for url in [
            "https://nyc3.digitaloceanspaces.com/other/cat.jpg".to_owned(),
            "https://NYC3.digitaloceanspaces.com./cat.jpg".to_owned(),
            format!("https://x/uploads/{id}_/../../secret"),
            format!("https://x/uploads/./{id}_my%20cat.jpg"),
            format!("https://x/uploads/{id}_cat.jpg/more"),
        ] {
            assert_eq!(named(&url, &known), Err(Refusal::FileMissing), "{url}");
        }
        for url in ["https://example.com/cat.jpg", "https://example.com/uploads/cat_1.jpg", "file:///etc/passwd"] {
            assert_eq!(named(url, &known), Ok(Named::Foreign(Url::parse(url).expect("a URL"))), "{url}");
        }
    }

    #[test]
    fn the_same_image_has_the_same_key() {
        let organization = OrganizationId(Uuid::nil());
        let key = fetched_key(organization, "00ff", Format::Jpeg);
        assert_eq!(key, "fetched/00000000-0000-0000-0000-000000000000/00ff.jpg");
        assert!(is_fetched(&key) && !is_fetched("uploads/fetched/x.jpg"));
        let sent = sent_key(organization, Uuid::nil(), Format::Png);
        assert!(is_sent(&sent) && !is_sent(&key) && is_upload("uploads/x.jpg") && !is_upload(&sent), "{sent}");
    }
}
