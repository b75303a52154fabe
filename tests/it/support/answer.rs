//! One HTTP answer, read whole. Reading it already checks what every answer of the API must keep (row T16).

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: bytes::Bytes,
}

impl Answer {
    /// Reads the answer to its end.
    ///
    /// # Panics
    /// When a refusal is not the contract's object, or a success looks like a refusal (T5, T16).
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Self { status, headers, bytes: response.bytes().await.unwrap() };
        answer.keeps_the_shape();
        answer
    }

    fn keeps_the_shape(&self) {
        if self.status >= 400 {
            let body = self.json();
            assert!(
                body["error"].as_str().is_some_and(|sentence| !sentence.is_empty()),
                "{} without an error sentence: {body}",
                self.status
            );
            let detail = &body["detail"];
            assert!(detail.is_string() || detail.is_array(), "{} without a detail: {body}", self.status);
            if self.status == 422 {
                for entry in detail.as_array().expect("422 lists what is wrong") {
                    assert!(entry["loc"].is_array() && entry["msg"].is_string() && entry["type"].is_string(), "no FastAPI entry: {entry}");
                }
            }
        } else if let Ok(Value::Object(body)) = serde_json::from_slice(&self.bytes) {
            assert!(!body.contains_key("error"), "a success with an error: {body:?}");
        }
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{} is no JSON ({error}): {}", self.status, self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header, empty when it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of a 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Checks a refusal's status and sentence, and returns the detail.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, sentence: &str) -> String {
        let body = self.json();
        assert_eq!((self.status, body["error"].as_str().unwrap_or_default()), (status, sentence), "{body}");
        body["detail"].to_string()
    }

    /// Checks a 422 and returns the field names that it complains of.
    #[track_caller]
    pub(crate) fn unprocessable(&self) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.text());
        let last = |entry: &Value| {
            entry["loc"].as_array().and_then(|path| path.last()).map_or(String::new(), |name| name.as_str().unwrap_or_default().to_owned())
        };
        self.json()["detail"].as_array().unwrap().iter().map(last).collect()
    }
}
