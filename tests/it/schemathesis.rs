//! The published API document against the running server: schemathesis, seeded so that the good answers are reached as well.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Client, Finish, TestApp, Upload, pictures, python, skip, stripe, zips};

/// The secret of trusted backend jobs.
const JOB_SECRET: &str = "the secret of backend jobs";

/// What an upload URL of ours needs, as the document names it.
fn put_parameters(upload: &Upload) -> Value {
    let url = url::Url::parse(&upload.url).unwrap();
    let of = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).unwrap().1.into_owned();
    let name = url.path_segments().unwrap().next_back().unwrap().to_owned();
    json!({ "name": name, "expires": of("expires"), "signature": of("signature") })
}

/// What a signed link to a picture needs.
fn link_parameters(id: &str, link: &Value) -> Value {
    let url = url::Url::parse(link.as_str().unwrap()).unwrap();
    let of = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).unwrap().1.into_owned();
    json!({ "id": id, "expires": of("expires"), "signature": of("signature") })
}

/// Uploads, judged documents and links that the hooks feed into requests.
async fn seed(client: &Client) -> Value {
    let mut uploads = Vec::new();
    for seed in 0..3 {
        uploads.push(client.upload("photo.png", pictures::png_of(&pictures::scene(64, 64, seed))).await);
    }
    let id = client.judge("castle.png", pictures::generated_png_of(&pictures::scene(96, 96, 1))).await["id"].clone();
    let id = id.as_str().unwrap();
    // The organisation's pictures are secure: links are told to its key.
    let judged = client.post("/query", &json!({ "id": id, "key": client.key })).await.ok();
    let file = |name: &str, seed| zips::File::stored(name, pictures::png_of(&pictures::scene(64, 64, seed)));
    let zip = zips::archive(&[file("a.png", 4), file("b.png", 5), file("c.pdf", 6)]);
    let zip = client.upload("photos.zip", zip).await;
    let batch = client.bulk(&zip, json!({})).await.ok()["id"].clone();
    client.settle_zip(batch.as_str().unwrap()).await;
    let image = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pictures::jpeg(9));
    let job = client.v1_post("/v1/detect/batch", &json!({ "images": [{ "image_base64": image }] })).await.ok()["job_id"].clone();
    let [webhook, spare] = [webhook(client).await, webhook(client).await];
    let empty = client.presign("photo.png").await;
    json!({
        "key": client.key,
        "urls": uploads.iter().map(Client::vendor_url).collect::<Vec<_>>(),
        "models": ["generic", "sheerid", "lab/generic", "lab/sheerid"],
        "document": id,
        "zip": Client::vendor_url(&zip),
        "batch": batch,
        "image": image,
        "job": job,
        "webhook": webhook,
        "spare": spare,
        "heatmap": link_parameters(id, &judged["result_details"]["heatmap_url"]),
        "preview": link_parameters(id, &judged["preview_url"]),
        "put": put_parameters(&empty),
        "organization": client.organization,
        "job_secret": JOB_SECRET,
        "webhook_secret": stripe::WEBHOOK_SECRET,
        "today": touchstone_core::day::Day::of(touchstone_core::time::Timestamp::now()),
    })
}

/// The id of a webhook that leads nowhere.
async fn webhook(client: &Client) -> Value {
    let wanted = json!({ "url": "https://club.invalid/hook", "events": ["detection.completed"] });
    client.v1_post("/v1/webhooks", &wanted).await.json()["id"].clone()
}

/// Prints which statuses every operation answered, and names those that never succeeded.
fn tell(seen: &BTreeMap<String, BTreeMap<String, u64>>) -> Vec<&str> {
    println!("\n{:<34} answers", "operation");
    for (operation, statuses) in seen {
        let counts: Vec<String> = statuses.iter().map(|(status, count)| format!("{status}×{count}")).collect();
        println!("{operation:<34} {}", counts.join("  "));
    }
    seen.iter()
        .filter(|(_, statuses)| !statuses.keys().any(|status| status.starts_with('2')))
        .map(|(operation, _)| operation.as_str())
        .collect()
}

// T14, T16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_does_what_its_document_says() {
    let stripe = stripe::Stripe::start();
    let app = TestApp::with(move |config| {
        stripe.configure(config);
        config.security.job_secret = JOB_SECRET.to_owned().into();
        config.security.link_seconds = 3600;
        // Its examples name hosts that no test may reach.
        config.fetch.seconds = 2;
        config.plans.pro.concurrent_batches = 0;
        config.jobs.instances = vec!["lab".to_owned()];
    });
    let client = app
        .client_of(crate::support::app::Org {
            metered: true,
            set: "secure_assets = true, stripe_customer_id = 'cus_1'",
            ..Default::default()
        })
        .await;
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = python::program("schemathesis", folder.path()) else {
        return skip("schemathesis", "TOUCHSTONE_TEST_VENV is not set");
    };
    let (seeds, report) = (folder.path().join("seeds.json"), folder.path().join("answers.json"));
    std::fs::write(&seeds, seed(&client).await.to_string()).unwrap();
    command.arg("--config-file").arg(python::client("schemathesis.toml")).args(["run", &format!("{}/openapi.json", client.url)]);
    command.args(["--url", &client.url, "--header", &format!("apikey: {}", client.key)]);
    command.args(["--header", &format!("Authorization: Bearer {}", client.key)]);
    command.env("SCHEMATHESIS_HOOKS", python::client("hooks.py")).env("TOUCHSTONE_SEEDS", &seeds).env("TOUCHSTONE_ANSWERS", &report);
    let output = tokio::task::spawn_blocking(move || command.finish()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).replace(client.key.as_str(), "<key>");
    let seen: BTreeMap<String, BTreeMap<String, u64>> = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let never = tell(&seen);
    told.lines().filter(|line| ["tateful", "cenario", "inks"].iter().any(|word| line.contains(word))).for_each(|line| println!("{line}"));
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(never, [""; 0], "operations that never succeeded");
    let document = client.get("/openapi.json").await.ok();
    let operations: usize = document["paths"].as_object().unwrap().values().map(|methods| methods.as_object().unwrap().len()).sum();
    assert_eq!(seen.len(), operations, "every operation was called");
    app.idle().await;
}
