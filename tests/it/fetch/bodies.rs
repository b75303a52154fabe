//! What other people's servers send: too much, too slowly, cut off, packed, or no image at all. All of it ends, soon and small.

use serde_json::json;

use super::REFUSED;
use crate::support::{Outside, Process};

// X9
#[tokio::test]
async fn whatever_is_no_whole_image_in_time_is_refused_in_one_wording() {
    let (outside, app) = Outside::with_app(|_| {}).await;
    let client = app.client().await;
    let paths = [
        "silent",
        "drip",
        "endless",
        "headers",
        "huge",
        "short",
        "gzip",
        "page",
        "tiny",
        "status/204",
        "status/206",
        "status/404",
        "status/500",
    ];
    let asks = paths.map(|path| {
        let (client, url) = (&client, outside.url(path));
        // One after the other where one organisation may not have more under way.
        async move {
            loop {
                let answer = client.detect(json!({ "url": url })).await;
                if answer.status != 429 {
                    return (path, answer);
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        }
    });
    let answers = futures::future::join_all(asks).await;
    for (path, answer) in &answers {
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        answer.refused(400, REFUSED);
        assert_eq!(answer.text(), answers[0].1.text(), "{path}");
    }
    assert_eq!(client.credits().await, 100);
    assert!(!app.data.path().join("blobs/fetched").exists(), "nothing was kept");
}

// X9, O5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boundless_bodies_do_not_fill_the_memory() {
    let outside = Outside::start().await;
    let mut settings = outside.settings();
    settings.push(("TOUCHSTONE__FETCH__SECONDS", "3".into()));
    settings.push(("TOUCHSTONE__FETCH__CONCURRENT_PER_ORGANIZATION", "8".into()));
    let data = tempfile::tempdir().unwrap();
    let borrowed: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let process = Process::serve(data.path(), &borrowed);
    let client = process.demo();
    let before = process.peak_memory();
    for _ in 0..3 {
        let asks = (0..8).map(|n| client.detect(json!({ "url": outside.url(if n % 2 == 0 { "endless" } else { "gzip" }) })));
        for answer in futures::future::join_all(asks).await {
            answer.refused(400, REFUSED);
        }
    }
    let grown = process.peak_memory().saturating_sub(before) >> 20;
    println!("24 boundless bodies, 8 at once: {grown} MB more than before");
    assert!(grown < 8 * 2 * 10 + 32, "{grown} MB");
    assert!(process.stop().0.success());
}
