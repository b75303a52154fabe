//! A vision model behind the OpenAI API, with a memory: it keeps what it was asked, and answers as each test wants.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
};

use serde_json::{Value, json};

/// How it answers.
#[derive(Clone)]
pub(crate) enum Says {
    /// A completion with this text.
    Text(String),
    /// This status and body.
    Raw(u16, String),
}

/// One request that it heard.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// The request line and the headers, lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

struct State {
    says: Says,
    /// It thinks for as long as this is set.
    thinking: bool,
    heard: Vec<Heard>,
}

/// The running fake. Its threads end with the test's process.
pub(crate) struct VisionModel {
    /// What `analysis.base_url` is to be.
    pub(crate) url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl VisionModel {
    /// One that makes these remarks about every picture.
    pub(crate) fn remarking(remarks: &Value) -> Self {
        Self::saying(Says::Text(remarks.to_string()))
    }

    pub(crate) fn saying(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let state = Arc::new((Mutex::new(State { says, thinking: false, heard: Vec::new() }), Condvar::new()));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Self { url, state }
    }

    pub(crate) fn says(&self, says: Says) {
        self.state.0.lock().unwrap().says = says;
    }

    /// It takes every request and answers none …
    pub(crate) fn hang(&self) {
        self.state.0.lock().unwrap().thinking = true;
    }

    /// … until now.
    pub(crate) fn release(&self) {
        self.state.0.lock().unwrap().thinking = false;
        self.state.1.notify_all();
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.0.lock().unwrap().heard.clone()
    }
}

/// Serves one connection; `None` when the client is gone.
fn answer(stream: TcpStream, (state, released): &(Mutex<State>, Condvar)) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            (reader.read_line(&mut head).ok()? > 0).then_some(())?;
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |text| text.trim().parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut state = state.lock().unwrap();
        state.heard.push(Heard { head, body: serde_json::from_slice(&body).unwrap() });
        let says = released.wait_while(state, |state| state.thinking).unwrap().says.clone();
        let (status, body) = match says {
            Says::Raw(status, body) => (status, body),
            Says::Text(text) => (200, json!({ "choices": [{ "message": { "role": "assistant", "content": text } }] }).to_string()),
        };
        write!(&stream, "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}
