//! Remote inference (row X7): a real server of the Open Inference Protocol, MLServer, runs the shipped model's networks.
//!
//! The same pictures get the same verdicts as in this process, and nothing gets one when the server is gone.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use touchstone::config::Config;
use touchstone_pipeline::settings::Backend;

use crate::support::{
    Finish, Plan, TestApp, http, pictures,
    process::{Watch, run, touchstone},
    python, root, skip,
};

const NAME: &str = "remote inference";
const WHY: &str = "TOUCHSTONE_TEST_VENV is not set, or holds no MLServer";

/// Longest wait for MLServer: it imports half of PyPI first.
const START: Duration = Duration::from_secs(120);

/// MLServer with a model of this project; killed when dropped.
struct Server {
    url: String,
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut python = python::program("python", folder.path())?;
        python::program("python", folder.path())?
            .args(["-c", "import mlserver, onnxruntime"])
            .output()
            .ok()
            .filter(|tried| tried.status.success())?;
        let ports: Vec<SocketAddr> = free_ports();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        python.arg(python::client("mlserver/serve.py")).arg(root().join("models/touchstone-2")).arg(folder.path()).arg("--ports");
        let child =
            python.args(ports.iter().map(|port| port.port().to_string())).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut server = Self { url: format!("http://{}", ports[0]), child, folder };
        server.wait(ports[0]);
        Some(server)
    }

    /// Waits until every model is loaded: MLServer opens its port last of all.
    fn wait(&mut self, address: SocketAddr) {
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(ended.is_none() && begun.elapsed() < START, "MLServer does not start ({ended:?}):\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(Duration::from_millis(500));
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `touchstone` told to use this server; the runtime library that it names does not exist.
    fn touchstone(&self, arguments: &[&str]) -> Command {
        let mut command = touchstone(self.folder.path());
        let settings = [("BACKEND", "remote"), ("REMOTE__URL", &self.url), ("REMOTE__TIMEOUT_SECONDS", "120"), ("THREADS", "1")];
        command.envs(settings.map(|(key, value)| (format!("TOUCHSTONE__PIPELINE__INFERENCE__{key}"), value)));
        command.env("TOUCHSTONE__PIPELINE__ONNXRUNTIME", "no/such/library.so").args(arguments);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed by the test; then there is nothing left to end.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.kill();
        }
    }
}

/// Three ports that nobody has: for HTTP, gRPC and metrics.
fn free_ports() -> Vec<SocketAddr> {
    let held: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

fn rows(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn gallery(pictures: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..pictures {
        std::fs::write(folder.path().join(format!("{seed:02}.jpg")), pictures::jpeg(seed)).unwrap();
    }
    std::fs::write(folder.path().join("small.png"), pictures::png_of(&pictures::scene(90, 140, 7))).unwrap();
    folder
}

// X7
#[test]
fn a_server_gives_the_verdicts_that_this_process_gives() {
    let Some(server) = Server::start() else { return skip(NAME, WHY) };
    let gallery = gallery(3);
    let arguments = ["detect", "--json", gallery.path().to_str().unwrap()];
    let timed = |command: &mut dyn FnMut() -> Output| {
        let begun = Instant::now();
        (rows(&command()), begun.elapsed())
    };
    let (here, took_here) = timed(&mut || run(gallery.path(), &arguments));
    let (there, took_there) = timed(&mut || server.touchstone(&arguments).finish());
    println!("remote inference: {} pictures in {took_there:?}, embedded in {took_here:?}, starts included", here.len());
    assert_eq!(here.len(), 4);
    for (here, there) in here.iter().zip(&there) {
        assert_eq!((&here["path"], &here["final_result"], &here["unsure"]), (&there["path"], &there["final_result"], &there["unsure"]));
        let difference = (here["result"].as_f64().unwrap() - there["result"].as_f64().unwrap()).abs() / 100.0;
        assert!(difference <= 1e-4, "{here}\n{there}");
    }
}

// X7
#[test]
fn pictures_are_not_judged_when_the_server_dies_in_the_middle_and_detect_says_why() {
    let Some(mut server) = Server::start() else { return skip(NAME, WHY) };
    let gallery = gallery(40);
    let mut child = server.touchstone(&["detect", "--json", gallery.path().to_str().unwrap()]).stdout(Stdio::piped()).spawn().unwrap();
    let _watch = Watch::over(&child);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert!(lines.next().unwrap()["error"].is_null(), "the first was judged");
    server.kill();
    let rest: Vec<Value> = lines.collect();
    assert_eq!((child.wait().unwrap().code(), rest.len()), (Some(1), 40));
    let failed: Vec<&Value> = rest.iter().filter(|row| !row["error"].is_null()).collect();
    assert!(!failed.is_empty());
    for row in failed {
        assert!(row["error"].as_str().unwrap().contains(&server.url) && row["final_result"].is_null(), "{row}");
    }
    let output = server.touchstone(&["detect", gallery.path().to_str().unwrap()]).finish();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains(&server.url) && told.contains("pipeline.inference.remote"), "{told}");
}

// X7, T3: never "Real" by default, and a credit that goes back.
#[tokio::test]
async fn a_document_fails_and_its_credit_is_released_when_the_server_is_gone() {
    let Some(mut server) = tokio::task::spawn_blocking(Server::start).await.unwrap() else { return skip(NAME, WHY) };
    let url = server.url.clone();
    let change = move |config: &mut Config| {
        let inference = &mut config.pipeline.inference;
        (inference.backend, inference.remote.url, inference.remote.timeout_seconds) = (Backend::Remote, url, 120);
    };
    // `main` chooses the TLS provider; in this process the tests' own client does.
    drop(http());
    // The job that nobody can do stays behind as given up.
    let app = TestApp::start(Plan { change: Box::new(change), leftovers: true, ..Plan::default() });
    let client = app.client().await;
    assert_eq!(client.judge("photo.jpg", pictures::jpeg(1)).await["status"], "done");
    assert_eq!(client.credits().await, 99);
    server.kill();
    let seen = client.judge("other.jpg", pictures::jpeg(2)).await;
    assert_eq!((&seen["status"], &seen["result"]), (&Value::from("failed"), &Value::Null), "{seen}");
    assert_eq!(client.credits().await, 99, "it cost nothing");
}
