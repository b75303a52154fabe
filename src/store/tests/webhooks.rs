//! Webhooks: what happened is told once to each who wants to know, in the transaction in which it happens; nobody waits behind the dead.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{ConnectionTrait, EntityTrait};
use touchstone_core::{
    ids::{DocumentId, OrganizationId, ProjectId, WebhookId},
    time::Timestamp,
    webhook::{Disabled, Event, Outcome},
};

use super::{
    Fixture,
    batches::batch,
    fixture::{MINUTE, document, finish},
    on_every_database,
};
use crate::{
    Asked, Attempt, DeliveryState, Due, FailureCode, LogPage, NewDocument, NewWebhook, Recorded, Rotated, Submitted, Tried, Webhook,
    WebhookChange, entities::webhook_endpoint, seal::Sealer,
};

on_every_database!(
    a_judged_image_is_told_once_its_job_ends_and_a_failed_one_never,
    an_image_whose_pictures_alone_failed_is_told,
    only_endpoints_of_the_project_that_subscribed_are_told,
    of_last_images_that_end_at_once_one_ends_the_batch,
    a_batch_of_which_nothing_could_be_judged_has_failed,
    a_dead_node_loses_no_delivery_and_its_late_word_is_refused,
    a_failure_is_tried_again_until_there_is_no_try_left,
    an_endpoint_that_fails_again_and_again_rests_and_uses_up_no_tries,
    claims_go_round_the_endpoints,
    one_that_is_gone_or_failed_for_days_is_disabled,
    what_a_disabled_endpoint_missed_can_be_sent_again,
    one_delivery_can_be_sent_again,
    a_secret_is_sealed_in_its_own_row_and_the_old_one_signs_for_a_while,
    a_project_has_no_more_webhooks_than_it_may,
    old_events_are_forgotten_and_what_is_on_its_way_is_not,
    nobody_reaches_another_projects_webhook,
    eight_claimers_at_once_never_get_the_same_delivery,
);

pub(super) const EACH: u32 = 4;
pub(super) const DAYS: Duration = Duration::from_secs(5 * 86_400);

/// An organisation with plenty of credits, its project, and a webhook for everything.
pub(super) struct Told {
    pub(super) f: Fixture,
    pub(super) organization: OrganizationId,
    pub(super) project: ProjectId,
    pub(super) hook: WebhookId,
}

pub(super) fn new(organization: OrganizationId, events: &[Event]) -> NewWebhook {
    let events = events.iter().copied().collect::<BTreeSet<_>>();
    let project = ProjectId::default_of(organization);
    NewWebhook { organization, project, url: "https://club.example/hook".into(), events, description: String::new() }
}

impl Told {
    pub(super) async fn new(f: Fixture) -> Self {
        let organization = f.organization(100, 0).await;
        let made = f.store.create_webhook(new(organization, &Event::SUBSCRIBABLE), 5).await.expect("made").expect("the first");
        Self { f, organization, project: ProjectId::default_of(organization), hook: made.0.id }
    }

    pub(super) async fn webhook(&self) -> Webhook {
        self.f.store.webhook(self.project, self.hook).await.expect("read").expect("there")
    }

    pub(super) async fn submitted(&self) -> DocumentId {
        let new = document(self.organization, &self.f.upload(self.organization).await);
        let new = NewDocument { project: Some(self.project), ..new };
        let id = new.id;
        assert_eq!(self.f.submit(new).await, Submitted::Created(id));
        id
    }

    /// So many images are judged to the end.
    pub(super) async fn judged(&self, images: usize) -> Vec<DocumentId> {
        let mut ids = Vec::new();
        for _ in 0..images {
            let id = self.submitted().await;
            let job = self.f.claim_one().await;
            assert!(self.f.finish(&job, id).await.expect("finish"));
            assert!(self.f.store.finish_drawing(&job.lease, id).await.expect("drawn"));
            ids.push(id);
        }
        ids
    }

    pub(super) async fn claim(&self, limit: u32, lease: Duration) -> Vec<Due> {
        self.f.store.claim_deliveries(limit, EACH, lease).await.expect("claim")
    }

    pub(super) async fn one(&self) -> Due {
        self.claim(1, MINUTE).await.pop().expect("something is due")
    }

    pub(super) async fn record(&self, due: &Due, outcome: Outcome, again_at: Option<Timestamp>) -> Recorded {
        let status = if outcome == Outcome::Delivered { 200 } else { 500 };
        let attempt = Attempt {
            started_at: Timestamp::now(),
            took: Duration::from_millis(7),
            url: due.url.clone(),
            headers: "{}".into(),
            body: "{}".into(),
            status: Some(status),
            answer: Some("so".into()),
            error: None,
        };
        self.f.store.record_attempt(&due.lease, attempt, Tried { outcome, again_at, patience: DAYS }).await.expect("recorded")
    }

    pub(super) async fn delivered(&self, due: &Due) {
        assert_eq!(self.record(due, Outcome::Delivered, None).await, Recorded::Yes);
    }

    /// What is due fails, and is due again at once.
    async fn fails(&self, times: usize) {
        for _ in 0..times {
            let due = self.one().await;
            assert_eq!(self.record(&due, Outcome::Failed, Some(Timestamp::now())).await, Recorded::Yes);
        }
    }

    pub(super) async fn log(&self, state: Option<DeliveryState>) -> Vec<crate::DeliveryRecord> {
        let page = LogPage { before: None, limit: 100, state };
        self.f.store.deliveries_of(self.project, self.hook, page).await.expect("log").expect("there")
    }

    pub(super) async fn sql(&self, statement: &str) {
        self.f.store.writer().execute_unprepared(statement).await.expect(statement);
    }
}

// V10
async fn a_judged_image_is_told_once_its_job_ends_and_a_failed_one_never(f: Fixture) {
    let told = Told::new(f).await;
    let id = told.submitted().await;
    let job = told.f.claim_one().await;
    assert!(told.f.finish(&job, id).await.expect("finish"));
    assert!(told.claim(9, MINUTE).await.is_empty(), "its pictures are still being drawn");
    assert!(told.f.store.finish_drawing(&job.lease, id).await.expect("drawn"));
    let due = told.one().await;
    assert_eq!((due.kind, due.document, due.failed), (Event::DetectionCompleted, Some(id), 0));
    assert!(!told.f.store.finish_drawing(&job.lease, id).await.expect("refused"), "its job is gone");
    let failed = told.submitted().await;
    let job = told.f.claim_one().await;
    assert!(told.f.store.fail(&job.lease, failed, FailureCode::InvalidRequest, "unreadable").await.expect("fail"));
    assert!(told.claim(9, MINUTE).await.is_empty());
    assert_eq!(told.log(None).await.len(), 1);
}

async fn an_image_whose_pictures_alone_failed_is_told(f: Fixture) {
    let told = Told::new(f).await;
    let id = told.submitted().await;
    let job = told.f.claim_one().await;
    assert!(told.f.finish(&job, id).await.expect("finish"));
    assert!(told.f.store.give_up(&job.lease, Some(id), "no", "it died in every attempt").await.expect("given up"));
    assert_eq!(told.one().await.document, Some(id));
}

// V10
async fn only_endpoints_of_the_project_that_subscribed_are_told(f: Fixture) {
    let told = Told::new(f).await;
    let store = &told.f.store;
    let other = store.create_project(told.organization, "other").await.expect("project").id;
    for elsewhere in [
        NewWebhook { project: other, ..new(told.organization, &Event::SUBSCRIBABLE) },
        new(told.organization, &[Event::BatchFailed]),
        new(told.f.organization(1, 0).await, &Event::SUBSCRIBABLE),
    ] {
        assert!(store.create_webhook(elsewhere, 5).await.expect("made").is_some());
    }
    told.judged(1).await;
    let due = told.claim(9, MINUTE).await;
    assert_eq!(due.iter().map(|due| due.webhook).collect::<Vec<_>>(), [told.hook]);
    // One that no key submitted is nobody's project's.
    let id = told.f.submitted(told.organization).await;
    let job = told.f.claim_one().await;
    assert!(told.f.finish(&job, id).await.expect("finish") && store.finish_drawing(&job.lease, id).await.expect("drawn"));
    assert!(told.claim(9, MINUTE).await.is_empty());
}

// V10: on PostgreSQL two transactions see nothing of each other.
async fn of_last_images_that_end_at_once_one_ends_the_batch(f: Fixture) {
    let told = Told::new(f).await;
    for _ in 0..5 {
        let new = batch(told.organization, &told.f.upload(told.organization).await, 4);
        let new = NewDocument { project: Some(told.project), ..new };
        let whole = new.id;
        assert_eq!(told.f.submit(new).await, Submitted::Created(whole));
        let jobs = told.f.claim("w", 4, MINUTE).await;
        let ends = jobs.into_iter().map(|job| {
            let store = told.f.store.clone();
            let id: DocumentId = serde_json::from_value(job.payload["document"].clone()).expect("an id");
            async move {
                assert!(finish(&store, &job.lease, id).await.expect("finish"));
                assert!(store.finish_drawing(&job.lease, id).await.expect("drawn"));
            }
        });
        let mut running = tokio::task::JoinSet::new();
        ends.for_each(|end| drop(running.spawn(end)));
        while let Some(ended) = running.join_next().await {
            ended.expect("no panic");
        }
        let log = told.log(None).await;
        let ends: Vec<_> = log.iter().filter(|delivery| delivery.document == Some(whole)).map(|delivery| delivery.kind).collect();
        assert_eq!(ends, [Event::BatchCompleted]);
        // The batch ends after all of its images.
        assert_eq!(log.first().and_then(|last| last.document), Some(whole));
        assert_eq!(log.iter().filter(|delivery| delivery.kind == Event::DetectionCompleted).count() % 4, 0);
    }
}

async fn a_batch_of_which_nothing_could_be_judged_has_failed(f: Fixture) {
    let told = Told::new(f).await;
    let new = batch(told.organization, &told.f.upload(told.organization).await, 2);
    let new = NewDocument { project: Some(told.project), ..new };
    let whole = new.id;
    assert_eq!(told.f.submit(new).await, Submitted::Created(whole));
    for job in told.f.claim("w", 2, MINUTE).await {
        assert!(told.claim(9, MINUTE).await.is_empty(), "one is left");
        let id = serde_json::from_value(job.payload["document"].clone()).expect("an id");
        assert!(told.f.store.fail(&job.lease, id, FailureCode::InvalidRequest, "unreadable").await.expect("fail"));
    }
    let due = told.one().await;
    assert_eq!((due.kind, due.document), (Event::BatchFailed, Some(whole)));
    assert_eq!(told.log(None).await.len(), 1);
}

// V10: at least once, by the same id.
async fn a_dead_node_loses_no_delivery_and_its_late_word_is_refused(f: Fixture) {
    let told = Told::new(f).await;
    told.judged(1).await;
    let dead = told.claim(1, Duration::ZERO).await.pop().expect("due");
    let alive = told.one().await;
    assert_eq!((alive.event, alive.lease.delivery, alive.failed), (dead.event, dead.lease.delivery, 0), "a crash uses up no try");
    assert_eq!(told.record(&dead, Outcome::Delivered, None).await, Recorded::Lost);
    assert!(told.claim(9, MINUTE).await.is_empty());
    told.delivered(&alive).await;
    assert_eq!(told.record(&alive, Outcome::Failed, None).await, Recorded::Lost, "it has ended");
    assert_eq!(told.log(None).await[0].attempts.len(), 1);
}

async fn a_failure_is_tried_again_until_there_is_no_try_left(f: Fixture) {
    let told = Told::new(f).await;
    told.judged(1).await;
    let due = told.one().await;
    let later = Timestamp::now() + MINUTE;
    assert_eq!(told.record(&due, Outcome::Failed, Some(later)).await, Recorded::Yes);
    let waiting = &told.log(Some(DeliveryState::Pending)).await[0];
    assert_eq!((waiting.next_attempt_at, waiting.attempts[0].status), (Some(later), Some(500)));
    assert!(told.claim(9, MINUTE).await.is_empty(), "not before its time");
    told.sql("UPDATE webhook_delivery SET next_attempt_at = 0").await;
    let again = told.one().await;
    assert_eq!(again.failed, 1);
    assert_eq!(told.record(&again, Outcome::Failed, None).await, Recorded::Yes);
    let ended = &told.log(Some(DeliveryState::Failed)).await[0];
    assert!(ended.ended_at.is_some() && ended.next_attempt_at.is_none() && ended.attempts.len() == 2);
    assert_eq!(told.f.store.deliveries_waiting().await.expect("count"), 0);
}

// V10: the circuit breaker.
async fn an_endpoint_that_fails_again_and_again_rests_and_uses_up_no_tries(f: Fixture) {
    let told = Told::new(f).await;
    told.judged(9).await;
    assert_eq!(told.claim(9, Duration::ZERO).await.len(), EACH as usize, "no more than so many at once");
    told.fails(1).await;
    assert_eq!(told.claim(9, Duration::ZERO).await.len(), 1, "one that failed gets one at a time");
    told.fails(4).await;
    assert!(told.webhook().await.health.rests(Timestamp::now()));
    assert!(told.claim(9, MINUTE).await.is_empty(), "it rests");
    assert_eq!(told.log(None).await.iter().map(|delivery| delivery.attempts.len()).sum::<usize>(), 5, "and no try is used up");
    told.sql("UPDATE webhook_endpoint SET rests_until = 1").await;
    let probe = told.claim(9, MINUTE).await;
    assert_eq!(probe.len(), 1, "one tells whether it is back");
    told.delivered(&probe[0]).await;
    assert_eq!(told.webhook().await.health, Default::default());
    assert_eq!(told.claim(9, MINUTE).await.len(), EACH as usize);
}

async fn claims_go_round_the_endpoints(f: Fixture) {
    let told = Told::new(f).await;
    told.judged(6).await;
    let other = Told { hook: told.hook, organization: told.f.organization(9, 0).await, project: told.project, f: told.f };
    let other = Told { project: ProjectId::default_of(other.organization), ..other };
    let made = other.f.store.create_webhook(new(other.organization, &Event::SUBSCRIBABLE), 5).await.expect("made").expect("the first");
    other.judged(1).await;
    let due = other.claim(2, MINUTE).await;
    assert_eq!(due.len(), 2);
    assert!(due.iter().any(|due| due.webhook == made.0.id), "it does not wait behind the other's six");
}

// V10
async fn one_that_is_gone_or_failed_for_days_is_disabled(f: Fixture) {
    let told = Told::new(f).await;
    told.judged(3).await;
    let due = told.one().await;
    assert_eq!(told.record(&due, Outcome::Gone, Some(Timestamp::now())).await, Recorded::Disabled(Disabled::Gone));
    let hook = told.webhook().await;
    assert_eq!(hook.disabled.map(|(_, why)| why), Some(Disabled::Gone));
    assert!(told.claim(9, MINUTE).await.is_empty());
    assert_eq!(told.log(Some(DeliveryState::Abandoned)).await.len(), 3);
    let enabled = WebhookChange { enabled: Some(true), ..WebhookChange::default() };
    let hook = told.f.store.change_webhook(told.project, told.hook, enabled).await.expect("changed").expect("there");
    assert_eq!(hook.disabled, None);
    told.judged(1).await;
    told.fails(1).await;
    told.sql(&format!("UPDATE webhook_endpoint SET failing_since = failing_since - {}", DAYS.as_millis())).await;
    let due = told.one().await;
    // A week without events is no week of failure: the next one has all of its tries.
    assert_eq!(told.record(&due, Outcome::Failed, Some(Timestamp::now())).await, Recorded::Yes);
    let due = told.one().await;
    assert_eq!(told.record(&due, Outcome::Failed, None).await, Recorded::Disabled(Disabled::Failing));
    assert_eq!(told.f.store.test_webhook(told.project, told.hook).await.expect("asked"), Asked::Disabled);
}

// V10: recover since
async fn what_a_disabled_endpoint_missed_can_be_sent_again(f: Fixture) {
    let told = Told::new(f).await;
    let begun = Timestamp::now();
    let before = told.judged(2).await;
    let due = told.one().await;
    told.delivered(&due).await;
    let off = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
    assert!(told.f.store.change_webhook(told.project, told.hook, off).await.expect("changed").is_some());
    let meanwhile = told.judged(2).await;
    let since = || told.f.store.replay_since(told.project, told.hook, begun);
    assert_eq!(since().await.expect("asked"), Asked::Disabled);
    let on = WebhookChange { enabled: Some(true), ..WebhookChange::default() };
    assert!(told.f.store.change_webhook(told.project, told.hook, on).await.expect("changed").is_some());
    assert!(told.claim(9, MINUTE).await.is_empty(), "by itself nothing comes back");
    assert_eq!(since().await.expect("asked"), Asked::Queued(3));
    assert_eq!(since().await.expect("asked"), Asked::Queued(0), "it is on its way");
    let again: BTreeSet<_> = told.claim(9, MINUTE).await.into_iter().filter_map(|due| due.document).collect();
    let missed: BTreeSet<_> = before.into_iter().chain(meanwhile).filter(|id| Some(*id) != due.document).collect();
    assert_eq!(again, missed);
}

async fn one_delivery_can_be_sent_again(f: Fixture) {
    let told = Told::new(f).await;
    told.judged(1).await;
    let first = told.one().await;
    told.delivered(&first).await;
    for _ in 0..2 {
        let asked = told.f.store.replay(told.project, told.hook, first.lease.delivery).await.expect("asked");
        let again = told.one().await;
        assert_eq!(asked, Asked::Queued(again.lease.delivery));
        assert_eq!((again.event, again.document), (first.event, first.document), "by the same id");
        told.delivered(&again).await;
    }
    let unknown = touchstone_core::ids::DeliveryId::random();
    assert_eq!(told.f.store.replay(told.project, told.hook, unknown).await.expect("asked"), Asked::Unknown);
    assert_eq!(told.log(None).await.iter().map(|delivery| delivery.replay).collect::<Vec<_>>(), [true, true, false]);
}

// V10, B1
async fn a_secret_is_sealed_in_its_own_row_and_the_old_one_signs_for_a_while(f: Fixture) {
    let told = Told::new(f).await;
    let store = &told.f.store;
    let rotate = async |force| match store.rotate_webhook_secret(told.project, told.hook, MINUTE, force).await.expect("asked") {
        Rotated::Yes(hook, secret) => Some((hook, secret)),
        Rotated::JustNow { .. } | Rotated::Unknown => None,
    };
    let (_, first) = rotate(false).await.expect("the first time");
    assert!(rotate(false).await.is_none(), "it would end the secret that receivers know");
    let (hook, second) = rotate(true).await.expect("by force");
    assert!(hook.old_secret_until.is_some_and(|until| until > Timestamp::now()));
    told.judged(1).await;
    let signs = told.claim(1, Duration::ZERO).await.pop().expect("due").secrets;
    assert_eq!((signs.current.bytes(), signs.old.as_ref().map(|old| old.bytes())), (second.bytes(), Some(first.bytes())));
    told.sql("UPDATE webhook_endpoint SET old_secret_until = 1").await;
    assert!(told.one().await.secrets.old.is_none(), "the overlap is over");
    let row = webhook_endpoint::Entity::find_by_id(told.hook.0).one(store.reader()).await.expect("read").expect("there");
    assert!(!row.secret.windows(8).any(|part| second.bytes().windows(8).any(|secret| secret == part)), "it is sealed");
    let sealer = Sealer::of(store).await.expect("keys");
    assert_eq!(sealer.unseal(&row.secret, told.hook.0).as_deref(), Some(second.bytes()));
    assert_eq!(sealer.unseal(&row.secret, WebhookId::random().0), None, "moved to another row it is worth nothing");
    for broken in [&row.secret[..row.secret.len() - 1], &row.secret[1..], &[]] {
        assert_eq!(sealer.unseal(broken, told.hook.0), None);
    }
}

// V10: five a project, also when many are made at once.
async fn a_project_has_no_more_webhooks_than_it_may(f: Fixture) {
    let organization = f.organization(1, 0).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let store = f.store.clone();
        running.spawn(async move { store.create_webhook(new(organization, &Event::SUBSCRIBABLE), 5).await.expect("asked").is_some() });
    }
    let made = running.join_all().await.into_iter().filter(|made| *made).count();
    let there = f.store.webhooks(ProjectId::default_of(organization)).await.expect("list");
    assert_eq!((made, there.len()), (5, 5));
    assert!(f.store.delete_webhook(ProjectId::default_of(organization), there[0].id).await.expect("deleted"));
    assert!(f.store.create_webhook(new(organization, &Event::SUBSCRIBABLE), 5).await.expect("asked").is_some());
}

async fn old_events_are_forgotten_and_what_is_on_its_way_is_not(f: Fixture) {
    let told = Told::new(f).await;
    told.judged(3).await;
    let due = told.claim(2, MINUTE).await;
    for due in &due {
        told.delivered(due).await;
    }
    let now = Timestamp::now() + Duration::from_secs(1);
    assert_eq!(told.f.store.forget_events(now - MINUTE, 10).await.expect("forgotten"), 0);
    assert_eq!(told.f.store.forget_events(now, 1).await.expect("forgotten"), 1);
    assert_eq!(told.f.store.forget_events(now, 10).await.expect("forgotten"), 1);
    let left = told.log(None).await;
    assert_eq!((left.len(), left[0].state), (1, DeliveryState::Pending));
    assert!(told.f.store.delete_webhook(told.project, told.hook).await.expect("deleted"), "with what is on its way");
    assert_eq!(told.f.store.forget_events(now, 10).await.expect("forgotten"), 1);
}

async fn nobody_reaches_another_projects_webhook(f: Fixture) {
    let told = Told::new(f).await;
    let (store, stranger) = (&told.f.store, ProjectId::default_of(told.f.organization(1, 0).await));
    assert_eq!(store.webhook(stranger, told.hook).await.expect("asked"), None);
    assert_eq!(store.change_webhook(stranger, told.hook, WebhookChange::default()).await.expect("asked"), None);
    let rotated = store.rotate_webhook_secret(stranger, told.hook, MINUTE, true).await.expect("asked");
    assert!(matches!(rotated, Rotated::Unknown));
    assert_eq!(store.test_webhook(stranger, told.hook).await.expect("asked"), Asked::Unknown);
    assert_eq!(store.replay_since(stranger, told.hook, Timestamp(0)).await.expect("asked"), Asked::Unknown);
    let page = LogPage { before: None, limit: 1, state: None };
    assert!(store.deliveries_of(stranger, told.hook, page).await.expect("asked").is_none());
    assert!(!store.delete_webhook(stranger, told.hook).await.expect("asked"));
    assert_eq!(told.webhook().await.id, told.hook);
}

async fn eight_claimers_at_once_never_get_the_same_delivery(f: Fixture) {
    let told = Told::new(f).await;
    let mut hooks = vec![told.hook];
    for _ in 0..4 {
        let made = told.f.store.create_webhook(new(told.organization, &[Event::DetectionCompleted]), 5).await.expect("made");
        hooks.push(made.expect("room").0.id);
    }
    told.judged(8).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = told.f.store.clone();
        running.spawn(async move { store.claim_deliveries(50, EACH, MINUTE).await.expect("claim") });
    }
    let claimed: Vec<Due> = running.join_all().await.into_iter().flatten().collect();
    let different: BTreeSet<_> = claimed.iter().map(|due| due.lease.delivery).collect();
    assert_eq!(different.len(), claimed.len(), "none twice");
    for hook in hooks {
        let held = claimed.iter().filter(|due| due.webhook == hook).count();
        assert!((1..=EACH as usize).contains(&held), "{held} are under way to one");
    }
}
