//! B5, T18: what people see: use for the organisation's own keys, and for the operator the books against Stripe's.

use serde_json::{Value, json};
use touchstone_core::{credit::Credits, day::Day, ids::OrganizationId, organization::Organization, time::Timestamp};

use super::{CUSTOMER, JOB_SECRET, Reef, ago, today};
use crate::support::{
    Finish,
    app::Org,
    audit, ledger, process,
    stripe::{Fault, KEY},
};

impl Reef {
    /// `touchstone admin usage …` on the server's database, its exit code and what it printed.
    fn admin(&self, arguments: &[&str]) -> (i32, Value) {
        let mut command = process::touchstone(self.app.data.path());
        command.env("TOUCHSTONE__DATABASE__URL", &self.app.config.database.url);
        command.env("TOUCHSTONE__STRIPE__SECRET_KEY", KEY).env("TOUCHSTONE__STRIPE__API_BASE", &self.stripe.url);
        let output = command.args(["admin", "usage"]).args(arguments).finish();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let told = serde_json::from_str(&stdout).unwrap_or_else(|_| json!(String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), told)
    }

    fn reconciled(&self) -> (i32, Value) {
        let (code, mut told) = self.admin(&["reconcile", "--org", &self.client.organization]);
        (code, told["organizations"][0].take())
    }
}

// T18, B5
#[tokio::test]
async fn an_organisation_sees_its_own_use_and_nobody_elses() {
    let reef = Reef::new().await;
    reef.used(ago(1), 3).await;
    let path = format!("/organizations/{}/usage?start_date={}", reef.client.organization, ago(2));
    let own = reef.client.get_keyed(&path).await.ok();
    assert_eq!((&own["total_documents"], &own["end_date"]), (&json!(3), &json!(today())), "{own}");
    let by_job = reef.client.request(reqwest::Method::GET, &path).header("x-job-secret", JOB_SECRET);
    assert_eq!(reef.client.send(by_job).await.ok(), own);
    assert_eq!(reef.client.get(&path).await.unprocessable(), ["apikey"]);
    reef.client.with_key("nonsense").get_keyed(&path).await.refused(403, "User verification failed");
    reef.app.client().await.get_keyed(&path).await.refused(403, "Access denied");
    let wrong = reef.client.request(reqwest::Method::GET, &path).header("x-job-secret", "wrong").header("apikey", &reef.client.key);
    reef.client.send(wrong).await.refused(401, "Invalid job secret");
    for query in ["start_date=soon", "end_date=2026-02-30"] {
        let answer = reef.client.get_keyed(&format!("/organizations/{}/usage?{query}", reef.client.organization)).await;
        assert_eq!(answer.unprocessable(), [query.split('=').next().unwrap()]);
    }
    reef.client.get_keyed(&format!("{path}&end_date={}", ago(3))).await.refused(400, "Invalid date range");
}

// B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_show_every_difference_until_it_is_settled() {
    let reef = Reef::new().await;
    for days in 1..=3 {
        reef.used(ago(days), 10 + i64::from(days)).await;
    }
    let (code, told) = reef.reconciled();
    assert_eq!((code, &told["difference"]), (1, &json!(-36)), "nothing is sent yet: {told}");
    reef.stripe.fail(&[Fault::Status(400)]);
    reef.spoiled(ago(5), ago(1)).await;
    let (code, told) = reef.reconciled();
    let third = told["days"].as_array().unwrap().iter().find(|day| day["date"] == json!(ago(3))).unwrap().clone();
    let expected = json!({ "date": ago(3), "ledger": 13, "unfrozen": 0, "pending": 0, "sent": 0, "expired": 0, "refused": 13, "doubtful": 0,
        "written_off": 0, "stripe": 0, "difference": -13 });
    assert_eq!((code, third), (1, expected), "{told}");
    let question = &told["in_question"][0];
    assert_eq!((&question["state"], &question["value"]), (&json!("refused"), &json!(13)), "{told}");
    let event = question["event"].to_string();
    let (code, told) = reef.admin(&["decide", "--event", &event, "--as", "again"]);
    assert_eq!((code, &told["state"]), (0, &json!("pending")), "{told}");
    let (first, last) = (ago(5).to_string(), ago(1).to_string());
    let (code, told) = reef.admin(&["sync", "--org", &reef.client.organization, "--from", &first, "--to", &last]);
    assert_eq!((code, &told["value_sent_to_stripe"]), (0, &json!(13)), "{told}");
    let (code, told) = reef.reconciled();
    assert_eq!((code, &told["difference"], &told["in_question"]), (0, &json!(0), &json!([])), "{told}");
    let (code, told) = reef.admin(&["decide", "--event", &event, "--as", "sent"]);
    assert_eq!(code, 1, "it is settled: {told}");
    let (_, shown) = reef.admin(&["show", "--org", &reef.client.organization]);
    assert_eq!((&shown["total_documents"], &shown["sent"]), (&json!(36), &json!(36)), "{shown}");
    // What Stripe has beyond our books is shown as well.
    reef.stripe.count("of another program", CUSTOMER, 2, ago(1).start().seconds());
    let (code, told) = reef.reconciled();
    assert_eq!((code, &told["difference"]), (1, &json!(2)), "{told}");
    assert!(told["days"].as_array().unwrap().iter().all(|day| day["date"].as_str().unwrap().parse::<Day>().is_ok()));
}

// B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_organisations_with_one_customer_do_not_see_each_others_sums() {
    let reef = Reef::new().await;
    let other = super::metered(&reef.app).await;
    reef.used(ago(2), 3).await;
    ledger::settle(&reef.app.database, other.organization.parse().unwrap(), Timestamp(ago(2).start().0), 4).await;
    assert_eq!(reef.sent(ago(3), ago(1)).await, 3);
    let days = json!({ "start_date": ago(3), "end_date": ago(1) });
    super::call(&other, &other.organization, Some(JOB_SECRET), days).await.ok();
    let (code, told) = reef.admin(&["reconcile"]);
    assert_eq!((code, &told["difference"], told["organizations"].as_array().unwrap().len()), (0, &json!(0), 2), "{told}");
    // A surplus of one day and a lack of another are two differences, and not none.
    let sent = reef.stripe.counted().into_iter().find(|one| one.value == 3).unwrap();
    reef.stripe.discard(&sent.identifier);
    reef.stripe.count("of another program", CUSTOMER, 3, ago(1).start().seconds());
    let (code, told) = reef.reconciled();
    assert_eq!((code, &told["difference"], &told["apart"]), (1, &json!(0), &json!(6)), "{told}");
}

// B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_organisation_that_cannot_be_compared_is_a_row() {
    let reef = Reef::new().await;
    let other = super::metered(&reef.app).await;
    audit::set_organization(&reef.app.database, other.organization.parse().unwrap(), "stripe_customer_id = 'cus_other'").await;
    reef.used(ago(2), 3).await;
    assert_eq!(reef.sent(ago(3), ago(1)).await, 3);
    audit::execute(&reef.app.database, "UPDATE meter_event SET meter = 'of nobody'").await;
    let (code, told) = reef.admin(&["reconcile"]);
    let rows = told["organizations"].as_array().unwrap();
    let of = |id: &str| rows.iter().find(|row| row["organization_id"] == id).unwrap();
    assert_eq!((code, &told["failed"], &of(&other.organization)["apart"]), (1, &json!(1), &json!(0)), "{told}");
    assert!(of(&reef.client.organization)["error"].as_str().unwrap().contains("of nobody"), "{told}");
}

// B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_stays_in_the_books_until_people_decide_however_old_it_is() {
    let reef = Reef::new().await;
    reef.used(ago(60), 7).await;
    reef.sync(ago(61), ago(1)).await;
    assert_eq!(reef.states().await, ["expired"]);
    let (code, told) = reef.admin(&["reconcile"]);
    let row = &told["organizations"][0];
    assert_eq!(
        (code, &told["difference"], &told["start_date"], &row["start_date"]),
        (1, &json!(7), &json!(ago(60)), &json!(ago(60))),
        "{told}"
    );
    let event = row["in_question"][0]["event"].to_string();
    let (code, told) = reef.admin(&["decide", "--event", &event, "--as", "lost"]);
    assert_eq!((code, &told["state"], reef.admin(&["reconcile"]).0), (0, &json!("written_off"), 0), "{told}");
    let from = ago(60).to_string();
    let (code, told) = reef.admin(&["reconcile", "--from", &from]);
    assert_eq!((code, &told["organizations"][0]["days"][0]["written_off"]), (0, &json!(7)), "{told}");
    let usage = reef.usage(ago(60), today()).await;
    let told = (&usage["total_documents"], &usage["sent"], &usage["not_sent"], &usage["written_off"]);
    assert_eq!(told, (&json!(7), &json!(0), &json!(0), &json!(7)), "{usage}");
}

// B4, B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_not_taken_for_something_that_stripe_has() {
    let reef = Reef::new().await;
    reef.used(ago(2), 4).await;
    reef.stripe.fail(&[Fault::Status(400)]);
    reef.spoiled(ago(3), ago(1)).await;
    let event = reef.reconciled().1["in_question"][0]["event"].to_string();
    assert_eq!(reef.admin(&["decide", "--event", &event, "--as", "lost"]).0, 0);
    reef.used(ago(2), 4).await;
    reef.stripe.fail(&[Fault::DropAfter, Fault::Status(500), Fault::Status(500)]);
    reef.spoiled(ago(3), ago(1)).await;
    reef.hours_pass(25).await;
    let before = reef.stripe.asked("POST");
    assert_eq!(reef.sent(ago(3), ago(1)).await, 4, "the sums have it");
    assert_eq!((reef.stripe.asked("POST"), reef.stripe.total(), reef.reconciled().0), (before, 4, 0));
}

// B4, B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_is_billed_to_whoever_was_to_pay_and_a_double_count_stays_in_sight() {
    let counted_and_refused = &[Fault::DropAfter, Fault::Status(400)][..];
    let (refused, same, other) = (&counted_and_refused[1..], &[][..], &["--customer", "cus_other"][..]);
    for (faults, named, payers, difference) in [
        (counted_and_refused, same, vec![CUSTOMER, CUSTOMER], 4),
        (counted_and_refused, other, vec![CUSTOMER, "cus_other"], 4),
        (refused, same, vec![CUSTOMER], 0),
        (refused, other, vec!["cus_other"], 0),
    ] {
        let reef = Reef::new().await;
        reef.used(ago(2), 4).await;
        reef.stripe.fail(faults);
        reef.spoiled(ago(3), ago(1)).await;
        let next = |before| Organization { stripe_customer_id: Some("cus_next".into()), ..before };
        reef.billing().await.0.change_organization(OrganizationId(reef.id()), next).await.unwrap();
        let event = reef.reconciled().1["in_question"][0]["event"].to_string();
        let decide = |what: &str, named: &[&str]| reef.admin(&[&["decide", "--event", &event, "--as", what][..], named].concat()).0;
        assert_eq!((decide("sent", other), decide("again", named)), (1, 0));
        reef.sync(ago(3), ago(1)).await;
        assert_eq!(reef.stripe.counted().into_iter().map(|one| one.customer).collect::<Vec<_>>(), payers);
        let (code, told) = reef.reconciled();
        assert_eq!((code, &told["difference"]), (i32::from(difference > 0), &json!(difference)), "{told}");
    }
}

// B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_show_what_nobody_pays_for() {
    let reef = Reef::new().await;
    let unpaid = reef.app.client_of(Org { metered: true, credits: Credits::default(), ..Org::default() }).await;
    ledger::settle(&reef.app.database, unpaid.organization.parse().unwrap(), Timestamp(ago(50).start().0), 5).await;
    let (store, billing) = reef.billing().await;
    let leaves = |before| Organization { metered: false, stripe_customer_id: None, ..before };
    store.change_organization(OrganizationId(reef.id()), leaves).await.unwrap();
    // It was on its way then.
    reef.used(ago(1), 2).await;
    assert_eq!(billing.billed().await.unwrap(), [], "of neither can anything be sent");
    let (code, told) = reef.admin(&["reconcile"]);
    let of =
        |id: &str| told["organizations"].as_array().unwrap().iter().find(|row| row["organization_id"] == id).unwrap()["difference"].clone();
    assert_eq!((code, of(&unpaid.organization), of(&reef.client.organization)), (1, json!(-5), json!(-2)), "{told}");
}

// B5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_may_be_named_by_one_of_its_ends() {
    let reef = Reef::new().await;
    reef.used(ago(60), 7).await;
    let (org, last) = (reef.client.organization.as_str(), ago(50).to_string());
    let (code, told) = reef.admin(&["show", "--org", org, "--to", &last]);
    assert_eq!((code, &told["start_date"], &told["total_documents"]), (0, &json!(ago(84)), &json!(7)), "{told}");
    let (_, told) = reef.admin(&["reconcile", "--org", org, "--to", "9999-12-31"]);
    assert_eq!((&told["end_date"], &told["organizations"][0]["end_date"]), (&json!(today()), &json!(today())), "{told}");
    assert_eq!(reef.stripe.asked("GET /v1/billing/meters/mtr_1/event_summaries"), 1, "a page has a hundred days");
}
