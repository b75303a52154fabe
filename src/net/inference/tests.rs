//! What becomes of servers that are right, wrong, slow or gone. The server here says what each test wants; a real one is asked
//! in `tests/it/remote.rs`.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use touchstone_pipeline::{
    infer::Infer,
    settings::{Backend, Decoder, Inference, Limits, Provenance, Remote},
};

use super::*;

type Answers = Arc<Mutex<BTreeMap<String, (u16, String)>>>;

/// A server whose answers stand in a table by path; what is not there is 404.
struct Fake {
    url: String,
    answers: Answers,
    /// The heads of all requests so far.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// One that serves the plain model as it should: every picture is class 1 by odds of e².
    fn plain() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let fake = Self { url, answers: Answers::default(), heard: Arc::default() };
        let (answers, heard) = (fake.answers.clone(), fake.heard.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answers, heard) = (answers.clone(), heard.clone());
                std::thread::spawn(move || answer(stream, &answers, &heard));
            }
        });
        fake.says("/v2/health/ready", 200, &json!({}));
        fake.says("/v2/models/plain-picture", 200, &metadata());
        fake.says("/v2/models/plain-picture/infer", 200, &outputs(&json!([[-1.0, 1.0]])));
        fake
    }

    fn says(&self, path: &str, status: u16, body: &Value) {
        self.says_text(path, status, &body.to_string());
    }

    fn says_text(&self, path: &str, status: u16, body: &str) {
        self.answers.lock().expect("unpoisoned").insert(path.to_owned(), (status, body.to_owned()));
    }

    fn open(&self) -> Result<Workers, OpenError> {
        open(&settings(&self.url), &card())
    }
}

fn metadata() -> Value {
    json!({
        "name": "plain-picture",
        "inputs": [{ "name": "pixel_values", "datatype": "FP32", "shape": [-1, 3, 32, 32] }],
        "outputs": [{ "name": "logits", "datatype": "FP32", "shape": [-1, 2] }],
    })
}

fn outputs(data: &Value) -> Value {
    json!({ "model_name": "plain-picture", "outputs": [{ "name": "logits", "datatype": "FP32", "shape": [1, 2], "data": data }] })
}

fn answer(stream: TcpStream, answers: &Answers, heard: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let before = head.len();
            (reader.read_line(&mut head).ok()? > 0).then_some(())?;
            length =
                head[before..].to_lowercase().strip_prefix("content-length:").map_or(length, |text| text.trim().parse().expect("a number"));
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let path = head.split(' ').nth(1)?.to_owned();
        heard.lock().ok()?.push(head);
        let (status, body) = answers.lock().ok()?.get(&path).cloned().unwrap_or((404, "no such place".into()));
        if status == 0 {
            // Says nothing until the client has lost its patience.
            std::thread::sleep(Duration::from_secs(3));
            return None;
        }
        write!(&stream, "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

fn settings(url: &str) -> Settings {
    rustls::crypto::ring::default_provider().install_default().ok();
    let remote = Remote { url: url.to_owned(), models: BTreeMap::new(), timeout_seconds: 1, token: "s3cret".into() };
    Settings {
        model: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/plain"),
        onnxruntime: "no/such/library".into(),
        bypass_watermark: false,
        limits: Limits { max_side: 1, max_pixels: 1, max_memory: 1, max_frames: 1 },
        decoder: Decoder::default(),
        provenance: Provenance::default(),
        inference: Inference { backend: Backend::Remote, threads: 1, queue: 0, remote },
    }
}

fn card() -> ModelCard {
    ModelCard::read(&settings("").model).expect("the fixture")
}

fn batch() -> Vec<Batch> {
    vec![Batch::trial(0, &card().views[0])]
}

// X7
#[test]
fn a_server_that_fits_the_card_scores_squares() {
    let fake = Fake::plain();
    let workers = fake.open().expect("it fits");
    let scores = workers.infer(batch()).expect("scored");
    assert!((scores[0].image[0] - 2.0).abs() < 1e-6);
    let flat = outputs(&json!([3.0, -1.0]));
    fake.says("/v2/models/plain-picture/infer", 200, &flat);
    assert!((workers.infer(batch()).expect("flat numbers will do")[0].image[0] + 4.0).abs() < 1e-6);
    let heard = fake.heard.lock().expect("unpoisoned");
    assert!(heard.iter().all(|head| head.to_lowercase().contains("authorization: bearer s3cret")), "{heard:?}");
}

// X7
#[test]
fn whatever_a_server_gets_wrong_is_an_error_that_names_it_and_never_a_score() {
    let fake = Fake::plain();
    let workers = fake.open().expect("it fits");
    let answers = [
        (500, json!({ "error": "out of memory" }).to_string(), "answered 500 Internal Server Error: {\"error\":\"out of memory\"}"),
        (302, String::new(), "answered 302"),
        (200, "<html>".into(), "cannot be read"),
        (200, outputs(&json!([[null, 1.0]])).to_string(), "must be numbers"),
        (200, outputs(&json!([1e39, 1.0])).to_string(), "not finite"),
        (200, outputs(&json!([1.0])).to_string(), "1 numbers for 1 squares"),
        (200, outputs(&json!([1.0, 2.0])).to_string().replace("[1,2]", "[2,1]"), "the shape [2, 1]"),
        (200, outputs(&json!([1.0, 2.0])).to_string().replace("FP32", "INT8"), "no output \"logits\" of float32"),
        (200, outputs(&json!([1.0, 2.0])).to_string().replace("\"logits\"", "\"heat\""), "no output \"logits\""),
        (0, String::new(), "timed out"),
    ];
    for (status, body, told) in answers {
        fake.says_text("/v2/models/plain-picture/infer", status, &body);
        let error = workers.infer(batch()).expect_err(told);
        let reason = error.to_string();
        assert!(matches!(error, InferError::Failed(_)) && reason.contains(told), "{body}: {reason}");
        assert!(reason.contains(&format!("{}/v2/models/plain-picture/infer", fake.url)) && !reason.contains("s3cret"), "{reason}");
    }
    fake.says("/v2/models/plain-picture/infer", 200, &outputs(&json!([0.0, 0.0])));
    assert!(workers.infer(batch()).is_ok(), "the next picture is judged again");
}

// X7
#[test]
fn one_more_than_the_threads_and_the_queue_hold_is_refused() {
    let fake = Fake::plain();
    let workers = fake.open().expect("it fits");
    fake.says_text("/v2/models/plain-picture/infer", 0, "");
    std::thread::scope(|scope| {
        let (before, slow) = (fake.heard.lock().expect("unpoisoned").len(), scope.spawn(|| workers.infer(batch())));
        while fake.heard.lock().expect("unpoisoned").len() == before {
            std::thread::yield_now();
        }
        assert_eq!(workers.infer(batch()), Err(InferError::Busy));
        assert!(slow.join().expect("no panic").is_err());
    });
}

// X7
#[test]
fn a_model_that_does_not_fit_stops_the_start() {
    let change = |right: &str, wrong: &str| {
        let fake = Fake::plain();
        fake.says_text("/v2/models/plain-picture", 200, &metadata().to_string().replace(right, wrong));
        fake.open().err().expect(wrong)
    };
    let mistakes = [
        ("pixel_values", "image", "needs the one input \"pixel_values\" FP32 [-1, 3, 32, 32], but its metadata names [image FP32"),
        ("[-1,3,32,32]", "[-1,32,32,3]", "[-1, 32, 32, 3]"),
        ("[-1,3,32,32]", "[1,3,32,32]", "[1, 3, 32, 32]"),
        ("FP32", "UINT8", "UINT8"),
        ("logits", "probabilities", "needs the output \"logits\" FP32, but its metadata names [probabilities FP32 [-1, 2]]"),
        ("\"inputs\"", "\"ins\"", "names []"),
    ];
    for (right, wrong, told) in mistakes {
        let error = change(right, wrong);
        let reason = error.to_string();
        assert!(
            matches!(error, OpenError::RemoteUnfit { .. }) && reason.contains(told) && reason.contains("/v2/models/plain-picture"),
            "{reason}"
        );
    }
    let fake = Fake::plain();
    fake.says("/v2/models/plain-picture/infer", 200, &outputs(&json!([0.0, f64::from(f32::MAX) * 2.0])));
    assert!(fake.open().err().expect("the trial fails").to_string().contains("not finite"));
}

// X7
#[test]
fn a_server_that_is_not_ready_and_settings_that_cannot_be_are_told_with_the_way_out() {
    let fake = Fake::plain();
    fake.says("/v2/health/ready", 503, &json!({}));
    let told = fake.open().err().expect("not ready").to_string();
    assert!(told.contains("answered 503") && told.contains("pipeline.inference.remote (url, token)"), "{told}");
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port that is free again");
    let told = open(&settings(&format!("http://{gone}")), &card()).err().expect("gone").to_string();
    assert!(told.contains("did not answer") && told.contains("refused"), "{told}");
    for url in ["", "localhost:8080", "ftp://host", "http://user:pw@host", "http://host/?a=b"] {
        let told = open(&settings(url), &card()).err().expect(url).to_string();
        assert!(told.starts_with("pipeline.inference.remote.url"), "{url}: {told}");
    }
    for (view, model, told) in
        [("tiles", "m", "the card has [\"picture\"]"), ("picture", "a/b", "\"name/versions/V\""), ("picture", "..", "\"..\"")]
    {
        let mut wrong = settings(&fake.url);
        fake.says("/v2/health/ready", 200, &json!({}));
        wrong.inference.remote.models.insert(view.into(), model.into());
        let reason = open(&wrong, &card()).err().expect(told).to_string();
        assert!(reason.starts_with("pipeline.inference.remote.models") && reason.contains(told), "{reason}");
    }
}

// X7
#[test]
fn a_view_may_name_its_model_and_a_version() {
    let fake = Fake::plain();
    for (from, to) in
        [("/v2/models/plain-picture", "/v2/models/vit/versions/2"), ("/v2/models/plain-picture/infer", "/v2/models/vit/versions/2/infer")]
    {
        let moved = fake.answers.lock().expect("unpoisoned").remove(from).expect("it was there");
        fake.says_text(to, moved.0, &moved.1);
    }
    let mut settings = settings(&format!("{}/", fake.url));
    settings.inference.remote.models.insert("picture".into(), "vit/versions/2".into());
    assert!(open(&settings, &card()).expect("it fits").infer(batch()).is_ok());
}
