//! The server side of `touchstone bench`: a real node on a free port with an empty database and folder of its own, driven over
//! HTTP by clients in this process.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use touchstone_cli::{Served, Server, Way};

use crate::{
    app::{App, Role},
    config::Config,
};

/// How long a client waits before it asks again whether the heatmap is ready.
const POLL: Duration = Duration::from_millis(50);

/// A node that is started for one measurement and thrown away.
pub struct Node<'a> {
    runtime: &'a Runtime,
    config: Config,
}

impl<'a> Node<'a> {
    /// A node with this configuration, but an empty database and folder of its own, a free port and no rate limits.
    #[must_use]
    pub const fn new(runtime: &'a Runtime, config: Config) -> Self {
        Self { runtime, config }
    }

    fn config(&self, folder: &std::path::Path) -> anyhow::Result<Config> {
        let mut config = self.config.clone();
        config.data_dir = folder.to_owned();
        config.http.listen = "127.0.0.1:0".to_owned();
        config.http.public_url = String::new();
        (config.http.organization_per_second, config.http.keyless_per_second) = (0, 0);
        config.plans.pro.per_second = 0;
        (config.database.url, config.blobs.url) = (String::new(), String::new());
        config.fill_in()?;
        Ok(config)
    }
}

impl Server for Node<'_> {
    fn judge_many(&self, way: Way, images: Vec<Bytes>, clients: usize) -> anyhow::Result<Served> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let config = self.config(folder.path())?;
        self.runtime.block_on(async {
            let app = App::build(config, BTreeSet::from([Role::Api, Role::Worker])).await?;
            let (demo, url) = (app.demo.as_ref().context("a fresh database makes a demo organisation")?, app.public_url().to_owned());
            let client = Arc::new(Visitor { http: Client::new(), url, key: demo.key.expose_secret().to_owned() });
            app.draw_heatmaps_for_real(demo).await?;
            let stop = CancellationToken::new();
            let node = tokio::spawn(app.run_until(stop.clone()));
            let served = tokio::task::spawn_blocking(move || visit_from_one_thread(client, way, images, clients)).await?;
            stop.cancel();
            node.await??;
            served
        })
    }
}

/// All clients in this one thread, so that the system can tell how much processor time they took.
fn visit_from_one_thread(client: Arc<Visitor>, way: Way, images: Vec<Bytes>, clients: usize) -> anyhow::Result<Served> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if way == Way::Again {
        runtime.block_on(visit(client.clone(), way, images.clone(), clients))?;
    }
    let (start, before) = (Instant::now(), thread_cpu());
    runtime.block_on(visit(client, way, images, clients))?;
    let client_cpu = before.zip(thread_cpu()).map(|(before, after)| after.saturating_sub(before));
    Ok(Served { wall: start.elapsed(), client_cpu })
}

/// Processor time of the calling thread; `None` where the system does not tell.
fn thread_cpu() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Sends every image, so many at a time.
async fn visit(client: Arc<Visitor>, way: Way, images: Vec<Bytes>, clients: usize) -> anyhow::Result<()> {
    let places = Arc::new(Semaphore::new(clients));
    let mut visits = JoinSet::new();
    for image in images {
        let (client, place) = (client.clone(), places.clone().acquire_owned().await?);
        visits.spawn(async move {
            let outcome = match way {
                Way::Steps => client.judge(image).await,
                Way::OneCall | Way::Again => client.detect(image).await,
            };
            drop(place);
            outcome
        });
    }
    while let Some(visit) = visits.join_next().await {
        visit??;
    }
    Ok(())
}

/// A client as the documents describe one.
struct Visitor {
    http: Client,
    url: String,
    key: String,
}

impl Visitor {
    async fn judge(&self, image: Bytes) -> anyhow::Result<()> {
        let format = touchstone_core::media::Format::sniff(&image).context("the benchmark's own pictures are images")?;
        let name = format!("bench.{}", format.name().to_lowercase());
        let presigned = self.http.get(format!("{}/get-presigned-url?file_name={name}", self.url)).header("apikey", &self.key);
        let presigned: Value = presigned.send().await?.error_for_status()?.json().await?;
        let put = self.http.put(text(&presigned, "presigned_url")?).header("content-type", format.content_type()).body(image);
        put.send().await?.error_for_status()?;
        let body = json!({ "key": self.key, "url": text(&presigned, "file_path")?, "generate_preview": true });
        let accepted: Value = self.http.post(format!("{}/detect", self.url)).json(&body).send().await?.error_for_status()?.json().await?;
        self.wait(text(&accepted, "id")?).await
    }

    /// One call of /v1, with the image in a form.
    async fn detect(&self, image: Bytes) -> anyhow::Result<()> {
        const LIMIT: &str = "a-limit-that-no-picture-of-ours-holds";
        let field = |name: &str| format!("--{LIMIT}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        let before = format!("{}true\r\n{}", field("include_heatmap"), field("image"));
        let body = [before.as_bytes(), &image, format!("\r\n--{LIMIT}--\r\n").as_bytes()].concat();
        let request = self.http.post(format!("{}/v1/detect", self.url)).bearer_auth(&self.key).body(body);
        let request = request.header("content-type", format!("multipart/form-data; boundary={LIMIT}"));
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        anyhow::ensure!(answer["heatmap_url"].is_string(), "the server drew no heatmap: {answer}");
        Ok(())
    }

    async fn wait(&self, id: &str) -> anyhow::Result<()> {
        loop {
            let query = self.http.post(format!("{}/query", self.url)).json(&json!({ "id": id }));
            let answer: Value = query.send().await?.error_for_status()?.json().await?;
            anyhow::ensure!(answer["status"] != "failed", "the server failed an image: {answer}");
            match answer["result_details"]["heatmap_status"].as_str() {
                Some("ready") => return Ok(()),
                Some("failed") => anyhow::bail!("the server could not draw a heatmap: {answer}"),
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }
}

fn text<'a>(answer: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    answer[field].as_str().with_context(|| format!("the answer has no \"{field}\": {answer}"))
}
