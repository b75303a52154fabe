//! The real binary as a process: for what only a process can show (signals, kill -9, memory, logs, exit codes).

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Client, eavesdrop, root};

/// Longest wait for a server to say that it listens: a debug build reads its model first.
const START: Duration = Duration::from_secs(30);

/// Longest that a program may run: what hangs is named and killed, and so is a failure of its own test and no silence of the whole suite.
const LONGEST: Duration = Duration::from_secs(600);

/// How a server under test differs from one that a newcomer starts: a free port, logs for machines, no limits on the one
/// address that all requests come from, and no time to lose at the end.
const ORDINARY: &[(&str, &str)] = &[
    ("TOUCHSTONE__HTTP__LISTEN", "127.0.0.1:0"),
    ("TOUCHSTONE__HTTP__ORGANIZATION_PER_SECOND", "0"),
    ("TOUCHSTONE__HTTP__KEYLESS_PER_SECOND", "0"),
    ("TOUCHSTONE__HTTP__DRAIN_NOTICE_SECONDS", "0"),
    ("TOUCHSTONE__JOBS__CONCURRENCY", "2"),
    ("TOUCHSTONE__PIPELINE__INFERENCE__THREADS", "1"),
    ("TOUCHSTONE__LOG__FORMAT", "json"),
];

/// The binary with a clean environment: no setting of the machine that runs the tests leaks in.
pub(crate) fn touchstone(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    command.current_dir(root()).env("TOUCHSTONE__DATA_DIR", data_dir).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TOUCHSTONE_")) {
        if name != "TOUCHSTONE__DATA_DIR" {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end, whatever it does.
pub(crate) trait Finish {
    fn finish(self) -> Output;
}

impl Finish for &mut Command {
    fn finish(self) -> Output {
        self.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap().finish()
    }
}

impl Finish for Child {
    fn finish(self) -> Output {
        let _watch = Watch::over(&self);
        self.wait_with_output().unwrap()
    }
}

/// Kills a program that takes too long, unless dropped before.
pub(crate) struct Watch(#[expect(dead_code, reason = "dropping it is what tells")] mpsc::Sender<()>);

impl Watch {
    pub(crate) fn over(child: &Child) -> Self {
        let (over, ended) = mpsc::channel::<()>();
        let id = child.id().to_string();
        std::thread::spawn(move || {
            if ended.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout) {
                let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default().replace('\0', " ");
                eprintln!("process {id} does not end and is killed: {line}");
                assert!(Command::new("kill").args(["-9", &id]).status().unwrap().success());
            }
        });
        Self(over)
    }
}

/// Runs the binary to its end.
pub(crate) fn run(data_dir: &Path, arguments: &[&str]) -> Output {
    touchstone(data_dir).args(arguments).finish()
}

/// Runs the binary, expects success, and reads its stdout as one JSON object.
pub(crate) fn run_json(data_dir: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Value {
    let output = touchstone(data_dir).envs(settings.iter().copied()).args(arguments).finish();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A running `touchstone serve`.
pub(crate) struct Process {
    pub(crate) url: String,
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a server over this data folder, on a free port, with JSON logs. Settings are environment variables.
    pub(crate) fn serve(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        Self::serve_with(data_dir, settings, &[])
    }

    pub(crate) fn serve_with(data_dir: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = touchstone(data_dir);
        command.envs(ORDINARY.iter().copied()).envs(settings.iter().copied());
        let mut child = command.arg("serve").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = collect(child.stdout.take().unwrap(), None);
        let (tell, told) = mpsc::channel();
        let stderr = collect(child.stderr.take().unwrap(), Some(tell));
        let url = told.recv_timeout(START).unwrap_or_else(|_| {
            child.kill().unwrap();
            panic!("the server does not start:\n{}", stderr.lock().unwrap())
        });
        Self { url, child, stdout, stderr }
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(&self.url, key, "")
    }

    /// A client of the organisation that the first start made: its key is read from where it is shown.
    pub(crate) fn demo(&self) -> Client {
        let begun = Instant::now();
        loop {
            if let Some(key) = self.stdout().split_whitespace().find(|word| word.starts_with("aidet_live_sk_")) {
                return self.client(key);
            }
            assert!(begun.elapsed() < START, "no key was shown: {}", self.stdout());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// The log lines that are JSON objects.
    pub(crate) fn log_entries(&self) -> Vec<Value> {
        self.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The most memory it ever held, in bytes (`VmHWM`).
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// SIGKILL: it gets no chance to do anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, without waiting.
    pub(crate) fn terminate(&self) {
        let killed = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status().unwrap();
        assert!(killed.success());
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.terminate();
        self.ended()
    }

    /// How it ended, where the signal was sent before.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        (self.wait(Duration::from_secs(60)), self.log())
    }

    /// Waits for its end.
    fn wait(&mut self, within: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < within, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.child.kill().expect("a running child can be killed");
            self.child.wait().expect("a killed child can be waited for");
        }
        if !std::thread::panicking() {
            assert_eq!(eavesdrop::lines_with_secrets(&self.log()), [""; 0], "secrets in the log");
        }
    }
}

/// Reads a pipe to its end on a thread; tells the address as soon as a line says it.
fn collect(pipe: impl Read + Send + 'static, tell: Option<mpsc::Sender<String>>) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = text.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if let (Some(tell), Some(address)) = (&tell, listening(&line)) {
                tell.send(address).expect("the starter waits for the address");
            }
            let mut text = shared.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
    text
}

/// The base URL in the line that says the server listens; empty where a node that serves no HTTP says it is at work.
fn listening(line: &str) -> Option<String> {
    let entry: Value = serde_json::from_str(line).ok()?;
    match entry["message"].as_str()? {
        "touchstone is listening" => Some(format!("http://{}", entry["address"].as_str()?)),
        "touchstone is at work, without the API" => Some(String::new()),
        _ => None,
    }
}
