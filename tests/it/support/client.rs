//! A client as the vendors' texts describe it: presign, PUT, detect, query.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, http};

/// Longest wait for one verdict with its pictures: far above what a debug build needs on two cores.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody with a key.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) key: String,
    /// The organisation of the key; empty where a test does not know it.
    pub(crate) organization: String,
    pub(crate) http: reqwest::Client,
}

/// What `/get-presigned-url` answered.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) url: String,
    pub(crate) path: String,
    pub(crate) document_id: String,
}

/// The content type of a file name, as the text's table has it.
pub(crate) fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "jfif" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        other => panic!("no content type for {other}"),
    }
}

/// A URL with one parameter of its query changed.
pub(crate) fn with_query(url: &str, name: &str, value: &str) -> String {
    let mut url = url::Url::parse(url).unwrap();
    let changed = |(key, old): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let value = if key == name { value.to_owned() } else { old.into_owned() };
        (key.into_owned(), value)
    };
    let pairs: Vec<(String, String)> = url.query_pairs().map(changed).collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

impl Client {
    pub(crate) fn new(url: &str, key: &str, organization: &str) -> Self {
        Self { url: url.to_owned(), key: key.to_owned(), organization: organization.to_owned(), http: http() }
    }

    /// The same caller with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// A request to a path of the server, or to a whole URL.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        self.http.request(method, url)
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// A GET with the key in the `apikey` header.
    pub(crate) async fn get_keyed(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).header("apikey", &self.key)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// A request of /v1, with the key as a Bearer.
    pub(crate) fn v1(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request(method, path).bearer_auth(&self.key)
    }

    pub(crate) async fn v1_get(&self, path: &str) -> Answer {
        self.send(self.v1(Method::GET, path)).await
    }

    pub(crate) async fn v1_post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.v1(Method::POST, path).json(body)).await
    }

    /// Asks for an upload URL, with any query.
    pub(crate) async fn ask_presign(&self, query: &[(&str, &str)]) -> Answer {
        let mut url = url::Url::parse(&format!("{}/get-presigned-url", self.url)).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        self.get_keyed(url.as_str()).await
    }

    pub(crate) async fn presign(&self, file_name: &str) -> Upload {
        let answer = self.ask_presign(&[("file_name", file_name)]).await.ok();
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned();
        Upload { url: text("presigned_url"), path: text("file_path"), document_id: text("document_id") }
    }

    /// Puts bytes as the text says: the exact content type, and the header that S3 wants.
    pub(crate) async fn put(&self, url: &str, content_type: &str, bytes: Bytes) -> Answer {
        self.send(self.request(Method::PUT, url).header("content-type", content_type).header("x-amz-acl", "private").body(bytes)).await
    }

    /// Presigns a name and puts these bytes there.
    pub(crate) async fn upload(&self, file_name: &str, bytes: impl Into<Bytes>) -> Upload {
        let upload = self.presign(file_name).await;
        let answer = self.put(&upload.url, content_type(file_name), bytes.into()).await;
        assert_eq!((answer.status, answer.bytes.len()), (200, 0), "{}", answer.text());
        upload
    }

    /// Submits with this body; the key is added unless the body has one.
    pub(crate) async fn detect(&self, mut body: Value) -> Answer {
        if body.get("key").is_none() {
            body["key"] = json!(self.key);
        }
        self.post("/detect", &body).await
    }

    /// Submits a URL with this body and waits as long as one may, unless it says otherwise; the key is added unless the body has one.
    pub(crate) async fn detect_url(&self, mut body: Value) -> Answer {
        if body.get("max_wait_seconds").is_none() {
            body["max_wait_seconds"] = json!(60);
        }
        if body.get("key").is_none() {
            body["key"] = json!(self.key);
        }
        self.post("/detect-url", &body).await
    }

    /// The URL that a client of the vendor would send for an upload.
    pub(crate) fn vendor_url(upload: &Upload) -> String {
        format!("https://ai-image-detector-prod.nyc3.digitaloceanspaces.com/{}", upload.path)
    }

    /// Submits an upload with options and returns the document's id.
    pub(crate) async fn detect_upload(&self, upload: &Upload, options: Value) -> String {
        let mut body = options;
        body["url"] = json!(Self::vendor_url(upload));
        let answer = self.detect(body).await.ok();
        assert_eq!(answer["status"], "pending", "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// All three steps.
    pub(crate) async fn submit(&self, file_name: &str, bytes: impl Into<Bytes>) -> String {
        self.submit_with(file_name, bytes, json!({})).await
    }

    /// All three steps, with options.
    pub(crate) async fn submit_with(&self, file_name: &str, bytes: impl Into<Bytes>, options: Value) -> String {
        let upload = self.upload(file_name, bytes).await;
        self.detect_upload(&upload, options).await
    }

    /// Submits an uploaded archive with options.
    pub(crate) async fn bulk(&self, upload: &Upload, options: Value) -> Answer {
        let mut body = options;
        body["url"] = json!(Self::vendor_url(upload));
        if body.get("key").is_none() {
            body["key"] = json!(self.key);
        }
        self.post("/bulk-upload", &body).await
    }

    /// Uploads and submits an archive; the batch's id, and how many images are expected.
    pub(crate) async fn submit_zip(&self, zip: impl Into<Bytes>, options: Value) -> (String, u64) {
        let upload = self.upload("photos.zip", zip).await;
        let answer = self.bulk(&upload, options).await.ok();
        assert_eq!(answer["status"], "pending", "{answer}");
        (answer["id"].as_str().unwrap().to_owned(), answer["expected_count"].as_u64().unwrap())
    }

    /// Polls until every image of a batch has ended and nothing more will be drawn.
    pub(crate) async fn settle_zip(&self, id: &str) -> Value {
        let batch = self.query(id).await;
        for image in batch["results"].as_array().unwrap_or_else(|| panic!("no batch: {batch}")) {
            self.settle(image["id"].as_str().unwrap()).await;
        }
        self.query(id).await
    }

    /// What `/query` says of an id.
    pub(crate) async fn query(&self, id: &str) -> Value {
        self.post("/query", &json!({ "id": id })).await.ok()
    }

    /// Polls until the verdict is final and nothing more will be drawn.
    pub(crate) async fn settle(&self, id: &str) -> Value {
        let begun = Instant::now();
        loop {
            let seen = self.query(id).await;
            if is_final(&seen) && !self.preview_pending(id).await {
                // Asked again: the preview may have come between the two questions.
                return self.query(id).await;
            }
            assert!(begun.elapsed() < PATIENCE, "{id} does not settle: {seen}");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// `/query` does not say whether a preview will come; the preview's own door does.
    async fn preview_pending(&self, id: &str) -> bool {
        self.post(&format!("/preview/{id}"), &json!({ "key": self.key })).await.status == 202
    }

    /// Submits and settles.
    pub(crate) async fn judge(&self, file_name: &str, bytes: impl Into<Bytes>) -> Value {
        let id = self.submit(file_name, bytes).await;
        self.settle(&id).await
    }

    /// The credits that `/check-user-credits` tells.
    pub(crate) async fn credits(&self) -> i64 {
        self.get_keyed("/check-user-credits").await.ok()["credits"].as_i64().unwrap()
    }
}

/// Whether the verdict of a `/query` answer is final, and its heatmap too.
fn is_final(seen: &Value) -> bool {
    match seen["status"].as_str() {
        Some("failed") => true,
        Some("done") => seen["result_details"]["heatmap_status"] != "pending",
        _ => false,
    }
}
