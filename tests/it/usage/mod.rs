//! B3, B4, B5, T18: metered use is counted, frozen and sent to Stripe, so that every document is billed once, whatever fails on the way.

mod calls;
mod crashes;
mod people;
mod reports;
mod rounds;
mod stripes_rules;

use reqwest::Method;
use serde_json::{Value, json};
use touchstone::config::Config;
use touchstone_core::{credit::Credits, day::Day, time::Timestamp};
use uuid::Uuid;

use crate::support::{Answer, Client, TestApp, app::Org, audit, database::TestDatabase, ledger, stripe::Stripe};

/// The secret of trusted backend jobs.
const JOB_SECRET: &str = "the secret of backend jobs";

/// Who pays.
const CUSTOMER: &str = "cus_reef";

/// A server with a Stripe, and one metered organisation for which somebody pays.
struct Reef {
    app: TestApp,
    stripe: Stripe,
    client: Client,
}

fn today() -> Day {
    Day::of(Timestamp::now())
}

/// So many days ago.
fn ago(days: i32) -> Day {
    today().plus(-days)
}

fn configure(stripe: &Stripe) -> impl FnOnce(&mut Config) + Send + 'static {
    let stripe = stripe.clone();
    move |config| {
        stripe.configure(config);
        config.security.job_secret = JOB_SECRET.to_owned().into();
    }
}

impl Reef {
    async fn new() -> Self {
        let stripe = Stripe::start();
        let app = TestApp::with(configure(&stripe));
        let client = metered(&app).await;
        Self { app, stripe, client }
    }

    fn id(&self) -> Uuid {
        self.client.organization.parse().unwrap()
    }

    /// Documents worth so many units are settled in the middle of a day; refunded, where they are fewer than none.
    async fn used(&self, day: Day, units: i64) {
        ledger::settle(&self.app.database, self.id(), Timestamp(day.start().0 + 43_200_000), units).await;
    }

    /// The call as a backend job makes it.
    async fn call(&self, body: Value) -> Answer {
        call(&self.client, &self.client.organization, Some(JOB_SECRET), body).await
    }

    /// A call that is answered well.
    async fn sync(&self, first: Day, last: Day) -> Value {
        self.call(json!({ "start_date": first, "end_date": last })).await.ok()
    }

    /// What a call sent.
    async fn sent(&self, first: Day, last: Day) -> i64 {
        self.sync(first, last).await["value_sent_to_stripe"].as_i64().unwrap()
    }

    /// A call that Stripe spoiled, and why.
    async fn spoiled(&self, first: Day, last: Day) -> String {
        let answer = self.call(json!({ "start_date": first, "end_date": last })).await;
        answer.refused(500, "Usage could not be sent to Stripe")
    }

    async fn usage(&self, first: Day, last: Day) -> Value {
        self.client.get_keyed(&format!("/organizations/{}/usage?start_date={first}&end_date={last}", self.id())).await.ok()
    }

    /// So many hours pass for what was tried before, and Stripe forgets what it knew longer than a day.
    async fn hours_pass(&self, hours: i64) {
        hours_pass(&self.app.database, &self.stripe, hours).await;
    }

    /// The states of all events, oldest first.
    async fn states(&self) -> Vec<String> {
        ledger::column(&self.app.database, "SELECT state AS v FROM meter_event ORDER BY id").await
    }
}

async fn hours_pass(database: &TestDatabase, stripe: &Stripe, hours: i64) {
    let span = hours * 3_600_000;
    let sql = format!(
        "UPDATE meter_event SET first_attempt_at = first_attempt_at - {span}, last_attempt_at = last_attempt_at - {span}, \
         sent_at = sent_at - {span}"
    );
    audit::execute(database, &sql).await;
    if hours >= 24 {
        stripe.forget();
    }
}

/// A client of a fresh organisation that is billed by use.
async fn metered(app: &TestApp) -> Client {
    let set = "stripe_customer_id = 'cus_reef'";
    app.client_of(Org { metered: true, credits: Credits::default(), set, ..Org::default() }).await
}

async fn call(client: &Client, organization: &str, secret: Option<&str>, body: Value) -> Answer {
    let mut request = client.request(Method::POST, &format!("/organizations/{organization}/usage/sync-to-stripe")).json(&body);
    if let Some(secret) = secret {
        request = request.header("x-job-secret", secret);
    }
    client.send(request).await
}
