//! The ledger over months, refunds and corrections; and the audit that holds it all against the balances.

use sea_orm::ConnectionTrait;
use touchstone_core::{
    credit::Credits,
    ids::{DocumentId, OrganizationId},
    organization::Organization,
    plan::Plan,
};

use super::{
    Fixture,
    fixture::{ALLOWANCE, document},
    on_every_database,
};
use crate::{FailureCode, NewOrganization, Refunded, Settlement, StoreError, Submitted};

on_every_database!(
    a_month_begins_with_the_allowance_and_keeps_what_was_bought,
    everybody_is_reset_once_however_many_ask,
    base_of_a_month_that_is_over_lapses,
    what_was_granted_to_be_kept_outlives_a_change_of_plan,
    a_verdict_is_refunded_once,
    a_refund_of_last_month_comes_back_as_boost,
    a_refund_that_is_the_first_of_a_month_outlives_the_reset,
    a_refund_on_a_metered_organisation_takes_the_count_back,
    only_what_was_spent_can_be_refunded,
    gifts_purchases_and_corrections_are_told_apart,
    the_ledger_is_read_newest_first_and_page_by_page,
    the_database_itself_refuses_to_settle_twice,
    the_audit_finds_what_somebody_changed,
);

impl Fixture {
    async fn on(&self, plan: Plan, credits: Credits) -> OrganizationId {
        let new = NewOrganization { name: "Reef".into(), plan, credits, ..NewOrganization::default() };
        self.store.create_organization(new).await.expect("organization").id
    }

    pub(super) async fn changed_to(&self, id: OrganizationId, plan: Plan) {
        self.store.change_organization(id, |before| Organization { plan, ..before }).await.expect("change");
    }

    /// A document of this price, judged.
    async fn judged(&self, organization: OrganizationId, cost: i64) -> DocumentId {
        let id = self.waiting(organization, cost).await;
        let job = self.claim_one().await;
        assert!(self.finish(&job, id).await.expect("finish") && self.store.complete(&job.lease).await.expect("complete"));
        id
    }

    async fn waiting(&self, organization: OrganizationId, cost: i64) -> DocumentId {
        let mut new = document(organization, &self.upload(organization).await);
        new.cost = cost;
        let id = new.id;
        assert_eq!(self.submit(new).await, Submitted::Created(id));
        id
    }
}

const fn credits(base: i64, boost: i64) -> Credits {
    Credits { base, boost }
}

// B2, V15
async fn a_month_begins_with_the_allowance_and_keeps_what_was_bought(f: Fixture) {
    let free = f.on(Plan::Free, Credits::default()).await;
    assert_eq!(f.credits(free).await, credits(ALLOWANCE, 0), "from the first moment, although nothing is written");
    f.store.boost(free, 3, Some("invoice 7")).await.expect("boost");
    f.judged(free, 2).await;
    assert_eq!(f.ledger(free).await, ["reset", "boost", "reserve", "settle"]);
    f.month_passes().await;
    assert_eq!(f.credits(free).await, credits(ALLOWANCE, 3), "read before it is written");
    f.judged(free, ALLOWANCE + 1).await;
    assert_eq!((f.credits(free).await, f.ledger(free).await.len()), (credits(0, 2), 7), "one reset more");
    let pro = f.on(Plan::Pro, credits(4, 0)).await;
    f.month_passes().await;
    f.judged(pro, 1).await;
    assert_eq!(f.credits(pro).await, credits(3, 0), "without an allowance base is kept");
    let gifted = f.on(Plan::Free, credits(9, 0)).await;
    assert_eq!(f.credits(gifted).await, credits(9, 0), "what it starts with is its first month's");
    f.month_passes().await;
    assert_eq!(f.credits(gifted).await, credits(ALLOWANCE, 0));
    f.sound().await;
}

// B2
async fn everybody_is_reset_once_however_many_ask(f: Fixture) {
    let (free, metered) = (f.on(Plan::Free, credits(1, 1)).await, f.metered().await);
    let other = f.on(Plan::Free, Credits::default()).await;
    f.month_passes().await;
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn({
                let store = f.store.clone();
                async move { store.reset_allowances().await }
            })
        })
        .collect();
    let mut reset = 0;
    for node in nodes {
        reset += node.await.expect("joined").expect("reset");
    }
    assert_eq!(reset, 2);
    assert_eq!((f.ledger(free).await, f.ledger(other).await), (vec!["grant".to_owned(), "reset".to_owned()], vec!["reset".to_owned()]));
    assert!(f.ledger(metered).await.is_empty());
    assert_eq!((f.rows(free).await[1].base, f.credits(free).await), (ALLOWANCE - 1, credits(ALLOWANCE, 1)));
}

// B2, V15
async fn what_was_granted_to_be_kept_outlives_a_change_of_plan(f: Fixture) {
    let id = f.on(Plan::Pro, credits(9, 0)).await;
    f.month_passes().await;
    f.changed_to(id, Plan::Free).await;
    assert_eq!(f.credits(id).await, credits(ALLOWANCE, 9));
    f.judged(id, 1).await;
    assert_eq!(f.ledger(id).await, ["grant", "adjustment", "reset", "reserve", "settle"]);
    f.month_passes().await;
    f.changed_to(id, Plan::Enterprise).await;
    assert_eq!(f.credits(id).await, credits(ALLOWANCE, 9), "what was shown until now stays as well");
    f.sound().await;
}

// B2
async fn base_of_a_month_that_is_over_lapses(f: Fixture) {
    let free = f.on(Plan::Free, credits(2, 4)).await;
    let (late, early) = (f.waiting(free, 3).await, f.waiting(free, 1).await);
    assert_eq!(f.credits(free).await, credits(0, 2));
    let jobs = f.claim("w", 2, super::fixture::MINUTE).await;
    let job = |id: DocumentId| jobs.iter().find(|job| job.payload["document"] == serde_json::json!(id)).expect("claimed");
    f.month_passes().await;
    assert!(
        f.store.fail(&job(early).lease, early, FailureCode::InvalidRequest, "no image").await.expect("fail"),
        "before anybody wrote the reset"
    );
    assert_eq!(f.store.reset_allowances().await.expect("reset"), 1);
    assert!(f.store.fail(&job(late).lease, late, FailureCode::InvalidRequest, "no image").await.expect("fail"));
    assert_eq!(f.credits(free).await, credits(ALLOWANCE, 4), "its two base credits were of last month");
    let last = f.rows(free).await.pop().expect("rows");
    assert_eq!((last.entry.as_str(), last.base, last.boost), ("release", 0, 1));
    assert!(last.note.expect("said").contains("lapsed"));
    f.sound().await;
}

// B2
async fn a_verdict_is_refunded_once(f: Fixture) {
    let organization = f.organization(2, 5).await;
    let id = f.judged(organization, 3).await;
    let once = f.store.refund(id, Some("wrong picture")).await.expect("refund");
    assert_eq!(once, Refunded::Yes { organization, credits: credits(2, 1), units: 3 });
    let again = (0..4).map(|_| {
        tokio::spawn({
            let store = f.store.clone();
            async move { store.refund(id, None).await }
        })
    });
    for again in again.collect::<Vec<_>>() {
        assert_eq!(again.await.expect("joined").expect("refund"), Refunded::Not(Settlement::Refunded));
    }
    assert_eq!(f.ledger(organization).await, ["grant", "reserve", "settle", "refund"]);
    assert_eq!((f.credits(organization).await, f.units(organization).await), (credits(2, 5), 0));
    f.sound().await;
}

// B2
async fn a_refund_of_last_month_comes_back_as_boost(f: Fixture) {
    let free = f.on(Plan::Free, credits(2, 4)).await;
    let id = f.judged(free, 3).await;
    f.month_passes().await;
    assert_eq!(f.store.reset_allowances().await.expect("reset"), 1);
    let refunded = f.store.refund(id, None).await.expect("refund");
    assert_eq!(refunded, Refunded::Yes { organization: free, credits: credits(0, 3), units: 3 });
    assert_eq!(f.credits(free).await, credits(ALLOWANCE, 6));
    f.sound().await;
}

// B2
async fn a_refund_that_is_the_first_of_a_month_outlives_the_reset(f: Fixture) {
    let free = f.on(Plan::Free, credits(2, 4)).await;
    let id = f.judged(free, 3).await;
    f.month_passes().await;
    let refunded = f.store.refund(id, None).await.expect("refund");
    assert_eq!(refunded, Refunded::Yes { organization: free, credits: credits(0, 3), units: 3 });
    assert_eq!(f.credits(free).await, credits(ALLOWANCE, 6));
    assert_eq!(f.store.reset_allowances().await.expect("reset"), 0, "the refund brought it");
    assert_eq!(f.credits(free).await, credits(ALLOWANCE, 6));
    f.sound().await;
}

// B5
async fn a_refund_on_a_metered_organisation_takes_the_count_back(f: Fixture) {
    let metered = f.metered().await;
    let (kept, refunded) = (f.judged(metered, 2).await, f.judged(metered, 3).await);
    assert_eq!(f.units(metered).await, 2, "each document counts as one, whatever its price");
    let answer = f.store.refund(refunded, None).await.expect("refund");
    assert_eq!(answer, Refunded::Yes { organization: metered, credits: Credits::default(), units: 1 });
    let rows: Vec<(String, i64)> = f.rows(metered).await.into_iter().map(|row| (row.entry, row.units)).collect();
    assert_eq!(rows, [("settle".to_owned(), 1), ("settle".to_owned(), 1), ("refund".to_owned(), -1)]);
    assert_eq!(f.store.document(kept).await.expect("document").expect("there").settlement, Settlement::Settled);
    f.sound().await;
}

async fn only_what_was_spent_can_be_refunded(f: Fixture) {
    let organization = f.organization(5, 0).await;
    let id = f.waiting(organization, 1).await;
    assert_eq!(f.store.refund(id, None).await.expect("refund"), Refunded::Not(Settlement::Reserved));
    let job = f.claim_one().await;
    assert!(f.store.fail(&job.lease, id, FailureCode::InvalidRequest, "no image").await.expect("fail"));
    assert_eq!(f.store.refund(id, None).await.expect("refund"), Refunded::Not(Settlement::Released));
    let free = f.judged(organization, 0).await;
    assert_eq!(f.store.refund(free, None).await.expect("refund"), Refunded::Free);
    assert_eq!(f.store.refund(DocumentId::random(), None).await.expect("refund"), Refunded::NoDocument);
    f.sound().await;
}

// B2
async fn gifts_purchases_and_corrections_are_told_apart(f: Fixture) {
    let organization = f.organization(2, 0).await;
    assert_eq!(f.store.grant(organization, credits(0, 1), Some("welcome")).await.expect("grant"), credits(2, 1));
    assert_eq!(f.store.boost(organization, 5, None).await.expect("boost"), credits(2, 6));
    assert_eq!(f.store.adjust(organization, credits(-2, -1), Some("by mistake")).await.expect("adjust"), credits(0, 5));
    let below = f.store.adjust(organization, credits(-1, 0), None).await.expect_err("refused");
    assert!(matches!(below, StoreError::BelowNothing(left) if left == credits(0, 5)), "{below}");
    assert_eq!(f.ledger(organization).await, ["grant", "grant", "boost", "adjustment"]);
    let stranger = OrganizationId::random();
    let refused = f.store.adjust(stranger, credits(1, 0), None).await;
    assert!(matches!(refused, Err(StoreError::NoOrganization(id)) if id == stranger), "{refused:?}");
}

async fn the_ledger_is_read_newest_first_and_page_by_page(f: Fixture) {
    let organization = f.organization(2, 0).await;
    f.judged(organization, 1).await;
    let page = f.store.ledger(organization, None, 2).await.expect("ledger");
    assert_eq!(page.iter().map(|row| row.entry.as_str()).collect::<Vec<_>>(), ["settle", "reserve"]);
    assert_eq!((page[0].units, page[0].document_id), (1, page[1].document_id));
    let rest = f.store.ledger(organization, Some(page[1].id), 2).await.expect("ledger");
    assert_eq!((rest.len(), rest[0].entry.as_str(), rest[0].note.as_deref()), (1, "grant", Some("to start with")));
}

// B2: whatever the code believes.
async fn the_database_itself_refuses_to_settle_twice(f: Fixture) {
    let organization = f.organization(2, 0).await;
    f.judged(organization, 1).await;
    let again = "INSERT INTO ledger_entry (organization_id, entry, base, boost, units, document_id, created_at) SELECT organization_id, \
                 entry, base, boost, units, document_id, created_at FROM ledger_entry WHERE entry = 'settle'";
    f.store.writer().execute_unprepared(again).await.expect_err("refused");
    f.store.writer().execute_unprepared("UPDATE balance SET base = -1").await.expect_err("refused");
    f.sound().await;
}

async fn the_audit_finds_what_somebody_changed(f: Fixture) {
    let organization = f.organization(5, 5).await;
    let id = f.judged(organization, 1).await;
    let audit = f.store.audit().await.expect("audit");
    assert_eq!((audit.organizations, audit.entries, audit.differences.len()), (1, 3, 0));
    for (harm, mended, found) in [
        ("UPDATE balance SET base = base + 1", "UPDATE balance SET base = base - 1", "base credits are not the sum of the ledger"),
        ("UPDATE balance SET boost = boost - 2", "UPDATE balance SET boost = boost + 2", "boost credits are not the sum of the ledger"),
        ("UPDATE document SET units = 2", "UPDATE document SET units = 1", "use proven for a document is not what it costs"),
        ("UPDATE document SET status = 'failed'", "UPDATE document SET status = 'done'", "a document's settlement is not its status's"),
        (
            "UPDATE document SET charged_base = 2",
            "UPDATE document SET charged_base = 1",
            "credits moved for a document are not what it was charged",
        ),
    ] {
        f.store.writer().execute_unprepared(harm).await.expect("harmed");
        let differences = f.store.audit().await.expect("audit").differences;
        assert_eq!(differences.iter().map(|difference| difference.rule).collect::<Vec<_>>(), [found]);
        assert_eq!(differences[0].organization_id, organization);
        assert!(differences[0].document_id.is_none_or(|document| document == id) && differences[0].ledger != differences[0].stored);
        f.store.writer().execute_unprepared(mended).await.expect("mended");
    }
    f.sound().await;
}
