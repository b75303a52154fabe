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
        if !self.header("x-ratelimit-limit").is_empty() {
            return self.keeps_v1s_shape();
        }
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

    /// V8, V9, V14: the limit's headers, and the request's id in header and body.
    fn keeps_v1s_shape(&self) {
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            assert!(self.header(name).parse::<u64>().is_ok(), "{name}: {}", self.header(name));
        }
        let Ok(Value::Object(body)) = serde_json::from_slice(&self.bytes) else { return };
        let (told, error) = match body.get("error").filter(|_| self.status >= 400) {
            Some(error) => (&error["request_id"], Some(error)),
            None => (&body["request_id"], None),
        };
        assert_eq!(told, self.header("x-request-id"), "{}", self.text());
        assert_eq!(error.is_some(), self.status >= 400, "{}", self.text());
        if let Some(error) = error {
            let names: Vec<&String> = error.as_object().unwrap().keys().collect();
            assert_eq!(names, ["code", "message", "param", "request_id"]);
            assert!(error["message"].as_str().is_some_and(|message| message.len() > 5), "{error}");
            assert_eq!(matches!(self.status, 429 | 503), self.headers.contains_key("retry-after"), "{error}");
        }
    }

    /// Checks the status and code of a refusal of /v1, and returns what is told.
    #[track_caller]
    pub(crate) fn failed(&self, status: u16, code: &str) -> Value {
        let error = self.json()["error"].clone();
        assert_eq!((self.status, error["code"].as_str().unwrap_or_default()), (status, code), "{}", self.text());
        error
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
