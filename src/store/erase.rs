//! Erasure (row V12): what somebody wants gone is gone at once, and for good. Ids, amounts and times stay, so that the books still add up.

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};
use serde::Serialize;
use touchstone_core::{
    ids::{DocumentId, MemberId, OrganizationId},
    organization::Organization,
    time::Timestamp,
};

use crate::{
    FailureCode, Forgotten, Store, StoreError, UploadState,
    entities::{
        api_key,
        document::{self, Column, Entity, Model},
        job, ledger_entry, member, project, upload, webhook_endpoint,
    },
    forget::{held, scrub},
    keys, outbox,
    progress::is_under_way,
    settle,
};

/// What an erased organisation and its keys are called.
const NAMELESS: &str = "erased";

/// Whose data is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// One document; of a batch, all of its images.
    Document(DocumentId),
    /// A person.
    Member(MemberId),
    /// A whole organisation.
    Organization(OrganizationId),
}

/// What there is to erase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Documents, batches among them.
    pub documents: u64,
    /// Heatmaps and previews.
    pub pictures: u64,
    /// Uploaded and fetched images and archives. One that another document still needs goes when that has ended.
    pub originals: u64,
    /// API keys.
    pub keys: u64,
    /// People.
    pub members: u64,
    /// Webhooks, each with its log.
    pub webhooks: u64,
}

/// What [`Store::erase_documents`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Stopped {
    /// They are erased; these were their originals.
    Yes(Vec<String>),
    /// A worker has this one in hand at this moment, and nothing was changed.
    AtWork(DocumentId),
}

impl Store {
    /// What there is to erase; `None` when nothing has this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn to_erase(&self, what: Erasure) -> Result<Option<Found>, StoreError> {
        let reader = self.reader();
        let there = match what {
            Erasure::Document(id) => Entity::find_by_id(id.0).one(reader).await?.is_some(),
            Erasure::Member(id) => member::Entity::find_by_id(id.0).one(reader).await?.is_some(),
            Erasure::Organization(id) => self.organization(id).await?.is_some(),
        };
        let Some(scope) = scope(what) else { return Ok(there.then_some(Found { members: 1, ..Found::default() })) };
        let count = |more: Condition| Entity::find().filter(scope.clone()).filter(more).count(reader);
        let heatmaps = count(Column::HeatmapKey.is_not_null().into()).await?;
        let previews = count(Column::PreviewKey.is_not_null().into()).await?;
        let originals = upload::Entity::find().filter(originals_of(what, &scope)).count(reader).await?;
        let mut found = Found { documents: count(unerased()).await?, pictures: heatmaps + previews, originals, ..Found::default() };
        if let Erasure::Organization(id) = what {
            let living = api_key::Column::OrganizationId.eq(id.0).and(api_key::Column::RevokedAt.is_null());
            found.keys = api_key::Entity::find().filter(living).count(reader).await?;
            let theirs = webhook_endpoint::Column::OrganizationId.eq(id.0).and(webhook_endpoint::Column::DeletedAt.is_null());
            found.webhooks = webhook_endpoint::Entity::find().filter(theirs).count(reader).await?;
            found.members = member::Entity::find().filter(member::Column::OrganizationId.eq(id.0)).count(reader).await?;
        }
        Ok(there.then_some(found))
    }

    /// Originals that an erasure left, whatever cut it off: no document is of them any more, or somebody began to delete them. For
    /// [`Store::expire_originals`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn originals_left(&self, what: Erasure) -> Result<Vec<String>, StoreError> {
        let organization = match what {
            Erasure::Document(id) => Entity::find_by_id(id.0).one(self.reader()).await?.map(|row| row.organization_id),
            Erasure::Organization(id) => Some(id.0),
            Erasure::Member(_) => None,
        };
        let Some(organization) = organization else { return Ok(Vec::new()) };
        let of_it = Expr::col((document::Entity, Column::ObjectKey)).equals((upload::Entity, upload::Column::ObjectKey));
        let of_it = Query::select().expr(Expr::val(1)).from(Entity).and_where(of_it).take();
        let unused = upload::Column::State.eq(UploadState::Taken).and(Expr::exists(of_it).not());
        let left = upload::Column::OrganizationId.eq(organization).and(upload::Column::State.eq(UploadState::Expiring).or(unused));
        let keys = upload::Entity::find().select_only().column(upload::Column::ObjectKey).filter(left);
        Ok(keys.into_tuple().all(self.reader()).await?)
    }

    /// Documents that are to be erased, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn documents_to_erase(&self, what: Erasure, limit: u64) -> Result<Vec<DocumentId>, StoreError> {
        let Some(scope) = scope(what) else { return Ok(Vec::new()) };
        let ids = Entity::find().select_only().column(Column::Id).filter(scope).filter(unerased()).limit(limit);
        Ok(ids.into_tuple().all(self.reader()).await?.into_iter().map(DocumentId).collect())
    }

    /// Erases documents. One that waits to be judged ends unjudged, and its credits go back. Their pictures are doomed
    /// ([`Store::doomed_objects`]); their originals go by [`Store::expire_originals`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_documents(&self, documents: &[DocumentId]) -> Result<Stopped, StoreError> {
        let write = self.write().await?;
        let before = Entity::find().filter(Column::Id.is_in(documents.iter().map(|id| id.0))).all(&*write).await?;
        for row in before.iter().filter(|row| is_under_way(row)) {
            // In the order in which a worker holds them: the job, then the document, then the balance.
            if !stop(&write, row).await? {
                return Ok(Stopped::AtWork(DocumentId(row.id)));
            }
        }
        let rows = held(&write, documents).await?;
        for row in rows.iter().filter(|row| is_under_way(row)) {
            settle::fail_document(&write, DocumentId(row.id), FailureCode::InvalidRequest, "").await?;
        }
        scrub(&write, &rows, Forgotten::Erased).await?;
        forget_asides(&write, &rows).await?;
        let mut told = false;
        for row in
            rows.iter().filter(|row| is_under_way(row) && row.batch_id.is_some_and(|batch| rows.iter().all(|other| other.id != batch)))
        {
            // It may have been the last of a batch that others were judged of.
            told |= outbox::document_ended(&write, DocumentId(row.id)).await?;
        }
        write.commit().await?;
        if told {
            self.tell_deliverer();
        }
        let originals: std::collections::BTreeSet<_> = rows.into_iter().map(|row| row.object_key).filter(|key| !key.is_empty()).collect();
        Ok(Stopped::Yes(originals.into_iter().collect()))
    }

    /// Erases who pays for an organisation, once nothing of it is under way: what it used until now is billed to them.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn erase_payer(&self, id: OrganizationId) -> Result<(), StoreError> {
        self.change_organization(id, |before| Organization { stripe_customer_id: None, ..before }).await.map(drop)
    }

    /// Erases what an organisation is beside its documents and uploads: its keys open nothing any more, its people are gone, and nothing
    /// has a name. Who pays for it stays, until [`Store::erase_payer`].
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], or when the database fails.
    pub async fn erase_account(&self, id: OrganizationId) -> Result<(), StoreError> {
        let write = self.write().await?;
        keys::revoke(&write, api_key::Column::OrganizationId.eq(id.0).into()).await?;
        let nameless = api_key::Entity::update_many().col_expr(api_key::Column::Name, Expr::value(NAMELESS));
        let nameless = nameless.col_expr(api_key::Column::Networks, Expr::value(None::<String>));
        nameless.filter(api_key::Column::OrganizationId.eq(id.0)).exec(&*write).await?;
        member::Entity::delete_many().filter(member::Column::OrganizationId.eq(id.0)).exec(&*write).await?;
        for row in project::Entity::find().filter(project::Column::OrganizationId.eq(id.0)).all(&*write).await? {
            // Two of one organisation cannot have the same name.
            let nameless = project::Entity::update_many().col_expr(project::Column::Name, Expr::value(row.id.to_string()));
            nameless.filter(project::Column::Id.eq(row.id)).exec(&*write).await?;
        }
        silence(&write, ledger_entry::Column::OrganizationId.eq(id.0)).await?;
        let dead = job::Column::OrganizationId.eq(id.0).and(job::Column::DeadAt.is_not_null());
        job::Entity::delete_many().filter(dead).exec(&*write).await?;
        write.commit().await?;
        self.change_organization(id, |before| Organization { name: NAMELESS.into(), ..before }).await.map(drop)
    }
}

/// What is said of documents elsewhere: notes in the ledger, and the last words of jobs that died of them.
async fn forget_asides(write: &DatabaseTransaction, rows: &[Model]) -> Result<(), StoreError> {
    silence(write, ledger_entry::Column::DocumentId.is_in(rows.iter().map(|row| row.id))).await?;
    let organizations = rows.iter().map(|row| row.organization_id).collect::<std::collections::BTreeSet<_>>();
    let dead = job::Entity::find().filter(job::Column::OrganizationId.is_in(organizations).and(job::Column::DeadAt.is_not_null()));
    let of_them = |dead: &job::Model| rows.iter().any(|row| dead.payload.contains(&row.id.to_string()));
    let theirs = dead.all(write).await?.into_iter().filter(of_them).map(|dead| dead.seq);
    job::Entity::delete_many().filter(job::Column::Seq.is_in(theirs)).exec(write).await?;
    Ok(())
}

/// Takes the notes off these rows of the ledger; amounts and times stay.
async fn silence(write: &DatabaseTransaction, of: Expr) -> Result<(), StoreError> {
    let silent = ledger_entry::Entity::update_many().col_expr(ledger_entry::Column::Note, Expr::value(None::<String>));
    silent.filter(of).exec(write).await?;
    Ok(())
}

/// Which documents; `None`: a person is in none.
fn scope(what: Erasure) -> Option<Condition> {
    match what {
        Erasure::Document(id) => Some(Condition::any().add(Column::Id.eq(id.0)).add(Column::BatchId.eq(id.0))),
        Erasure::Organization(id) => Some(Column::OrganizationId.eq(id.0).into()),
        Erasure::Member(_) => None,
    }
}

fn unerased() -> Condition {
    Condition::any().add(Column::Forgotten.is_null()).add(Column::Forgotten.ne(Forgotten::Erased))
}

fn originals_of(what: Erasure, scope: &Condition) -> Condition {
    use sea_orm::QueryTrait;
    let stored = Condition::all().add(upload::Column::State.ne(UploadState::Removed));
    match what {
        Erasure::Organization(id) => stored.add(upload::Column::OrganizationId.eq(id.0)),
        Erasure::Document(_) | Erasure::Member(_) => {
            let keys = Entity::find().select_only().column(Column::ObjectKey).filter(scope.clone()).into_query();
            stored.add(upload::Column::ObjectKey.in_subquery(keys))
        }
    }
}

/// Takes the document's jobs out of the queue. `false`: a worker has one in hand.
async fn stop(write: &DatabaseTransaction, row: &Model) -> Result<bool, StoreError> {
    let its = || {
        let of_it = job::Column::OrganizationId.eq(row.organization_id).and(job::Column::DeadAt.is_null());
        of_it.and(job::Column::Payload.contains(row.id.to_string()))
    };
    let jobs = job::Entity::find().filter(its()).order_by_asc(job::Column::Seq).lock_exclusive().all(write).await?;
    let now = Timestamp::now();
    if jobs.iter().any(|job| job.lease_until.is_some_and(|until| until > now.0)) {
        return Ok(false);
    }
    job::Entity::delete_many().filter(its()).exec(write).await?;
    Ok(true)
}
