//! A Stripe with a memory, as far as meters go: it keeps what it accepted, knows identifiers and idempotency keys, sums up by day,
//! and fails as each test wants: before it accepted, after it, or somewhere on the way back.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use touchstone::config::Config;
use touchstone_core::{day::Day, time::Timestamp};
use url::form_urlencoded;

/// The key that it lets in.
pub(crate) const KEY: &str = "sk_test_of_the_fake";

/// What it signs its reports with.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_of_the_fake";

/// The meter that it has.
pub(crate) const METER: &str = "touchstone_documents";

/// One that it had: it knows its sums, and takes nothing for it.
pub(crate) const CLOSED: &str = "touchstone_documents_of_old";

/// How it fails one meter event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// It hangs up before it accepted.
    DropBefore,
    /// It accepts, and hangs up instead of answering.
    DropAfter,
    /// It answers this and accepts nothing.
    Status(u16),
    /// It accepts and answers this all the same.
    AcceptThen(u16),
    /// It accepts, and takes its time to say so.
    Slow(Duration),
}

/// One event that it counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    pub(crate) identifier: String,
    pub(crate) customer: String,
    pub(crate) value: i64,
    pub(crate) timestamp: i64,
}

/// Numbers that look like chance and are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// One from 0 to `end`, `end` not included.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// What was asked, and what was answered.
struct Replied {
    form: HashMap<String, String>,
    reply: (u16, String),
}

#[derive(Default)]
struct State {
    counted: Vec<Counted>,
    identifiers: HashSet<String>,
    /// By idempotency key.
    replied: HashMap<String, Replied>,
    faults: VecDeque<Fault>,
    unreliable: Option<Random>,
    /// How many of the counted are in the sums; `None`: all.
    summed: Option<usize>,
    /// How many of the counted are the first meter's, which another of its event name has replaced; `None`: all.
    replaced: Option<usize>,
    /// The first meter takes nothing any more.
    closed: bool,
    /// It fails over this identifier whenever it comes.
    chokes_on: Option<String>,
    events: HashMap<String, Value>,
    /// Every request line.
    asked: Vec<String>,
}

/// The running fake. Its threads end with the test's process.
#[derive(Clone)]
pub(crate) struct Stripe {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Stripe {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { url, state }
    }

    /// Points a server's configuration here, with little patience.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.stripe.secret_key = KEY.to_owned().into();
        config.stripe.webhook_secret = WEBHOOK_SECRET.to_owned().into();
        config.stripe.api_base.clone_from(&self.url);
        (config.stripe.attempts, config.stripe.backoff_ms, config.stripe.timeout_seconds) = (3, 1, 1);
    }

    /// The next meter events fail so, one after the other.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// From now on most meter events fail, by chance.
    pub(crate) fn unreliable(&self, seed: u64) {
        self.state.lock().unwrap().unreliable = Some(Random(seed));
    }

    /// From now on none does.
    pub(crate) fn reliable(&self) {
        let mut state = self.state.lock().unwrap();
        state.unreliable = None;
        state.faults.clear();
    }

    /// A day is over: it knows no identifier and no idempotency key of before.
    pub(crate) fn forget(&self) {
        let mut state = self.state.lock().unwrap();
        state.identifiers.clear();
        state.replied.clear();
    }

    /// What is accepted from now on is not in the sums yet …
    pub(crate) fn lag(&self) {
        let mut state = self.state.lock().unwrap();
        state.summed = Some(state.counted.len());
    }

    /// … until now.
    pub(crate) fn catch_up(&self) {
        self.state.lock().unwrap().summed = None;
    }

    /// From now on another meter counts events of the same name.
    pub(crate) fn replace_meter(&self) {
        let mut state = self.state.lock().unwrap();
        state.replaced = Some(state.counted.len());
    }

    /// From now on its meter takes nothing.
    pub(crate) fn close_meter(&self) {
        self.state.lock().unwrap().closed = true;
    }

    /// From now on it fails over this identifier.
    pub(crate) fn chokes_on(&self, identifier: &str) {
        self.state.lock().unwrap().chokes_on = Some(identifier.to_owned());
    }

    /// It counts an event of which nobody here knows.
    pub(crate) fn count(&self, identifier: &str, customer: &str, value: i64, timestamp: i64) {
        let mut state = self.state.lock().unwrap();
        state.identifiers.insert(identifier.to_owned());
        state.counted.push(Counted { identifier: identifier.to_owned(), customer: customer.to_owned(), value, timestamp });
    }

    /// It drops an event that it had accepted.
    pub(crate) fn discard(&self, identifier: &str) {
        self.state.lock().unwrap().counted.retain(|counted| counted.identifier != identifier);
    }

    /// What it counts, in the order in which it was accepted.
    pub(crate) fn counted(&self) -> Vec<Counted> {
        self.state.lock().unwrap().counted.clone()
    }

    /// The sum of all that it counts.
    pub(crate) fn total(&self) -> i64 {
        self.counted().iter().map(|counted| counted.value).sum()
    }

    /// How often it was asked something that begins so.
    pub(crate) fn asked(&self, beginning: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|line| line.starts_with(beginning)).count()
    }

    /// It has an event of the second version of its interface.
    pub(crate) fn has_event(&self, id: &str, event: Value) {
        self.state.lock().unwrap().events.insert(id.to_owned(), event);
    }

    /// The header with which it signs a body.
    pub(crate) fn signature(body: &str, secret: &str, now: Timestamp) -> String {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{}.{body}", now.seconds()).as_bytes());
        format!("t={},v1={}", now.seconds(), hex::encode(mac.finalize().into_bytes()))
    }
}

/// A request, as far as anybody here reads it.
struct Request {
    line: String,
    headers: HashMap<String, String>,
    form: HashMap<String, String>,
}

/// Serves one connection; `None` when the client is gone, or is to believe that we are.
fn serve(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = read(&mut reader)?;
        let (status, body) = answer(&request, state)?;
        write!(&stream, "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: HashMap<String, String> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let query = line.split_once('?').map_or("", |(_, rest)| rest.split(' ').next().unwrap_or_default());
    let form = [query.as_bytes(), &body].iter().flat_map(|text| form_urlencoded::parse(text).into_owned()).collect();
    Some(Request { line, headers, form })
}

fn answer(request: &Request, state: &Mutex<State>) -> Option<(u16, String)> {
    let mut state = state.lock().unwrap();
    state.asked.push(request.line.clone());
    if request.headers.get("authorization").map(String::as_str) != Some(&format!("Bearer {KEY}")) {
        return Some(refusal(401, "invalid_api_key", "Invalid API Key provided"));
    }
    let path = request.line.split(' ').nth(1)?.split('?').next()?;
    match path {
        "/v1/billing/meter_events" => {
            let fault = state.fault(&request.form["identifier"]);
            if let Some(Fault::Slow(time)) = fault {
                let reply = state.take(request);
                drop(state);
                std::thread::sleep(time);
                return Some(reply);
            }
            state.fail(request, fault)
        }
        "/v1/billing/meters" => Some((200, meters(state.replaced.is_some(), state.closed))),
        "/v1/billing/meters/mtr_1" => Some((200, meter("mtr_1", METER, "active").to_string())),
        "/v1/billing/meters/mtr_2/event_summaries" => Some((200, none())),
        "/v1/billing/meters/mtr_1/event_summaries" => Some((200, state.summaries(request, false))),
        "/v1/billing/meters/mtr_3/event_summaries" => Some((200, state.summaries(request, true))),
        _ => match path.strip_prefix("/v2/core/events/").and_then(|id| state.events.get(id)) {
            Some(event) => Some((200, event.to_string())),
            None => Some(refusal(404, "resource_missing", "Unrecognized request URL")),
        },
    }
}

impl State {
    fn fault(&mut self, identifier: &str) -> Option<Fault> {
        if self.chokes_on.as_deref() == Some(identifier) {
            return Some(Fault::Status(500));
        }
        if let Some(fault) = self.faults.pop_front() {
            return Some(fault);
        }
        match self.unreliable.as_mut()?.below(500) {
            0..100 => Some(Fault::DropBefore),
            100..200 => Some(Fault::DropAfter),
            200..250 => Some(Fault::Status(429)),
            250..300 => Some(Fault::Status(500)),
            300..350 => Some(Fault::AcceptThen(500)),
            350 => Some(Fault::Slow(Duration::from_millis(1100))),
            _ => None,
        }
    }

    fn fail(&mut self, request: &Request, fault: Option<Fault>) -> Option<(u16, String)> {
        match fault {
            Some(Fault::DropBefore) => None,
            Some(Fault::Status(status)) => Some(refusal(status, "of_the_test", "as the test wants it")),
            Some(Fault::DropAfter) => {
                self.take(request);
                None
            }
            Some(Fault::AcceptThen(status)) => {
                self.take(request);
                Some(refusal(status, "of_the_test", "as the test wants it"))
            }
            Some(Fault::Slow(_)) | None => Some(self.take(request)),
        }
    }

    /// One meter event, as Stripe takes it.
    fn take(&mut self, request: &Request) -> (u16, String) {
        let key = request.headers["idempotency-key"].clone();
        if let Some(known) = self.replied.get(&key) {
            let other = || json!({ "error": { "type": "idempotency_error", "message": "Keys can only be used with the same parameters" } });
            return if known.form == request.form { known.reply.clone() } else { (400, other().to_string()) };
        }
        let reply = self.take_new(&request.form);
        self.replied.insert(key, Replied { form: request.form.clone(), reply: reply.clone() });
        reply
    }

    fn take_new(&mut self, form: &HashMap<String, String>) -> (u16, String) {
        let identifier = form["identifier"].clone();
        let timestamp: i64 = form["timestamp"].parse().unwrap();
        let age = Timestamp::now().seconds() - timestamp;
        if !(-300..=35 * 86_400).contains(&age) {
            return refusal(400, "timestamp_out_of_range", "The timestamp must be within the past 35 calendar days");
        }
        if form["event_name"] != METER || self.closed || identifier.len() > 100 {
            return refusal(400, "parameter_invalid", "No such meter, or the identifier is too long");
        }
        if !self.identifiers.insert(identifier.clone()) {
            return refusal(400, "duplicate_meter_event", &format!("An event already exists with identifier {identifier}."));
        }
        let (customer, value) = (form["payload[stripe_customer_id]"].clone(), form["payload[value]"].parse().unwrap());
        assert!(value > 0, "{form:?}");
        self.counted.push(Counted { identifier: identifier.clone(), customer, value, timestamp });
        let event = json!({
            "object": "billing.meter_event", "created": Timestamp::now().seconds(), "event_name": METER, "identifier": identifier,
            "livemode": false, "payload": { "value": form["payload[value]"] }, "timestamp": timestamp,
        });
        (200, event.to_string())
    }

    /// Of the meter that replaced the first, or of the first.
    fn summaries(&self, request: &Request, second: bool) -> String {
        let number = |name: &str| request.form[name].parse::<i64>().unwrap();
        assert_eq!(request.form["value_grouping_window"], "day");
        let (start, end) = (number("start_time"), number("end_time"));
        assert_eq!((start % 86_400, end % 86_400), (0, 0), "whole days");
        let mut days: HashMap<Day, i64> = HashMap::new();
        for (index, counted) in self.counted.iter().enumerate().take(self.summed.unwrap_or(usize::MAX)) {
            let asked = second == self.replaced.is_some_and(|first| index >= first);
            if asked && counted.customer == request.form["customer"] && (start..end).contains(&counted.timestamp) {
                *days.entry(Day::of(Timestamp::from_seconds(counted.timestamp))).or_default() += counted.value;
            }
        }
        let rows: Vec<Value> = days
            .into_iter()
            .map(|(day, sum)| {
                json!({ "id": format!("mtrusg_{day}"), "object": "billing.meter_event_summary", "aggregated_value": sum, "livemode": false,
                    "start_time": day.start().seconds(), "end_time": day.end().seconds(), "meter": "mtr_1" })
            })
            .collect();
        json!({ "object": "list", "data": rows, "has_more": false, "url": "/v1/billing/meters/mtr_1/event_summaries" }).to_string()
    }
}

fn meter(id: &str, name: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "billing.meter", "created": 1_700_000_000, "updated": 1_700_000_000, "livemode": false, "status": status,
        "customer_mapping": { "event_payload_key": "stripe_customer_id", "type": "by_id" },
        "default_aggregation": { "formula": "sum" }, "display_name": name, "event_name": name, "event_time_window": null,
        "status_transitions": { "deactivated_at": null }, "value_settings": { "event_payload_key": "value" },
    })
}

fn meters(replaced: bool, closed: bool) -> String {
    let first = meter("mtr_1", METER, if replaced || closed { "inactive" } else { "active" });
    let mut all = vec![meter("mtr_0", "others", "active"), meter("mtr_2", CLOSED, "inactive"), first];
    if replaced {
        all.push(meter("mtr_3", METER, "active"));
    }
    json!({ "object": "list", "data": all, "has_more": false, "url": "/v1/billing/meters" }).to_string()
}

fn none() -> String {
    json!({ "object": "list", "data": [], "has_more": false, "url": "/v1/billing/meters/mtr_2/event_summaries" }).to_string()
}

fn refusal(status: u16, code: &str, message: &str) -> (u16, String) {
    (status, json!({ "error": { "type": "invalid_request_error", "code": code, "message": message } }).to_string())
}
