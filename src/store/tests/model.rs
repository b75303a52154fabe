//! Random histories of many organisations, each step held against the rules of `core::credit`.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use touchstone_core::{
    credit::{Balance, Credits, Taken},
    ids::{DocumentId, OrganizationId},
    plan::Plan,
    time::Timestamp,
};

use super::{
    Fixture,
    fixture::{ALLOWANCE, MINUTE, document},
    on_every_database,
};
use crate::{FailureCode, Lease, NewOrganization, Refunded, Submitted};

on_every_database!(random_histories_end_as_the_rules_say);

const HISTORIES: u32 = 24;

/// Numbers choose among the documents that wait or were judged.
#[derive(Debug, Clone)]
enum Step {
    Submit { cost: i64, test: bool },
    Finish(usize),
    Fail(usize),
    Refund(usize),
    Adjust(i64, i64),
    ChangePlan,
    MonthPasses,
    ResetAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4_i64, prop::bool::weighted(0.1)).prop_map(|(cost, test)| Step::Submit { cost, test }),
        4 => any::<usize>().prop_map(Step::Finish),
        2 => any::<usize>().prop_map(Step::Fail),
        2 => any::<usize>().prop_map(Step::Refund),
        1 => (-3..5_i64, -3..5_i64).prop_map(|(base, boost)| Step::Adjust(base, boost)),
        1 => Just(Step::ChangePlan),
        1 => Just(Step::MonthPasses),
        1 => Just(Step::ResetAll),
    ]
}

fn history() -> impl Strategy<Value = (Plan, bool, Vec<Step>)> {
    (prop::sample::select(vec![Plan::Free, Plan::Pro]), prop::bool::weighted(0.2), prop::collection::vec(step(), 1..30))
}

/// A document as the model knows it.
struct Known {
    id: DocumentId,
    lease: Lease,
    taken: Taken,
    units: i64,
}

/// One organisation as the rules have it.
struct Model<'a> {
    f: &'a Fixture,
    organization: OrganizationId,
    metered: bool,
    plan: Plan,
    balance: Balance,
    used: i64,
    waiting: Vec<Known>,
    judged: Vec<Known>,
}

// B2: never negative, never double, nothing lost.
async fn random_histories_end_as_the_rules_say(f: Fixture) {
    let mut runner = TestRunner::new(Config { cases: HISTORIES, failure_persistence: None, ..Config::default() });
    let handle = tokio::runtime::Handle::current();
    let told = tokio::task::block_in_place(|| {
        runner.run(&history(), |(plan, metered, steps)| {
            handle.block_on(live(&f, plan, metered, steps));
            Ok(())
        })
    });
    told.expect("every history ends as the rules say");
    f.sound().await;
}

async fn live(f: &Fixture, plan: Plan, metered: bool, steps: Vec<Step>) {
    let new = NewOrganization { name: "Reef".into(), plan, metered, credits: Credits { base: 2, boost: 3 }, ..NewOrganization::default() };
    let left = new.credits;
    let organization = f.store.create_organization(new).await.expect("organization").id;
    let balance = Balance { left, month: Timestamp::now().month() };
    let mut model = Model { f, organization, metered, plan, balance, used: 0, waiting: Vec::new(), judged: Vec::new() };
    for step in steps {
        model.take(step).await;
        model.agrees().await;
    }
    while !model.waiting.is_empty() {
        model.take(Step::Finish(0)).await;
    }
    model.agrees().await;
}

impl Model<'_> {
    async fn agrees(&self) {
        let expected = self.now().left;
        assert!(expected.base >= 0 && expected.boost >= 0);
        assert_eq!((self.f.credits(self.organization).await, self.f.units(self.organization).await), (expected, self.used));
    }

    fn now(&self) -> Balance {
        let allowance = if self.plan == Plan::Free && !self.metered { ALLOWANCE } else { 0 };
        self.balance.renewed(allowance, Timestamp::now().month())
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Submit { cost, test } => self.submit(cost, test).await,
            Step::Finish(which) => {
                let Some(known) = pick(&mut self.waiting, which) else { return };
                assert!(self.f.finish_under(&known.lease, known.id).await.expect("finish"));
                assert!(self.f.finish_under(&known.lease, known.id).await.expect("repeated, as after a crash"));
                assert!(self.f.store.complete(&known.lease).await.expect("complete"));
                self.used += known.units;
                self.judged.push(known);
            }
            Step::Fail(which) => {
                let Some(known) = pick(&mut self.waiting, which) else { return };
                assert!(self.f.store.fail(&known.lease, known.id, FailureCode::InvalidRequest, "no image").await.expect("fail"));
                assert!(
                    !self.f.store.fail(&known.lease, known.id, FailureCode::InvalidRequest, "no image").await.expect("the job is gone")
                );
                self.balance = self.balance.release(known.taken);
            }
            Step::Refund(which) => {
                let Some(known) = pick(&mut self.judged, which) else { return };
                let refunded = self.f.store.refund(known.id, None).await.expect("refund");
                assert_eq!(matches!(refunded, Refunded::Yes { .. }), known.units > 0, "{refunded:?}");
                if known.units > 0 {
                    self.balance = self.now().refund(known.taken);
                    self.used -= known.units;
                }
            }
            Step::Adjust(base, boost) => {
                let by = Credits { base, boost };
                let changed = self.now().changed(by);
                assert_eq!(self.f.store.adjust(self.organization, by, None).await.ok(), changed.map(|balance| balance.left));
                self.balance = changed.unwrap_or(self.balance);
            }
            Step::ChangePlan => {
                self.balance = self.now();
                self.plan = if self.plan == Plan::Free { Plan::Pro } else { Plan::Free };
                if self.plan == Plan::Free && !self.metered {
                    self.balance = self.balance.kept();
                }
                self.f.changed_to(self.organization, self.plan).await;
            }
            Step::MonthPasses => {
                self.f.month_passes().await;
                // Everything that is stored, and so everything that is known of it, is a month older.
                let older = |month: &mut i64| *month -= i64::from(*month > 0);
                older(&mut self.balance.month);
                self.waiting.iter_mut().chain(&mut self.judged).for_each(|known| older(&mut known.taken.month));
            }
            Step::ResetAll => {
                self.f.store.reset_allowances().await.expect("reset");
                self.balance = self.now();
            }
        }
    }

    async fn submit(&mut self, cost: i64, test: bool) {
        let mut new = document(self.organization, &self.f.upload(self.organization).await);
        (new.cost, new.test) = (cost, test);
        let id = new.id;
        // What a meter counts is documents.
        let units = match (test, self.metered) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => cost,
        };
        let price = if self.metered { 0 } else { units };
        match (self.f.submit(new).await, self.now().reserve(price)) {
            (Submitted::NotEnoughCredits, None) => {}
            (Submitted::Created(made), Some((left, taken))) if made == id => {
                self.balance = left;
                let lease = self.f.claim("w", 1, MINUTE * 10).await.pop().expect("the one job that waits").lease;
                self.waiting.push(Known { id, lease, taken, units });
            }
            other => panic!("{other:?}"),
        }
    }
}

fn pick<T>(from: &mut Vec<T>, which: usize) -> Option<T> {
    if from.is_empty() { None } else { Some(from.remove(which % from.len())) }
}
