//! V10: webhooks are administered by a project's keys, signed so that the official libraries and the text's sample accept them, and arrive.

mod api;
mod arrival;
mod crash;
mod libraries;
mod storm;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use touchstone::config::Config;
use touchstone_core::webhook::Retries;

use crate::support::{
    Client, TestApp, audit, eventually,
    receiver::{Received, Receiver},
};

/// Longest wait for something to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, a client of a fresh organisation, and receivers.
struct Hooked {
    app: TestApp,
    client: Client,
    receiver: Receiver,
}

/// A webhook and its secret.
struct Hook {
    id: String,
    secret: String,
}

impl Hooked {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server that tries again soon, and differs in this.
    async fn with(change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        let receiver = Receiver::start().await;
        let app = TestApp::with(|config| {
            Receiver::allow(config);
            config.webhooks.retries = Retries::new(vec![Duration::from_millis(50); 5]);
            config.webhooks.timeout_seconds = 2;
            change(config);
        });
        let client = app.client().await;
        Self { app, client, receiver }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        call(&self.client, method, path, body).await
    }

    /// A webhook for everything, to this path of the receiver.
    async fn hook(&self, path: &str) -> Hook {
        hook(&self.client, &self.receiver.url(path)).await
    }

    async fn show(&self, hook: &Hook) -> Value {
        self.call(Method::GET, &format!("/v1/webhooks/{}", hook.id), Value::Null).await.1
    }

    /// Sends a test, and tells its delivery.
    async fn test(&self, hook: &Hook) -> String {
        test(&self.client, hook).await
    }

    async fn log(&self, hook: &Hook) -> Vec<Value> {
        let (status, log) = self.call(Method::GET, &format!("/v1/webhooks/{}/deliveries", hook.id), Value::Null).await;
        assert_eq!(status, 200, "{log}");
        log["deliveries"].as_array().unwrap().clone()
    }

    /// So many have arrived under a path.
    async fn arrived(&self, path: &str, count: usize) -> Vec<Received> {
        eventually(&format!("{count} at {path}"), PATIENCE, || async {
            let received = self.receiver.at(path);
            (received.len() >= count).then_some(received)
        })
        .await
    }

    /// The newest delivery has come so far.
    async fn newest(&self, hook: &Hook, state: &str) -> Value {
        eventually(&format!("the newest delivery to be {state}"), PATIENCE, || async {
            let newest = self.log(hook).await.into_iter().next()?;
            (newest["state"] == state).then_some(newest)
        })
        .await
    }

    /// What time would do: endpoints that rest are awake.
    async fn wake(&self) {
        audit::execute(&self.app.database, "UPDATE webhook_endpoint SET rests_until = NULL").await;
    }
}

/// A call with the client's key, whatever it answers.
async fn call(client: &Client, method: Method, path: &str, body: Value) -> (u16, Value) {
    let mut request = client.request(method, path).bearer_auth(&client.key);
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let (status, id) = (answer.status().as_u16(), answer.headers()["x-request-id"].to_str().unwrap().to_owned());
    let body: Value = answer.json().await.unwrap();
    let told = if status < 400 { &body["request_id"] } else { &body["error"]["request_id"] };
    // V14
    assert_eq!(*told, id, "{body}");
    (status, body)
}

async fn hook(client: &Client, url: &str) -> Hook {
    let events = ["detection.completed", "batch.completed", "batch.failed"];
    let (status, made) = call(client, Method::POST, "/v1/webhooks", json!({ "url": url, "events": events })).await;
    assert_eq!(status, 201, "{made}");
    Hook { id: made["id"].as_str().unwrap().to_owned(), secret: made["secret"].as_str().unwrap().to_owned() }
}

async fn test(client: &Client, hook: &Hook) -> String {
    let (status, made) = call(client, Method::POST, &format!("/v1/webhooks/{}/test", hook.id), Value::Null).await;
    assert_eq!((status, &made["queued"]), (202, &json!(1)), "{made}");
    made["delivery_id"].as_str().unwrap().to_owned()
}
