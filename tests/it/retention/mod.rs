//! What is kept, and for how long: V11, V12. Every test looks into the object store itself: what is gone must be gone there.

mod cache;
mod erase;
mod kill;
mod swept;
mod zero;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use touchstone_blobs::Blobs;
use touchstone_moderation::{Keeper, Swept, settings::Retention};

use crate::support::{Client, TestApp, audit, eventually};

/// As the manual has it, but for what a test changes.
const KEPT: Retention = Retention { originals_minutes: 15, pictures_days: 30, documents_days: 0 };

/// The keys of everything that is stored.
fn objects(app: &TestApp) -> Vec<String> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            if entry.path().is_dir() { walk(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }
    let folder = app.data.path().join("blobs");
    let mut found = Vec::new();
    walk(&folder, &mut found);
    let mut keys: Vec<String> = found.iter().map(|path| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

/// Waits until nothing is stored: an original goes in the moment after its job has left the queue.
async fn emptied(app: &TestApp) {
    let within = std::time::Duration::from_secs(10);
    eventually("everything stored to go", within, || async { objects(app).is_empty().then_some(()) }).await;
}

/// What the clock does every few minutes, now.
async fn sweep(app: &TestApp, kept: Retention) -> Swept {
    Keeper::new(app.store().await, Blobs::open(&app.config.blobs).unwrap(), kept).sweep().await.unwrap()
}

/// Every document that has ended did so this many days ago.
async fn days_pass(app: &TestApp, days: i64) {
    let moment = chrono::Utc::now().timestamp_millis() - days * 86_400_000;
    audit::execute(&app.database, &format!("UPDATE document SET finished_at = {moment} WHERE finished_at IS NOT NULL")).await;
}

async fn count(app: &TestApp, rows: &str) -> i64 {
    let connection = app.database.connect().await;
    let count = audit::number(&connection, &format!("SELECT COUNT(*) AS n FROM {rows}")).await;
    connection.close().await.unwrap();
    count
}

/// Bytes as JSON carries them.
fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// One call of /v1, answered.
async fn detect(client: &Client, image: &[u8], mut more: Value) -> Value {
    more["image_base64"] = json!(base64(image));
    client.v1_post("/v1/detect", &more).await.ok()
}
