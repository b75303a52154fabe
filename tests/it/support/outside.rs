//! A little internet: servers with pictures and with malice, a name server whose answers change, and what must never be reached.
//!
//! 127.0.0.2 plays the public address (the servers under test are allowed to fetch from it), 127.0.0.1 and 127.0.0.3 play the
//! inside: whoever connects there is counted.

use std::{
    collections::{HashMap, VecDeque},
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};
use tokio_rustls::TlsAcceptor;
use touchstone::config::Config;

use super::{TestApp, install_tls, pictures};

/// The address that counts as public.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Addresses that nobody may reach.
pub(crate) const INSIDE: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 3)];

/// The name that always leads to [`PUBLIC`], and that the certificate is for.
pub(crate) const NAME: &str = "pictures.test";

type Names = Arc<Mutex<HashMap<String, VecDeque<Vec<Ipv4Addr>>>>>;

/// All of it, for as long as the test's runtime lives.
pub(crate) struct Outside {
    pub(crate) port: u16,
    tls_port: u16,
    dns: SocketAddr,
    names: Names,
    seen: Arc<Mutex<Vec<String>>>,
    trapped: Arc<AtomicUsize>,
    folder: TempDir,
}

impl Outside {
    pub(crate) async fn start() -> Self {
        install_tls();
        let (folder, seen, names) = (tempfile::tempdir().unwrap(), Arc::<Mutex<Vec<String>>>::default(), Names::default());
        let trapped = Arc::new(AtomicUsize::new(0));
        let (public, traps) = one_port_on_all().await;
        let port = public.local_addr().unwrap().port();
        traps.into_iter().for_each(|listener| trap(listener, trapped.clone()));
        web(public, None, seen.clone());
        let secure = TcpListener::bind((PUBLIC, 0)).await.unwrap();
        let tls_port = secure.local_addr().unwrap().port();
        web(secure, Some(certificate(&folder)), seen.clone());
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dns = socket.local_addr().unwrap();
        tokio::spawn(name_server(socket, names.clone()));
        let outside = Self { port, tls_port, dns, names, seen, trapped, folder };
        outside.name(NAME, vec![vec![PUBLIC]]);
        outside
    }

    /// An outside, and a server that may fetch from it.
    pub(crate) async fn with_app(change: impl FnOnce(&mut Config) + Send + 'static) -> (Self, TestApp) {
        let outside = Self::start().await;
        let open = outside.opened();
        let app = TestApp::with(|config| {
            open(config);
            change(config);
        });
        (outside, app)
    }

    /// What lets a server fetch from here, impatiently.
    pub(crate) fn opened(&self) -> impl FnOnce(&mut Config) + Send + 'static {
        let (ports, nameservers, ca_file) = (vec![self.port, self.tls_port], vec![self.dns.to_string()], self.ca_file());
        move |config| {
            config.fetch.allow = vec![PUBLIC.to_string()];
            config.fetch.ports = ports;
            config.fetch.nameservers = nameservers;
            config.fetch.seconds = 3;
            config.fetch.ca_file = ca_file;
        }
    }

    /// The same for a process.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("TOUCHSTONE__FETCH__ALLOW", PUBLIC.to_string()),
            ("TOUCHSTONE__FETCH__PORTS", format!("{}, {}", self.port, self.tls_port)),
            ("TOUCHSTONE__FETCH__NAMESERVERS", self.dns.to_string()),
        ]
    }

    /// The root certificate of the servers that speak TLS.
    fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{NAME}:{}/{path}", self.port)
    }

    pub(crate) fn secure_url(&self, path: &str) -> String {
        format!("https://{NAME}:{}/{path}", self.tls_port)
    }

    /// A URL that leads on to another one.
    pub(crate) fn leading_to(&self, url: &str) -> String {
        self.url(&format!("to?{url}"))
    }

    /// What a name resolves to: one list of addresses a question, the last one from then on.
    pub(crate) fn name(&self, name: &str, answers: Vec<Vec<Ipv4Addr>>) {
        self.names.lock().unwrap().insert(name.to_owned(), answers.into());
    }

    /// The heads of all requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// How often anything inside was reached.
    pub(crate) fn trapped(&self) -> usize {
        self.trapped.load(Ordering::SeqCst)
    }
}

/// One port that is free on the public address and on those inside, so that only the address tells them apart.
async fn one_port_on_all() -> (TcpListener, Vec<TcpListener>) {
    for _ in 0..50 {
        let public = TcpListener::bind((PUBLIC, 0)).await.unwrap();
        let port = public.local_addr().unwrap().port();
        let mut traps = Vec::new();
        for address in INSIDE {
            traps.extend(TcpListener::bind((address, port)).await);
        }
        if traps.len() == INSIDE.len() {
            return (public, traps);
        }
    }
    panic!("no port is free on all three addresses");
}

/// Counts whoever connects, and hangs up.
fn trap(listener: TcpListener, trapped: Arc<AtomicUsize>) {
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            trapped.fetch_add(1, Ordering::SeqCst);
        }
    });
}

fn web(listener: TcpListener, tls: Option<TlsAcceptor>, seen: Arc<Mutex<Vec<String>>>) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, seen) = (tls.clone(), seen.clone());
            tokio::spawn(async move {
                // A client that hangs up or wants no such certificate is part of the tests.
                match tls {
                    None => answer(stream, seen).await.ok(),
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => answer(stream, seen).await.ok(),
                        Err(_) => None,
                    },
                }
            });
        }
    });
}

/// Reads one request and answers what its path asks for.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    seen.lock().unwrap().push(head);
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    match path.split_once('/').unwrap_or((path, "")) {
        ("photo", seed) => stream.write_all(&ok("text/plain", &pictures::jpeg(seed.parse().unwrap_or(1)))).await?,
        ("to", _) => stream.write_all(&moved(query)).await?,
        ("circle", _) => stream.write_all(&moved("/circle")).await?,
        ("hops", "0") => stream.write_all(&ok("image/jpeg", &pictures::jpeg(9))).await?,
        ("hops", left) => stream.write_all(&moved(&format!("/hops/{}", left.parse::<u32>().unwrap() - 1))).await?,
        ("status", code) => stream.write_all(&told(code, "", &pictures::jpeg(1))).await?,
        ("page", _) => stream.write_all(&ok("image/jpeg", "<p>no image</p>".repeat(200).as_bytes())).await?,
        ("tiny", _) => stream.write_all(&ok("image/jpeg", &pictures::jpeg(1)[..1000])).await?,
        ("gzip", _) => stream.write_all(&told("200", "Content-Encoding: gzip\r\n", &bomb())).await?,
        ("huge", _) => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 11000000\r\n\r\n\xFF\xD8\xFF").await?,
        ("vast", _) => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 22000000\r\n\r\n\xFF\xD8\xFF").await?,
        ("short", _) => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n\xFF\xD8\xFF").await?,
        ("lost", _) => stream.write_all(&told("302", "", b"")).await?,
        ("silent", _) => tokio::time::sleep(Duration::from_secs(600)).await,
        ("drip", _) => boundless(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n\xFF\xD8\xFF", b"x", Duration::from_millis(20)).await?,
        ("endless", _) => boundless(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n\xFF\xD8\xFF", &[7; 65536], Duration::ZERO).await?,
        ("headers", _) => boundless(&mut stream, b"HTTP/1.1 200 OK\r\n", b"X-More: of it\r\n", Duration::ZERO).await?,
        _ => stream.write_all(&told("404", "", b"nothing here")).await?,
    }
    stream.shutdown().await
}

/// Sends without end: until the other side has had enough.
async fn boundless(stream: &mut (impl AsyncWrite + Unpin), head: &[u8], part: &[u8], pause: Duration) -> std::io::Result<()> {
    stream.write_all(head).await?;
    loop {
        stream.write_all(part).await?;
        stream.flush().await?;
        tokio::time::sleep(pause).await;
    }
}

fn ok(content_type: &str, body: &[u8]) -> Vec<u8> {
    told("200", &format!("Content-Type: {content_type}\r\n"), body)
}

fn moved(to: &str) -> Vec<u8> {
    told("302", &format!("Location: {to}\r\n"), b"")
}

fn told(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} Such\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A few kilobytes that unpack to a picture with 64 MB behind it.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&pictures::jpeg(1)).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..64).for_each(|_| encoder.write_all(&zeros).unwrap());
    encoder.finish().unwrap()
}

/// A root of our own, written to `ca.pem`, and a server certificate for [`NAME`].
fn certificate(folder: &TempDir) -> TlsAcceptor {
    let mut root = rcgen::CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(folder.path().join("ca.pem"), root.self_signed(&root_key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(root, root_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Answers questions for IPv4 addresses, and says of everything else that there is nothing.
async fn name_server(socket: UdpSocket, names: Names) {
    let mut packet = [0; 512];
    while let Ok((length, asker)) = socket.recv_from(&mut packet).await {
        let (name, end) = question(&packet[..length]);
        let is_a = packet[end - 4..end - 2] == [0, 1];
        let addresses = if is_a { next_answer(&names, &name) } else { Vec::new() };
        let mut reply = packet[..2].to_vec();
        reply.extend([0x81, 0x80, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
        reply.extend(&packet[12..end]);
        for address in addresses {
            // The name as in the question, type A, class IN, for no time at all.
            reply.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            reply.extend(address.octets());
        }
        socket.send_to(&reply, asker).await.unwrap();
    }
}

/// The name that is asked for, and where the question ends.
fn question(packet: &[u8]) -> (String, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let length = usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    (labels.join("."), at + 5)
}

fn next_answer(names: &Names, name: &str) -> Vec<Ipv4Addr> {
    let mut names = names.lock().unwrap();
    let Some(answers) = names.get_mut(name) else { return Vec::new() };
    if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
}
