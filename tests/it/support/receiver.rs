//! Receivers of webhooks, good and bad: what each does with a delivery stands in its path, and all that arrives is kept.
//!
//! They listen on 127.0.0.2, which the servers under test may send to; 127.0.0.1 is the inside, which they may not.

use std::{
    collections::{BTreeMap, HashSet},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use touchstone::config::Config;
use touchstone_core::time::Timestamp;

/// The address that webhooks may be sent to.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// One delivery that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Timestamp,
}

impl Received {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// How long after what it tells of it arrived, in milliseconds.
    pub(crate) fn late(&self) -> i64 {
        self.at.0 - Timestamp::parse(self.json()["timestamp"].as_str().unwrap()).unwrap().0
    }
}

/// All of them, for as long as the test's runtime lives.
#[derive(Clone)]
pub(crate) struct Receiver {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((ADDRESS, 0)).await.unwrap();
        let receiver = Self { port: listener.local_addr().unwrap().port(), received: Arc::default() };
        let all = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let all = all.clone();
                // A sender that hangs up is part of the tests.
                tokio::spawn(async move { all.take(stream).await.ok() });
            }
        });
        receiver
    }

    /// What lets a server send here.
    pub(crate) fn allow(config: &mut Config) {
        config.webhooks.allow = vec![ADDRESS.to_string()];
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{ADDRESS}:{}/{path}", self.port)
    }

    /// What arrived under a path.
    pub(crate) fn at(&self, path: &str) -> Vec<Received> {
        self.received.lock().unwrap().iter().filter(|one| one.path == path).cloned().collect()
    }

    /// The different ids that arrived under a path.
    pub(crate) fn ids(&self, path: &str) -> HashSet<String> {
        self.received.lock().unwrap().iter().filter(|one| one.path == path).map(|one| one.id().to_owned()).collect()
    }

    async fn take(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut line, mut headers) = (String::new(), BTreeMap::new());
        stream.read_line(&mut line).await?;
        let path = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).await?;
        let one = Received { path: path.clone(), headers, body, at: Timestamp::now() };
        let first = {
            let mut received = self.received.lock().unwrap();
            let first = !received.iter().any(|other| other.path == path && other.id() == one.id());
            received.push(one);
            first
        };
        self.answer(stream.into_inner(), &path, first).await
    }

    /// Does what the path says.
    async fn answer(&self, mut stream: TcpStream, path: &str, first: bool) -> std::io::Result<()> {
        let told = |status: &str, headers: &str| format!("HTTP/1.1 {status} Such\r\n{headers}Content-Length: 4\r\n\r\nwell").into_bytes();
        let (kind, rest) = path.split_once('/').unwrap_or((path, ""));
        match kind {
            "hang" => tokio::time::sleep(Duration::from_secs(600)).await,
            "drop" => {}
            "slow" => {
                tokio::time::sleep(Duration::from_millis(rest.parse().unwrap())).await;
                stream.write_all(&told("200", "")).await?;
            }
            "moved" => stream.write_all(&told("302", &format!("Location: {}\r\n", self.url("trap")))).await?,
            "status" => stream.write_all(&told(rest, "")).await?,
            "later" if first => stream.write_all(&told("503", &format!("Retry-After: {rest}\r\n"))).await?,
            "flaky" if first => stream.write_all(&told("500", "")).await?,
            "endless" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
            }
            _ => stream.write_all(&told("200", "")).await?,
        }
        stream.shutdown().await
    }
}
