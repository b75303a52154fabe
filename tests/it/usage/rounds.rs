//! B4, B5: the daily round, which nobody watches: what waits is sent or told, however old it is and whatever became of its organisation.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;
use touchstone::cron;
use touchstone_billing::{Billing, SyncRequest};
use touchstone_core::{ids::OrganizationId, organization::Organization, time::Timestamp};
use touchstone_store::Store;

use super::{CUSTOMER, JOB_SECRET, Reef, ago, today};
use crate::support::{audit, stripe::Fault};

impl Reef {
    pub(super) async fn billing(&self) -> (Store, Billing) {
        let store = self.app.store().await;
        let billing = Billing::open(store.clone(), &self.app.config.stripe, &JOB_SECRET.to_owned().into()).unwrap();
        (store, billing)
    }

    /// A day later, the clock's work.
    async fn round(&self) {
        let (store, billing) = self.billing().await;
        store.release_lease("sync_usage", "node").await.unwrap();
        cron::sync_usage(&store, &billing, "node").await;
    }
}

// B4
#[tokio::test]
async fn a_round_sends_full_days_and_tells_what_is_too_old() {
    let reef = Reef::new().await;
    for (days, units) in [(60, 7), (3, 2), (0, 5)] {
        reef.used(ago(days), units).await;
    }
    reef.round().await;
    assert_eq!((reef.states().await, reef.stripe.total()), (vec!["expired".to_owned(), "sent".to_owned()], 2));
    let usage = reef.usage(ago(70), today()).await;
    assert_eq!((&usage["sent"], &usage["pending"], &usage["not_sent"]), (&json!(2), &json!(5), &json!(7)), "{usage}");
}

// B4
#[tokio::test]
async fn a_round_takes_over_whatever_waits() {
    let reef = Reef::new().await;
    reef.used(ago(2), 3).await;
    reef.stripe.fail(&[Fault::Status(500); 3]);
    reef.spoiled(ago(3), ago(1)).await;
    let back = "UPDATE meter_event SET day = day - 50, frozen_at = frozen_at - 4320000000";
    audit::execute(&reef.app.database, back).await;
    reef.hours_pass(25).await;
    reef.round().await;
    assert_eq!(reef.states().await, ["expired"], "its day is out of every usual range");
}

// B3
#[tokio::test]
async fn what_was_used_by_the_meter_is_sent_after_the_organisation_left_it() {
    for (metered, customer) in [(false, Some(CUSTOMER)), (false, None), (true, Some("cus_next")), (true, None)] {
        let reef = Reef::new().await;
        reef.used(ago(2), 3).await;
        let (store, billing) = reef.billing().await;
        let changed = |before| Organization { metered, stripe_customer_id: customer.map(str::to_owned), ..before };
        store.change_organization(OrganizationId(reef.id()), changed).await.unwrap();
        assert_eq!(reef.usage(ago(3), today()).await["pending"], 3, "it is still to be sent");
        assert_eq!(billing.billed().await.unwrap().len(), 1);
        reef.round().await;
        let counted: Vec<_> = reef.stripe.counted().into_iter().map(|one| (one.customer, one.value)).collect();
        assert_eq!(counted, [(CUSTOMER.to_owned(), 3)], "who paid then pays: {metered}, {customer:?}");
        assert_eq!(reef.usage(ago(3), today()).await["sent"], 3);
    }
}

// B3
#[tokio::test]
async fn what_was_on_its_way_when_its_organisation_left_the_meter_is_sent_too() {
    let reef = Reef::new().await;
    let (store, _) = reef.billing().await;
    let (id, leave) = (OrganizationId(reef.id()), |before| Organization { metered: false, ..before });
    store.change_organization(id, leave).await.unwrap();
    reef.used(ago(2), 3).await;
    reef.round().await;
    assert_eq!(reef.stripe.total(), 3, "nothing was settled, and nothing sent, when it left");

    let reef = Reef::new().await;
    let (store, _) = reef.billing().await;
    let id = OrganizationId(reef.id());
    audit::set_organization(&reef.app.database, reef.id(), "stripe_customer_id = NULL").await;
    reef.used(ago(2), 3).await;
    store.change_organization(id, leave).await.unwrap();
    reef.round().await;
    assert_eq!(reef.stripe.total(), 0, "nobody pays");
    store.change_organization(id, |before| Organization { stripe_customer_id: Some("cus_next".into()), ..before }).await.unwrap();
    reef.round().await;
    assert_eq!((reef.stripe.total(), reef.stripe.counted()[0].customer.as_str()), (3, "cus_next"), "the first who pays, pays for all");
}

// B4
#[tokio::test]
async fn a_call_that_waited_bills_whoever_pays_when_it_freezes() {
    let reef = Reef::new().await;
    let (store, billing) = reef.billing().await;
    let (organization, lease) = (OrganizationId(reef.id()), format!("usage_sync:{}", reef.id()));
    reef.used(ago(2), 3).await;
    assert!(store.take_lease(&lease, "another call", Duration::from_secs(600)).await.unwrap());
    let request = SyncRequest { organization, first: ago(3), last: ago(1), idempotency_id: None };
    let call = tokio::spawn(async move { billing.sync(request).await });
    // Time enough for it to look at the organisation, before it is changed.
    sleep(Duration::from_millis(300)).await;
    let next = |before| Organization { stripe_customer_id: Some("cus_next".into()), ..before };
    store.change_organization(organization, next).await.unwrap();
    reef.used(ago(1), 20).await;
    store.release_lease(&lease, "another call").await.unwrap();
    assert_eq!(call.await.unwrap().unwrap().value_sent_to_stripe, 23);
    let counted: Vec<_> = reef.stripe.counted().into_iter().map(|one| (one.customer, one.value)).collect();
    assert_eq!(counted, [(CUSTOMER.to_owned(), 3), ("cus_next".to_owned(), 20)]);
}

// B4
#[tokio::test]
async fn a_round_that_was_missed_is_made_up_for_at_the_start() {
    let reef = Reef::new().await;
    reef.used(ago(2), 3).await;
    let (store, billing) = reef.billing().await;
    store.take_lease("sync_usage:completed", "node", Duration::ZERO).await.unwrap();
    cron::make_up_for_usage(&store, &billing, "node").await;
    assert_eq!(reef.stripe.total(), 0, "none was missed");
    let before = Timestamp::now().0 - 2 * 86_400_000;
    audit::execute(&reef.app.database, &format!("UPDATE lease SET until = {before} WHERE name = 'sync_usage:completed'")).await;
    // The node that was at it died over it.
    assert!(store.take_lease("sync_usage", "dead", Duration::from_millis(1500)).await.unwrap());
    cron::make_up_for_usage(&store, &billing, "node").await;
    assert_eq!(reef.stripe.total(), 3);
    assert!(store.lease_until("sync_usage:completed").await.unwrap().unwrap() > Timestamp(before));
}
