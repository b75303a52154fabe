//! How many submissions and jobs a second. Measured on request: `cargo test -p touchstone-store --lib speed -- --ignored --nocapture`.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use touchstone_core::ids::DocumentId;

use super::{
    Fixture,
    fixture::{MINUTE, document},
};
use crate::Submitted;

const DOCUMENTS: usize = 1000;
const TASKS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement, not a check"]
async fn sqlite() {
    measure("SQLite", Fixture::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a measurement, not a check"]
async fn postgres() {
    if let Some(fixture) = Fixture::postgres().await {
        measure("PostgreSQL", fixture).await;
    }
}

async fn measure(name: &str, f: Fixture) {
    let mut organizations = Vec::new();
    for _ in 0..TASKS {
        organizations.push(f.organization(DOCUMENTS as i64, 0).await);
    }
    let mut tasks = Vec::new();
    for organization in &organizations {
        let mut new = Vec::new();
        for _ in 0..DOCUMENTS / TASKS {
            new.push(document(*organization, &f.upload(*organization).await));
        }
        tasks.push(new);
    }
    let f = std::sync::Arc::new(f);
    let started = Instant::now();
    all(tasks.into_iter().map(|new| {
        let f = std::sync::Arc::clone(&f);
        async move {
            for new in new {
                assert!(matches!(f.submit(new).await, Submitted::Created(_)));
            }
        }
    }))
    .await;
    tell(name, "submit", started.elapsed());
    let started = Instant::now();
    let idle = f.claim("nobody's", 0, MINUTE).await;
    assert!(idle.is_empty());
    tell_one(name, "one look at a queue of 1000", started.elapsed());
    let started = Instant::now();
    all((0..TASKS).map(|n| work(format!("w{n}"), std::sync::Arc::clone(&f)))).await;
    tell(name, "claim (4 at once), finish, complete", started.elapsed());
    assert_eq!(f.store.backlog().await.expect("backlog"), 0);
}

async fn work(worker: String, f: std::sync::Arc<Fixture>) {
    while f.store.backlog().await.expect("backlog") > 0 {
        for job in f.claim(&worker, 4, MINUTE).await {
            let id: DocumentId = serde_json::from_value(job.payload["document"].clone()).expect("an id");
            assert!(f.finish(&job, id).await.expect("finish") && f.store.complete(&job.lease).await.expect("complete"));
        }
    }
}

async fn all<F: Future<Output = ()> + Send + 'static>(futures: impl Iterator<Item = F>) {
    for task in futures.map(tokio::spawn).collect::<Vec<_>>() {
        task.await.expect("joined");
    }
}

fn tell(name: &str, what: &str, took: Duration) {
    let rate = DOCUMENTS as f64 / took.as_secs_f64();
    writeln!(std::io::stderr(), "{name}: {what}: {rate:.0}/s, {TASKS} tasks").expect("stderr is open");
}

fn tell_one(name: &str, what: &str, took: Duration) {
    writeln!(std::io::stderr(), "{name}: {what}: {:.1} ms", took.as_secs_f64() * 1000.0).expect("stderr is open");
}
