//! The one transaction in which an upload becomes a document: recognised or refused, paid for, stored and queued, or nothing.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, SqlErr, sea_query::Expr,
};
use sha2::{Digest, Sha256};
use touchstone_core::{
    credit::{Balance, Entry, Taken},
    ids::{DocumentId, OrganizationId, ProjectId},
    job::NewJob,
    organization::Organization,
    submission::{Asked, Options},
    time::Timestamp,
};

use crate::{
    AnalysisStatus, AssetStatus, DocumentKind, DocumentStatus, NewBatch, NewSet, Settlement, Store, StoreError, UploadState, Work, batches,
    credits::{self, Movement, record},
    entities::{
        document::{self, ActiveModel},
        upload,
    },
    jobs, sets, trials,
};

/// What the fingerprint of a test key's submission ends with. No instance's name has a slash.
const TEST: &str = "/test";

/// A document about to be made.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// The id it will have.
    pub id: DocumentId,
    /// The client chose that id: then it must be free, and it is part of what makes two submissions the same.
    pub explicit: bool,
    /// Who submits and pays.
    pub organization: OrganizationId,
    /// Of which project its key is, so that use can be told by project; `None`: no key submits it.
    pub project: Option<ProjectId>,
    /// Which upload.
    pub object_key: String,
    /// Exactly which bytes of it.
    pub object_etag: String,
    /// What shall come out.
    pub options: Options,
    /// What the /v1 API was asked for; every such submission is one of its own, whatever was submitted before.
    pub asked: Option<Asked>,
    /// What the same request to the /v1 API, repeated, is found by ([`Store::asked_before`]); `None`: by nothing.
    pub question: Option<String>,
    /// For this long the same submission is answered with the same document (row T17).
    pub replay_window: Duration,
    /// Credits that an image costs. From a metered organisation nothing is taken, it is counted; a test key's costs nothing.
    pub cost: i64,
    /// A test key submits it.
    pub test: bool,
    /// Images a UTC day that the organisation's test keys may submit; 0: any number.
    pub tests_a_day: u64,
    /// For the operator's own support.
    pub email: Option<String>,
    /// For the operator's own statistics.
    pub user_agent: Option<String>,
    /// What it causes: one image to judge, or those of an archive. Each image costs `cost`.
    pub work: Work,
}

/// What [`Store::submit`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Submitted {
    /// A new document was made and its job queued.
    Created(DocumentId),
    /// It is a retry of this document's submission; nothing was charged or queued.
    Replayed(DocumentId),
    /// The chosen id belongs to something else.
    IdTaken,
    /// The organisation has no such upload (any more).
    NoUpload,
    /// The organisation's credits do not cover it.
    NotEnoughCredits,
    /// The organisation's test keys have submitted as many today as they may.
    TestsUsedUp,
    /// As many batches of the project are under way as may: so many.
    TooManyBatches(u32),
    /// As many jobs wait as may.
    Busy,
}

impl Store {
    /// Makes a document of an upload, in one transaction. Anything but [`Submitted::Created`] changes nothing. While `max_backlog`
    /// jobs live in its queue, nothing new is made (retries are still recognised).
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too many writes wait, [`StoreError::NoOrganization`], or when the database fails.
    pub async fn submit(&self, new: NewDocument, max_backlog: u64) -> Result<Submitted, StoreError> {
        let (now, options) = (Timestamp::now(), serde_json::to_string(&new.options)?);
        let fingerprint = new.question.clone().unwrap_or_else(|| fingerprint(&new, &options));
        let write = self.write_at_door().await?;
        // Held to the end: submissions of one organisation pass one by one, so that each sees the one before.
        let balance = credits::locked(&write, new.organization).await?;
        // Whether a request to /v1 is repeated was seen before its image was kept.
        let first = if new.question.is_none() { replayed(&write, &new, &fingerprint, now).await? } else { None };
        if let Some(first) = first {
            return Ok(Submitted::Replayed(first));
        }
        if new.explicit && is_taken(&write, new.id).await? {
            return Ok(Submitted::IdTaken);
        }
        if !take_uploads(&write, &new).await? {
            return Ok(Submitted::NoUpload);
        }
        if let Work::Set(set) = &new.work {
            // Exact, for the same reason.
            if sets::are_too_many(&*write, new.project, set.most_under_way).await? {
                return Ok(Submitted::TooManyBatches(set.most_under_way));
            }
        }
        let owner = credits::owner(&write, new.organization).await?;
        let (price, images) = (price(&owner, &new), new.work.images());
        // Exact, since the organisation's balance is held.
        if new.test && !trials::fit(&*write, new.organization, new.tests_a_day, images as u64, now).await? {
            return Ok(Submitted::TestsUsedUp);
        }
        let balance = credits::renewed(&write, &owner, self.allowance(&owner), balance).await?;
        if balance.reserve(price.taken.saturating_mul(images as i64)).is_none() {
            return Ok(Submitted::NotEnoughCredits);
        }
        if jobs::is_full(&write, new.work.queue(), images, max_backlog).await? {
            return Ok(Submitted::Busy);
        }
        let mut till = Till { write: &write, organization: new.organization, price, balance, now };
        let document = row(&new, options, fingerprint, now)?;
        let made = match &new.work {
            Work::Image(job) => till.image(document, new.id, job).await,
            Work::Batch(batch) => till.batch(document, new.id, batch).await,
            Work::Set(set) => till.set(document, new.id, set).await,
        };
        match made {
            Err(StoreError::Database(error)) if is_duplicate(&error) => return Ok(Submitted::IdTaken),
            made => made?,
        }
        write.commit().await?;
        self.wake.notify_one();
        if matches!(new.work, Work::Set(_)) {
            self.fetches.notify_one();
        }
        Ok(Submitted::Created(new.id))
    }
}

/// Writes the documents of a submission, takes what each image costs, and queues its job.
struct Till<'a> {
    write: &'a DatabaseTransaction,
    organization: OrganizationId,
    price: Price,
    /// What is left; known to cover all of it.
    balance: Balance,
    now: Timestamp,
}

impl Till<'_> {
    async fn image(&mut self, document: ActiveModel, id: DocumentId, job: &NewJob) -> Result<(), StoreError> {
        let (left, taken) = self.balance.reserve(self.price.taken).expect("all images together were covered");
        let document = self.charged(document, taken);
        document::Entity::insert(document).exec_without_returning(self.write).await?;
        if taken.credits.total() > 0 {
            let movement = Movement { entry: Entry::Reserve, from: self.balance, to: left, units: 0, document: Some(id), note: None };
            record(self.write, self.organization, movement).await?;
        }
        self.balance = left;
        jobs::insert(self.write, job, self.now).await
    }

    /// The row of a document that took this.
    fn charged(&self, document: ActiveModel, taken: Taken) -> ActiveModel {
        ActiveModel {
            charged_base: Set(taken.credits.base),
            charged_boost: Set(taken.credits.boost),
            units: Set(self.price.units),
            base_month: Set(taken.month),
            ..document
        }
    }

    async fn set(&mut self, document: ActiveModel, id: DocumentId, set: &NewSet) -> Result<(), StoreError> {
        let whole = sets::whole(document.clone(), &set.refused, self.now)?;
        document::Entity::insert(whole).exec_without_returning(self.write).await?;
        for part in &set.parts {
            self.image(sets::part(document.clone(), id, part)?, part.id, &part.job).await?;
        }
        Ok(())
    }

    async fn batch(&mut self, document: ActiveModel, id: DocumentId, batch: &NewBatch) -> Result<(), StoreError> {
        let whole = batches::whole(document.clone(), &batch.skipped, self.now)?;
        document::Entity::insert(whole).exec_without_returning(self.write).await?;
        for (position, member) in batch.members.iter().enumerate() {
            let document = batches::part(document.clone(), id, position, member)?;
            self.image(document, member.id, &member.job).await?;
        }
        Ok(())
    }
}

/// The uploads that a submission is made of: all of them, or none is taken.
async fn take_uploads(write: &DatabaseTransaction, new: &NewDocument) -> Result<bool, StoreError> {
    let Work::Set(set) = &new.work else { return take_upload(write, new.organization, &new.object_key).await };
    for object_key in set.object_keys() {
        if !take_upload(write, new.organization, object_key).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Equal for two submissions exactly when one is a retry of the other (row T17). Lengths keep the parts apart.
fn fingerprint(new: &NewDocument, options: &str) -> String {
    let chosen = if new.explicit { new.id.to_string() } else { String::new() };
    // An instance is part of the model that was asked for; the shared queue is not written, as before there were instances.
    let instance = Some(new.work.queue()).filter(|queue| !queue.is_empty());
    // A live submission is paid for and billed: a test one never stands for it.
    let test = new.test.then_some(TEST);
    // What /v1 hands back is fresh each time.
    let own = new.asked.as_ref().map(|_| new.id.to_string());
    let always = [new.organization.to_string(), new.object_key.clone(), new.object_etag.clone(), options.to_owned(), chosen];
    let mut hasher = Sha256::new();
    for part in always.iter().map(String::as_str).chain(instance).chain(test).chain(own.as_deref()) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// The document that a retry of this submission already made. With a chosen id it is that id's one document, whenever that was
/// made (row T3); without, it must be recent (row T17), and one that failed is tried anew.
async fn replayed(
    write: &DatabaseTransaction,
    new: &NewDocument,
    fingerprint: &str,
    now: Timestamp,
) -> Result<Option<DocumentId>, StoreError> {
    let mut same = document::Entity::find().filter(document::Column::Fingerprint.eq(fingerprint));
    if !new.explicit {
        let recent = document::Column::CreatedAt.gt((now - new.replay_window).0);
        same = same.filter(recent.and(document::Column::Status.ne(DocumentStatus::Failed)));
    }
    let first = same.order_by_desc(document::Column::CreatedAt).one(write).await?;
    let Some(first) = first else { return Ok(None) };
    let failed = !new.explicit && first.kind == DocumentKind::Zip && batches::has_failed(write, first.id).await?;
    Ok((!failed).then_some(DocumentId(first.id)))
}

/// Ids told with upload URLs are nobody's to choose: clients must not mistake the one for the other.
async fn is_taken(write: &DatabaseTransaction, id: DocumentId) -> Result<bool, StoreError> {
    let document = document::Entity::find_by_id(id.0).one(write).await?.is_some();
    Ok(document || upload::Entity::find().filter(upload::Column::DocumentId.eq(id.0)).one(write).await?.is_some())
}

pub(crate) async fn take_upload(write: &DatabaseTransaction, organization: OrganizationId, object_key: &str) -> Result<bool, StoreError> {
    let taken = upload::Entity::update_many()
        .col_expr(upload::Column::State, Expr::value(UploadState::Taken))
        .filter(upload::Column::ObjectKey.eq(object_key).and(upload::Column::OrganizationId.eq(organization.0)))
        .filter(upload::Column::State.is_not_in([UploadState::Expiring, UploadState::Removed]))
        .exec(write)
        .await?;
    Ok(taken.rows_affected > 0)
}

/// What one image costs.
#[derive(Clone, Copy)]
struct Price {
    /// Its worth, which a verdict will prove.
    units: i64,
    /// What is taken from the balance now.
    taken: i64,
}

fn price(owner: &Organization, new: &NewDocument) -> Price {
    match (new.test, owner.metered) {
        (true, _) => Price { units: 0, taken: 0 },
        // What a meter counts is documents, whatever their price in credits.
        (false, true) => Price { units: 1, taken: 0 },
        (false, false) => Price { units: new.cost, taken: new.cost },
    }
}

/// Somebody else wrote the same in the same instant, or before; the database lets one of them.
pub(crate) fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// A document that waits to be judged; what was taken for it is still to be filled in.
fn row(new: &NewDocument, options: String, fingerprint: String, now: Timestamp) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        id: Set(new.id.0),
        organization_id: Set(new.organization.0),
        object_key: Set(new.object_key.clone()),
        object_etag: Set(new.object_etag.clone()),
        options: Set(options),
        fingerprint: Set(fingerprint),
        explicit_id: Set(new.explicit),
        test: Set(new.test),
        email: Set(new.email.clone()),
        user_agent: Set(new.user_agent.clone()),
        status: Set(DocumentStatus::Pending),
        verdict: Set(None),
        error_message: Set(None),
        heatmap_status: Set(AssetStatus::None),
        heatmap_key: Set(None),
        heatmap_content_type: Set(None),
        preview_status: Set(AssetStatus::None),
        preview_key: Set(None),
        preview_content_type: Set(None),
        analysis_status: Set(AnalysisStatus::None),
        analysis: Set(None),
        analysis_until: Set(None),
        charged_base: Set(0),
        charged_boost: Set(0),
        units: Set(0),
        base_month: Set(0),
        settlement: Set(Settlement::Reserved),
        created_at: Set(now.0),
        finished_at: Set(None),
        kind: Set(DocumentKind::Image),
        batch_id: Set(None),
        position: Set(None),
        file_name: Set(None),
        entry: Set(None),
        skipped: Set(None),
        project_id: Set(new.project.map(|project| project.0)),
        v1: Set(new.asked.as_ref().map(serde_json::to_string).transpose()?),
        source_url: Set(None),
        failure_code: Set(None),
        regions: Set(None),
        forensics: Set(None),
        cached: Set(false),
        content_key: Set(None),
        forgotten: Set(None),
    })
}
