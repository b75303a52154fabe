//! Webhooks that are tidied up, erased or broken: what was said goes with what it tells of, and nobody else notices.

use std::time::Duration;

use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use touchstone_core::{
    ids::{DocumentId, ProjectId},
    time::Timestamp,
    webhook::{Event, Outcome},
};

use super::{
    Fixture,
    batches::batch,
    fixture::MINUTE,
    on_every_database,
    webhooks::{EACH, Told, new},
};
use crate::{
    Asked, DeliveryState, FailureCode, NewDocument, Recorded, Stopped, Submitted, WebhookChange,
    entities::{webhook_attempt, webhook_delivery, webhook_endpoint},
};

on_every_database!(
    what_was_said_of_an_erased_document_is_gone_from_every_try,
    a_try_that_ends_after_the_erasure_writes_no_words,
    where_nothing_is_kept_no_try_keeps_words,
    a_deleted_webhook_is_seen_by_nobody_and_goes_in_rounds,
    erasing_the_last_image_of_a_batch_ends_it,
    notes_and_last_words_are_erased_with_their_document,
    what_one_program_cannot_read_stops_nothing_else,
    what_could_not_be_written_is_not_the_endpoints_fault,
    an_archived_project_is_told_nothing_more,
    what_waits_for_a_disabled_webhook_keeps_no_event,
    much_that_was_missed_is_sent_in_parts_and_once,
    on_postgres_nobody_waits_for_an_endpoint_that_is_held,
);

impl Told {
    /// What is told of a batch of two images that were judged.
    async fn batch_told(&self) -> (DocumentId, Vec<DocumentId>) {
        let new = batch(self.organization, &self.f.upload(self.organization).await, 2);
        let new = NewDocument { project: Some(self.project), ..new };
        let whole = new.id;
        assert_eq!(self.f.submit(new).await, Submitted::Created(whole));
        let parts: Vec<DocumentId> = self.f.batch(whole).await.members.iter().map(|member| member.id).collect();
        (whole, parts)
    }

    async fn deliver_all(&self) {
        loop {
            let claimed = self.claim(9, MINUTE).await;
            if claimed.is_empty() {
                return;
            }
            for due in claimed {
                self.delivered(&due).await;
            }
        }
    }

    /// How many tries still say something.
    async fn words(&self) -> usize {
        let tries = webhook_attempt::Entity::find().all(self.f.store.reader()).await.expect("tries");
        tries.iter().filter(|one| !one.body.is_empty() || one.answer.is_some()).count()
    }

    async fn erase(&self, document: DocumentId) {
        assert!(matches!(self.f.store.erase_documents(&[document]).await.expect("erased"), Stopped::Yes(_)));
    }
}

// V12
async fn what_was_said_of_an_erased_document_is_gone_from_every_try(f: Fixture) {
    let told = Told::new(f).await;
    let ids = told.judged(2).await;
    let (_, parts) = told.batch_told().await;
    for part in &parts {
        told.f.end(*part, true).await;
    }
    told.deliver_all().await;
    assert_eq!(told.words().await, 5, "two images, two of a batch, and the batch");
    told.erase(ids[0]).await;
    assert_eq!(told.words().await, 4);
    told.erase(parts[0]).await;
    assert_eq!(told.words().await, 2, "its batch told of it as well");
    assert!(told.f.store.forget_documents(Timestamp::now() + MINUTE, 100).await.expect("forgotten") > 0);
    assert_eq!(told.words().await, 0);
}

// V12: on PostgreSQL the try is recorded in a transaction of its own.
async fn a_try_that_ends_after_the_erasure_writes_no_words(f: Fixture) {
    let told = Told::new(f).await;
    let ids = told.judged(1).await;
    let under_way = told.one().await;
    told.erase(ids[0]).await;
    told.delivered(&under_way).await;
    let (_, parts) = told.batch_told().await;
    for part in &parts {
        told.f.end(*part, true).await;
    }
    let under_way = told.claim(9, MINUTE).await;
    assert_eq!(under_way.len(), 3);
    told.erase(parts[1]).await;
    for due in &under_way {
        told.delivered(due).await;
    }
    assert_eq!(told.words().await, 1, "of the other image alone");
    assert_eq!(told.log(Some(DeliveryState::Delivered)).await.len(), 4, "that they were delivered is known");
}

// V12
async fn where_nothing_is_kept_no_try_keeps_words(f: Fixture) {
    let told = Told::new(f).await;
    told.sql("UPDATE organization SET retention = 'zero'").await;
    told.judged(1).await;
    told.deliver_all().await;
    assert_eq!((told.words().await, told.log(None).await[0].attempts.len()), (0, 1));
}

// V12
async fn a_deleted_webhook_is_seen_by_nobody_and_goes_in_rounds(f: Fixture) {
    let told = Told::new(f).await;
    let store = told.f.store.clone();
    told.judged(2).await;
    let under_way = told.one().await;
    assert!(store.delete_webhook(told.project, told.hook).await.expect("deleted"));
    assert!(!store.delete_webhook(told.project, told.hook).await.expect("asked"), "it is deleted");
    assert!(store.webhooks(told.project).await.expect("list").is_empty());
    assert_eq!(told.record(&under_way, Outcome::Delivered, None).await, Recorded::Lost);
    assert!(told.claim(9, MINUTE).await.is_empty());
    let row = webhook_endpoint::Entity::find().one(store.reader()).await.expect("read").expect("marked");
    assert_eq!((row.url.as_str(), row.secret.len(), row.old_secret), ("", 0, None));
    told.judged(1).await;
    // More than one round has.
    let copies = "INSERT INTO webhook_delivery (id, event_id, endpoint_id, replay, state, attempts, next_attempt_at, created_at)";
    let (event, hook) = (uuid_literal(&told, under_way.event.0), uuid_literal(&told, told.hook.0));
    for replay in 1..=600 {
        let id = uuid_literal(&told, uuid::Uuid::new_v4());
        told.sql(&format!("{copies} VALUES ({id}, {event}, {hook}, {replay}, 'pending', 0, 0, 0)")).await;
    }
    assert!(store.forget_webhooks(None).await.expect("a round"));
    assert!(webhook_endpoint::Entity::find().one(store.reader()).await.expect("read").is_some(), "a round is bounded");
    while store.forget_webhooks(Some(told.organization)).await.expect("a round") {}
    assert_eq!(webhook_delivery::Entity::find().count(store.reader()).await.expect("count"), 0);
    assert!(webhook_endpoint::Entity::find().one(store.reader()).await.expect("read").is_none());
}

/// A UUID as SQL writes one.
fn uuid_literal(told: &Told, id: uuid::Uuid) -> String {
    match told.f.store.writer().get_database_backend() {
        sea_orm::DbBackend::Sqlite => format!("X'{}'", id.simple()),
        _ => format!("'{id}'"),
    }
}

// V10, V12
async fn erasing_the_last_image_of_a_batch_ends_it(f: Fixture) {
    let told = Told::new(f).await;
    let (whole, parts) = told.batch_told().await;
    told.f.end(parts[0], true).await;
    told.sql("UPDATE job SET lease_until = 0").await;
    told.erase(parts[1]).await;
    let ends: Vec<Event> = told.log(None).await.iter().filter(|one| one.document == Some(whole)).map(|one| one.kind).collect();
    assert_eq!(ends, [Event::BatchCompleted]);
    // Of one that is erased whole nothing is told.
    let (whole, _) = told.batch_told().await;
    let scope = told.f.store.documents_to_erase(crate::Erasure::Document(whole), 10).await.expect("documents");
    assert!(matches!(told.f.store.erase_documents(&scope).await.expect("erased"), Stopped::Yes(_)));
    assert!(told.log(None).await.iter().all(|one| one.document != Some(whole)));
}

// V12, B2
async fn notes_and_last_words_are_erased_with_their_document(f: Fixture) {
    let told = Told::new(f).await;
    let id = told.judged(1).await[0];
    let other = told.submitted().await;
    let job = told.f.claim_one().await;
    assert!(told.f.store.give_up(&job.lease, Some(other), "no", "holiday.jpg could not be read").await.expect("given up"));
    told.sql("UPDATE ledger_entry SET note = 'Ann asked'").await;
    told.erase(id).await;
    told.erase(other).await;
    let rows = told.f.rows(told.organization).await;
    assert!(rows.iter().filter(|row| row.document_id.is_some()).all(|row| row.note.is_none()));
    assert_eq!(crate::entities::job::Entity::find().count(told.f.store.reader()).await.expect("count"), 0);
    told.f.sound().await;
}

// V10
async fn what_one_program_cannot_read_stops_nothing_else(f: Fixture) {
    let told = Told::new(f).await;
    let store = &told.f.store;
    let mut hooks = Vec::new();
    for _ in 0..2 {
        hooks.push(store.create_webhook(new(told.organization, &Event::SUBSCRIBABLE), 5).await.expect("made").expect("room").0.id);
    }
    let (broken, newer) = (uuid_literal(&told, hooks[0].0), uuid_literal(&told, hooks[1].0));
    told.sql(&format!("UPDATE webhook_endpoint SET events = 'case.opened' WHERE id = {newer}")).await;
    told.judged(2).await;
    told.sql(&format!("UPDATE webhook_endpoint SET secret = old_secret, events = 'x' WHERE id = {broken} AND 1 = 0")).await;
    let nothing = uuid_literal(&told, uuid::Uuid::nil());
    let column = if nothing.starts_with('X') { "X'00'" } else { "'\\x00'" };
    told.sql(&format!("UPDATE webhook_endpoint SET secret = {column} WHERE id = {broken}")).await;
    let due = told.claim(20, MINUTE).await;
    assert_eq!(due.iter().map(|due| due.webhook).collect::<Vec<_>>(), [told.hook; 2]);
    told.deliver_all().await;
    for due in &due {
        told.delivered(due).await;
    }
    // An event that only a newer program knows waits, and what is behind it does not.
    told.judged(2).await;
    let first = uuid_literal(&told, told.log(Some(DeliveryState::Pending)).await[1].event.0);
    told.sql(&format!("UPDATE webhook_event SET event = 'case.opened' WHERE id = {first}")).await;
    assert_eq!(told.claim(20, MINUTE).await.len(), 1);
    assert_eq!(told.f.store.deliveries_waiting().await.expect("count"), 4 + 2, "and the broken one's");
}

// V10
async fn what_could_not_be_written_is_not_the_endpoints_fault(f: Fixture) {
    let told = Told::new(f).await;
    told.judged(1).await;
    for last in [false, true] {
        let due = told.one().await;
        let again = (!last).then(Timestamp::now);
        assert_eq!(told.record(&due, Outcome::Unsent, again).await, Recorded::Yes);
    }
    assert_eq!(told.webhook().await.health, Default::default());
    assert_eq!(told.log(Some(DeliveryState::Failed)).await.len(), 1, "and it ends as any other");
}

// V7, V10
async fn an_archived_project_is_told_nothing_more(f: Fixture) {
    let told = Told::new(f).await;
    let store = &told.f.store;
    let project = store.create_project(told.organization, "other").await.expect("project").id;
    let wanted = crate::NewWebhook { project, ..new(told.organization, &Event::SUBSCRIBABLE) };
    let hook = store.create_webhook(wanted, 5).await.expect("made").expect("room").0.id;
    assert!(matches!(store.test_webhook(project, hook).await.expect("asked"), Asked::Queued(_)));
    store.archive_project(project).await.expect("archived");
    assert!(told.claim(9, MINUTE).await.is_empty());
    store.tidy_webhooks().await.expect("tidied");
    assert_eq!(store.deliveries_waiting().await.expect("count"), 0);
}

// V10, V12
async fn what_waits_for_a_disabled_webhook_keeps_no_event(f: Fixture) {
    let told = Told::new(f).await;
    let begun = Timestamp::now();
    told.judged(2).await;
    // As where somebody was killed, or queued it in the very moment.
    told.sql("UPDATE webhook_endpoint SET disabled_at = 1, disabled_reason = 'gone'").await;
    let later = Timestamp::now() + MINUTE;
    assert_eq!(told.f.store.forget_events(later, 1).await.expect("forgotten"), 1);
    let on = WebhookChange { enabled: Some(true), ..WebhookChange::default() };
    assert!(told.f.store.change_webhook(told.project, told.hook, on).await.expect("changed").is_some());
    assert!(told.claim(9, MINUTE).await.is_empty(), "by itself nothing comes back");
    let again = told.f.store.replay_since(told.project, told.hook, begun).await.expect("asked");
    assert_eq!(again, Asked::Queued(1));
}

// V10: recover since
async fn much_that_was_missed_is_sent_in_parts_and_once(f: Fixture) {
    let told = Told::new(f).await;
    let insert = "INSERT INTO webhook_event (id, organization_id, project_id, event, document_id, created_at)";
    let (organization, project) = (uuid_literal(&told, told.organization.0), uuid_literal(&told, told.project.0));
    let now = Timestamp::now().0;
    for n in 0..1100 {
        let (id, document) = (uuid_literal(&told, uuid::Uuid::new_v4()), uuid_literal(&told, uuid::Uuid::new_v4()));
        // Many happened in the same millisecond.
        let at = now - 10 + n / 300;
        told.sql(&format!("{insert} VALUES ({id}, {organization}, {project}, 'detection.completed', {document}, {at})")).await;
    }
    let since = || told.f.store.replay_since(told.project, told.hook, Timestamp(now - 10));
    let (first, second) = tokio::join!(since(), since());
    let queued = [first, second].map(|asked| match asked.expect("asked") {
        Asked::Queued(count) => count,
        Asked::Disabled | Asked::Unknown => 0,
    });
    assert_eq!(queued.iter().sum::<u64>(), 1100, "{queued:?}");
    told.sql("UPDATE webhook_delivery SET state = 'failed'").await;
    assert_eq!(since().await.expect("asked"), Asked::Queued(1100), "as the next replay of each");
}

// V10: somebody who tidies up a dead one holds up nobody. SQLite has one writer, and its rounds are short.
async fn on_postgres_nobody_waits_for_an_endpoint_that_is_held(f: Fixture) {
    let told = Told::new(f).await;
    if told.f.store.file.is_some() {
        return;
    }
    let organization = told.f.organization(9, 0).await;
    let held = told.f.store.create_webhook(new(organization, &Event::SUBSCRIBABLE), 5).await.expect("made").expect("room").0.id;
    let project = ProjectId::default_of(organization);
    assert!(matches!(told.f.store.test_webhook(project, held).await.expect("asked"), Asked::Queued(_)));
    told.judged(1).await;
    let write = told.f.store.write().await.expect("write");
    let id = uuid_literal(&told, held.0);
    write.execute_unprepared(&format!("SELECT 1 FROM webhook_endpoint WHERE id = {id} FOR UPDATE")).await.expect("held");
    // Not a time that is measured: with the lock waited for, this would never end.
    let claimed = tokio::time::timeout(Duration::from_secs(20), told.f.store.claim_deliveries(9, EACH, MINUTE)).await;
    assert_eq!(claimed.expect("in time").expect("claim").iter().map(|due| due.webhook).collect::<Vec<_>>(), [told.hook]);
    drop(write);
    assert_eq!(told.one().await.webhook, held);
    let id = told.submitted().await;
    let job = told.f.claim_one().await;
    assert!(told.f.store.fail(&job.lease, id, FailureCode::InvalidRequest, "no").await.expect("fail"));
}
