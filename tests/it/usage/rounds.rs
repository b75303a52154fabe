//! B4, B5: the daily round, which nobody watches: what waits is sent or told, however old it is and whatever became of its organisation.

use serde_json::json;
use touchstone::cron;
use touchstone_billing::Billing;
use touchstone_core::{ids::OrganizationId, organization::Organization, time::Timestamp};
use touchstone_store::Store;

use super::{CUSTOMER, JOB_SECRET, Reef, ago, today};
use crate::support::{audit, stripe::Fault};

impl Reef {
    async fn billing(&self) -> (Store, Billing) {
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

// B4
#[tokio::test]
async fn a_round_that_was_missed_is_made_up_for_at_the_start() {
    let reef = Reef::new().await;
    reef.used(ago(2), 3).await;
    let (store, billing) = reef.billing().await;
    store.take_lease("sync_usage:completed", "node", std::time::Duration::ZERO).await.unwrap();
    cron::make_up_for_usage(&store, &billing, "node").await;
    assert_eq!(reef.stripe.total(), 0, "none was missed");
    let before = Timestamp::now().0 - 2 * 86_400_000;
    audit::execute(&reef.app.database, &format!("UPDATE lease SET until = {before} WHERE name = 'sync_usage:completed'")).await;
    cron::make_up_for_usage(&store, &billing, "node").await;
    assert_eq!(reef.stripe.total(), 3);
    assert!(store.lease_until("sync_usage:completed").await.unwrap().unwrap() > Timestamp(before));
}
