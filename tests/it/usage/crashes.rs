//! B4, B5: a sync that is cut off anywhere, by a crash inside the process or by kill -9, while Stripe fails as well, days pass and the payer
//! changes: once somebody has called again until all is well, ledger, outbox and Stripe agree to the unit.

use std::{
    collections::HashSet,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use serde_json::json;
use touchstone::config::Config;
use touchstone_billing::{Billing, Period, SyncRequest};
use touchstone_core::{ids::OrganizationId, organization::Organization, time::Timestamp};
use touchstone_store::{Decision, NewOrganization, Store};

use super::{CUSTOMER, JOB_SECRET, ago, call, hours_pass, today};
use crate::support::{
    Client, Process, audit,
    database::TestDatabase,
    eventually, http, ledger,
    stripe::{KEY, METER, Random, Stripe},
};

/// How often a sync is begun and perhaps cut off, in this process.
const ROUNDS: usize = 2000;

/// How often the server is killed.
const KILLS: u64 = 24;

/// How Stripe is asked for its sums.
const SUMS: &str = "GET /v1/billing/meters/mtr_1/event_summaries";

/// Days that use is of.
const DAYS: u64 = 6;

/// Who pays, one after the other.
const PAYERS: [&str; 2] = [CUSTOMER, "cus_next"];

/// Polls a future at most so often and then drops it, as a crash would. `None`: it was cut off.
async fn cut_off<F: Future>(future: F, polls: u64) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Use of a random day; sometimes a refund.
fn chance(random: &mut Random) -> (Timestamp, i64) {
    let day = ago(i32::try_from(1 + random.below(DAYS)).unwrap());
    let units = i64::try_from(random.below(9)).unwrap() - 2;
    (day.start(), if units == 0 { 1 } else { units })
}

async fn reef(store: &Store) -> OrganizationId {
    let new =
        NewOrganization { name: "Reef".into(), metered: true, stripe_customer_id: Some(CUSTOMER.into()), ..NewOrganization::default() };
    store.create_organization(new).await.unwrap().id
}

async fn paid_by(store: &Store, organization: OrganizationId, customer: &str) {
    let paid = |before| Organization { stripe_customer_id: Some(customer.to_owned()), ..before };
    store.change_organization(organization, paid).await.unwrap();
}

/// More than a day passes: Stripe's sums catch up, it forgets identifiers, and people decide what is in question by what it has counted.
/// Says how much that was.
async fn a_day_passes(database: &TestDatabase, stripe: &Stripe, store: &Store, organization: OrganizationId) -> usize {
    // What was on its way when its sender died arrives, or never does.
    tokio::time::sleep(Duration::from_millis(20)).await;
    stripe.catch_up();
    hours_pass(database, stripe, 25).await;
    let counted: HashSet<String> = stripe.counted().into_iter().map(|one| one.identifier).collect();
    let in_question = store.meter_events_in_question(organization, ago(20), today()).await.unwrap();
    for event in &in_question {
        let there = counted.contains(&event.identifier);
        let decision = if there { Decision::Sent } else { Decision::Again { customer: None } };
        store.decide_meter_event(event.id, decision, METER, Timestamp::now()).await.unwrap().unwrap();
    }
    in_question.len()
}

// B4, B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_cut_off_anywhere_ends_with_no_difference() {
    http();
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(folder.path()).await;
    let (stripe, mut config) = (Stripe::start(), Config::load(None).unwrap());
    stripe.configure(&mut config);
    config.database.url.clone_from(&database.url);
    let store = Store::open(&config.database).await.unwrap();
    store.migrate().await.unwrap();
    let (organization, connection) = (reef(&store).await, database.connect().await);
    let billing = Billing::open(store.clone(), &config.stripe, &config.security.job_secret).unwrap();
    let sync = || billing.sync(SyncRequest { organization, first: ago(20), last: today(), idempotency_id: None });
    let mut random = Random(20_261_121);
    let (mut used, mut cut, mut failed, mut done, mut decided) = (0, 0, 0, 0, 0);
    stripe.unreliable(7);
    // How many polls a sync takes depends on the machine. It is felt for, so that about half of them are cut off, wherever this runs.
    let mut reach = 100.0_f64;
    for round in 0..ROUNDS {
        if round % 7 == 6 {
            decided += a_day_passes(&database, &stripe, &store, organization).await;
            if random.below(2) == 0 {
                stripe.lag();
            }
        }
        if round % 50 == 49 {
            paid_by(&store, organization, PAYERS[round / 50 % 2]).await;
        }
        if random.below(3) == 0 {
            let (at, units) = chance(&mut random);
            ledger::settle_on(&connection, organization.0, at, units).await;
            used += units;
        }
        // Some are cut off while they freeze, some while they send, and some come to their end.
        let outcome = cut_off(sync(), random.below(reach as u64)).await;
        reach = if outcome.is_none() { reach * 1.05 } else { (reach * 0.95).max(10.0) };
        match outcome {
            None => cut += 1,
            Some(Err(_)) => failed += 1,
            Some(Ok(_)) => done += 1,
        }
        // What time would do: a dead one's lease runs out.
        sea_orm::ConnectionTrait::execute_unprepared(&connection, "DELETE FROM lease").await.unwrap();
    }
    let asked = stripe.asked(SUMS);
    eprintln!(
        "{ROUNDS} syncs: {cut} cut off, {failed} spoiled by Stripe, {done} done; {used} units used; {asked} sums asked, {decided} decided"
    );
    assert!(cut > ROUNDS / 4 && done > ROUNDS / 20 && failed > ROUNDS / 50, "the points of crashing are spread");
    assert!(asked > ROUNDS / 40, "what is older than a day is asked about");
    stripe.reliable();
    eventually("a call that sends the rest", Duration::from_secs(60), || async {
        let decided = a_day_passes(&database, &stripe, &store, organization).await;
        (sync().await.is_ok() && decided == 0).then_some(())
    })
    .await;
    let books = billing.reconcile(organization, Period { first: ago(20), last: today() }).await.unwrap();
    assert_eq!((books.apart, books.in_question.len()), (0, 0), "{books:#?}");
    assert!(books.days.iter().all(|day| day.difference == 0 && day.unfrozen == 0 && day.pending == 0), "{books:#?}");
    assert_eq!(stripe.total() - books.credit_due, used, "what Stripe has, less what is owed, is what was used");
    connection.close().await.unwrap();
    store.close().await.unwrap();
    database.remove().await;
}

/// Calls until the server is gone.
async fn call_until_it_dies(client: Client) {
    let body = json!({ "start_date": ago(20), "end_date": today() });
    let path = format!("{}/organizations/{}/usage/sync-to-stripe", client.url, client.organization);
    while client.http.post(&path).header("x-job-secret", JOB_SECRET).json(&body).send().await.is_ok() {}
}

// B4, B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_ends_with_no_difference() {
    let data = tempfile::tempdir().unwrap();
    let database = TestDatabase::fresh(data.path()).await;
    let stripe = Stripe::start();
    let settings = [
        ("TOUCHSTONE__DATABASE__URL", database.url.as_str()),
        ("TOUCHSTONE__SECURITY__JOB_SECRET", JOB_SECRET),
        ("TOUCHSTONE__STRIPE__SECRET_KEY", KEY),
        ("TOUCHSTONE__STRIPE__API_BASE", stripe.url.as_str()),
        ("TOUCHSTONE__STRIPE__BACKOFF_MS", "5"),
        ("TOUCHSTONE__STRIPE__TIMEOUT_SECONDS", "1"),
    ];
    let config = touchstone_store::Settings { url: database.url.clone(), max_connections: 4, writer_queue: 64, busy_timeout_ms: 10_000 };
    let store = Store::open(&config).await.unwrap();
    store.migrate().await.unwrap();
    let organization = reef(&store).await;
    let (mut random, mut used) = (Random(4711), 0);
    stripe.unreliable(11);
    for kill in 0..KILLS {
        for _ in 0..5 {
            let (at, units) = chance(&mut random);
            ledger::settle(&database, organization.0, at, units).await;
            used += units;
        }
        audit::execute(&database, "DELETE FROM lease").await;
        let server = Process::serve_with(data.path(), &settings, &["--roles", "api"]);
        let client = Client::new(&server.url, "", &organization.to_string());
        let callers: Vec<_> = (0..2).map(|_| tokio::spawn(call_until_it_dies(client.clone()))).collect();
        tokio::time::sleep(Duration::from_millis(5 + kill * 37 % 400)).await;
        server.kill();
        for caller in callers {
            caller.await.unwrap();
        }
        if kill % 3 == 2 {
            a_day_passes(&database, &stripe, &store, organization).await;
            stripe.lag();
            paid_by(&store, organization, PAYERS[usize::from(kill % 2 == 0)]).await;
        }
    }
    stripe.reliable();
    let server = Process::serve_with(data.path(), &settings, &["--roles", "api"]);
    let client = Client::new(&server.url, "", &organization.to_string());
    let body = json!({ "start_date": ago(20), "end_date": today() });
    eventually("a call that sends the rest", Duration::from_secs(60), || async {
        let decided = a_day_passes(&database, &stripe, &store, organization).await;
        let answer = call(&client, &client.organization, Some(JOB_SECRET), body.clone()).await;
        (answer.status == 200 && decided == 0).then_some(())
    })
    .await;
    store.close().await.unwrap();
    let books = crate::support::process::run_json(data.path(), &settings, &["admin", "usage", "reconcile"]);
    eprintln!("{KILLS} kills, {used} units used in {} meter events", stripe.counted().len());
    let book = &books["organizations"][0];
    assert_eq!((&books["difference"], &book["in_question"]), (&json!(0), &json!([])), "{books}");
    assert_eq!(stripe.total() - book["credit_due"].as_i64().unwrap(), used);
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    assert!(!log.contains(KEY) && !log.contains(JOB_SECRET), "no secret is logged");
    assert_eq!(audit::complaints(&database).await, [""; 0]);
    database.remove().await;
}
