//! How a document ends: the verdict or the failure, the credits settled or given back, each exactly once and with its ledger row.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use serde_json::Value;
use touchstone_core::{
    credit::{Balance, Credits, Entry, Taken},
    ids::{DocumentId, OrganizationId},
    time::Timestamp,
    verdict::{Spot, Verdict},
};

use crate::{
    Analyzed, Asset, AssetStatus, DocumentStatus, FailureCode, Lease, Settlement, Store, StoreError,
    credits::{self, Movement, record},
    doomed::doom,
    entities::document::{ActiveModel, Column, Entity, Model},
    jobs, outbox,
    progress::{columns, picture},
    store::Write,
};

/// The end of judging.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// What was found.
    pub verdict: &'a Verdict,
    /// The parts of the picture that stand out.
    pub regions: &'a [Spot],
    /// What forensics measured, if that was asked for.
    pub forensics: Option<&'a Value>,
    /// [`AssetStatus::Pending`] when one will be drawn now, else [`AssetStatus::None`].
    pub heatmap: AssetStatus,
    /// The same for the preview.
    pub preview: AssetStatus,
    /// The verdict in words.
    pub analysis: Analyzed<'a>,
    /// What finds it again when the same is sent; `None`: nothing shall.
    pub content_key: Option<&'a str>,
    /// The verdict was taken over from an earlier document, at this price.
    pub cached: Option<Price>,
}

/// What a verdict costs that was taken over from an earlier document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// As much as any other.
    Full,
    /// Nothing: what was set aside for it goes back, and no use is proven.
    Nothing,
}

/// How drawing a picture ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drawn {
    /// It is stored.
    Ready {
        /// Where.
        object_key: String,
        /// As what.
        content_type: String,
    },
    /// It could not be drawn, and trying again would not help.
    Failed,
}

impl Store {
    /// A worker has begun to look. `false`: the lease was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&self, lease: &Lease, document: DocumentId) -> Result<bool, StoreError> {
        let write = self.write().await?;
        if !jobs::hold(&write, lease).await? {
            return Ok(false);
        }
        Entity::update_many()
            .col_expr(Column::Status, Expr::value(DocumentStatus::Analyzing))
            .filter(Column::Id.eq(document.0).and(Column::Status.eq(DocumentStatus::Pending)))
            .exec(&*write)
            .await?;
        write.commit().await?;
        Ok(true)
    }

    /// The verdict is final and the credits are spent. The job stays leased, for drawing. Repeated after a crash it changes
    /// nothing. `false`: the lease was lost and nothing was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish(&self, lease: &Lease, document: DocumentId, finished: Finished<'_>) -> Result<bool, StoreError> {
        let verdict = serde_json::to_string(finished.verdict)?;
        let regions = serde_json::to_string(finished.regions)?;
        let write = self.write().await?;
        if !jobs::hold(&write, lease).await? {
            return Ok(false);
        }
        if let Some(row) = unfinished(&write, document).await? {
            let mut done = ActiveModel {
                status: Set(DocumentStatus::Done),
                verdict: Set(Some(verdict)),
                regions: Set(Some(regions)),
                forensics: Set(finished.forensics.map(Value::to_string)),
                cached: Set(finished.cached.is_some()),
                content_key: Set(finished.content_key.map(str::to_owned)),
                heatmap_status: Set(finished.heatmap),
                preview_status: Set(finished.preview),
                ..ended(&row, Settlement::Settled)
            };
            finished.analysis.set(&mut done)?;
            match finished.cached {
                Some(Price::Nothing) => give_away(&write, &row, &mut done).await?,
                Some(Price::Full) | None => settle(&write, &row).await?,
            }
            done.update(&*write).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    /// The document cannot be judged: it is failed, its credits go back as they were taken, the job is done. A document that was
    /// judged before stays judged; only its pending pictures fail. `code` and `message` tell its owner why. `false`: the lease was lost and nothing was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fail(&self, lease: &Lease, document: DocumentId, code: FailureCode, message: &str) -> Result<bool, StoreError> {
        let write = self.write().await?;
        if !jobs::hold(&write, lease).await? {
            return Ok(false);
        }
        fail_document(&write, document, code, message).await?;
        jobs::remove(&write, lease).await?;
        self.commit_end(write, document).await
    }

    /// The same after the last try: the job is kept aside as dead, with `error`, for the operator to see. `message` is what the
    /// document's owner is told.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_up(&self, lease: &Lease, document: Option<DocumentId>, message: &str, error: &str) -> Result<bool, StoreError> {
        let write = self.write().await?;
        if !jobs::hold(&write, lease).await? {
            return Ok(false);
        }
        jobs::bury(&write, lease, error).await?;
        let Some(document) = document else { return write.commit().await.map(|()| true) };
        fail_document(&write, document, FailureCode::InternalError, message).await?;
        self.commit_end(write, document).await
    }

    /// Everything is drawn that will be: the job leaves the queue, and a picture that is still pending has failed. `false`: the
    /// lease was lost and nothing was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_drawing(&self, lease: &Lease, document: DocumentId) -> Result<bool, StoreError> {
        let write = self.write().await?;
        if !jobs::hold(&write, lease).await? {
            return Ok(false);
        }
        fail_pictures(&write, document, &Asset::ALL).await?;
        jobs::remove(&write, lease).await?;
        self.commit_end(write, document).await
    }

    /// Commits the end of a document's job, and tells of it.
    async fn commit_end(&self, write: Write, document: DocumentId) -> Result<bool, StoreError> {
        let told = outbox::document_ended(&write, document).await?;
        write.commit().await?;
        if told {
            self.tell_deliverer();
        }
        Ok(true)
    }

    /// A pending picture is about to be stored there. Written down first: whoever is killed in between leaves nothing that nobody knows of.
    /// `false`: the lease was lost and nothing was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn announce_asset(&self, lease: &Lease, document: DocumentId, which: Asset, object_key: &str) -> Result<bool, StoreError> {
        let columns = columns(which);
        let write = self.write().await?;
        if !jobs::hold(&write, lease).await? {
            return Ok(false);
        }
        Entity::update_many()
            .col_expr(columns.key, Expr::value(object_key))
            .filter(Column::Id.eq(document.0).and(columns.status.eq(AssetStatus::Pending)))
            .exec(&*write)
            .await?;
        write.commit().await?;
        Ok(true)
    }

    /// Dooms a picture that was stored too late: under a lease that was lost, and its document has none there any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disown_asset(&self, document: DocumentId, which: Asset, object_key: &str) -> Result<(), StoreError> {
        let write = self.write().await?;
        let row = Entity::find_by_id(document.0).lock_exclusive().one(&*write).await?;
        if row.as_ref().and_then(|row| picture(row, which).1.as_deref()) != Some(object_key) {
            doom(&write, vec![object_key.to_owned()]).await?;
        }
        write.commit().await
    }

    /// A pending picture is drawn, or never will be. `false`: the lease was lost and nothing was changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_asset(&self, lease: &Lease, document: DocumentId, which: Asset, drawn: Drawn) -> Result<bool, StoreError> {
        let columns = columns(which);
        let write = self.write().await?;
        if !jobs::hold(&write, lease).await? {
            return Ok(false);
        }
        let Drawn::Ready { object_key, content_type } = drawn else {
            fail_pictures(&write, document, &[which]).await?;
            return write.commit().await.map(|()| true);
        };
        Entity::update_many()
            .col_expr(columns.status, Expr::value(AssetStatus::Ready))
            .col_expr(columns.key, Expr::value(object_key))
            .col_expr(columns.content_type, Expr::value(content_type))
            .filter(Column::Id.eq(document.0).and(columns.status.eq(AssetStatus::Pending)))
            .exec(&*write)
            .await?;
        write.commit().await?;
        Ok(true)
    }
}

/// The document, if nothing final is known of it yet; held until the transaction ends, so that it ends once.
async fn unfinished(write: &DatabaseTransaction, document: DocumentId) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(document.0).lock_exclusive().one(write).await?;
    Ok(row.filter(|row| !row.status.is_final()))
}

fn ended(row: &Model, settlement: Settlement) -> ActiveModel {
    ActiveModel { id: Set(row.id), settlement: Set(settlement), finished_at: Set(Some(Timestamp::now().0)), ..Default::default() }
}

/// What the document took from the balance.
pub(crate) const fn taken(row: &Model) -> Taken {
    Taken { credits: Credits { base: row.charged_base, boost: row.charged_boost }, month: row.base_month }
}

/// Fails a document that has not ended. Of one that has, only pending pictures fail.
pub(crate) async fn fail_document(
    write: &DatabaseTransaction,
    document: DocumentId,
    code: FailureCode,
    message: &str,
) -> Result<(), StoreError> {
    let Some(row) = unfinished(write, document).await? else { return fail_pictures(write, document, &Asset::ALL).await };
    let failed = ActiveModel {
        status: Set(DocumentStatus::Failed),
        error_message: Set(Some(message.to_owned())),
        failure_code: Set(Some(code)),
        // Where it was to be fetched from is nobody's business any more.
        source_url: Set(None),
        ..ended(&row, Settlement::Released)
    };
    failed.update(write).await?;
    release(write, &row).await.map(drop)
}

/// Nobody will draw them any more. What somebody may have stored of them is doomed.
async fn fail_pictures(write: &DatabaseTransaction, document: DocumentId, which: &[Asset]) -> Result<(), StoreError> {
    let Some(row) = Entity::find_by_id(document.0).one(write).await? else { return Ok(()) };
    for asset in which {
        let (status, key) = picture(&row, *asset);
        if status != AssetStatus::Pending {
            continue;
        }
        doom(write, key.iter().cloned().collect()).await?;
        let columns = columns(*asset);
        Entity::update_many()
            .col_expr(columns.status, Expr::value(AssetStatus::Failed))
            .col_expr(columns.key, Expr::value(None::<String>))
            .filter(Column::Id.eq(document.0))
            .exec(write)
            .await?;
    }
    Ok(())
}

/// The reservation is spent. The row in the ledger moves nothing; it says when, and proves the use: of metered organisations too.
async fn settle(write: &DatabaseTransaction, row: &Model) -> Result<(), StoreError> {
    if row.units == 0 {
        return Ok(());
    }
    let from = credits::locked(write, OrganizationId(row.organization_id)).await?;
    explain(write, row, Movement { entry: Entry::Settle, from, to: from, units: row.units, document: None, note: None }).await
}

/// The reservation goes back although there is a verdict; what has lapsed meanwhile stays paid.
async fn give_away(write: &DatabaseTransaction, row: &Model, done: &mut ActiveModel) -> Result<(), StoreError> {
    let back = release(write, row).await?;
    done.charged_base = Set(row.charged_base - back.base);
    done.charged_boost = Set(row.charged_boost - back.boost);
    done.units = Set(0);
    Ok(())
}

/// The reservation goes back, base to base and boost to boost; base of a month that is over has lapsed, and the row says so. Answers what
/// came back.
async fn release(write: &DatabaseTransaction, row: &Model) -> Result<Credits, StoreError> {
    let taken = taken(row);
    if taken.credits == Credits::default() {
        return Ok(taken.credits);
    }
    let from = credits::locked(write, OrganizationId(row.organization_id)).await?;
    let note = lapsed(from, taken).then(|| format!("{} base credits of a month that is over lapsed", taken.credits.base));
    let to = from.release(taken);
    explain(write, row, Movement { entry: Entry::Release, from, to, units: 0, document: None, note: note.as_deref() }).await?;
    Ok(Credits { base: to.left.base - from.left.base, boost: to.left.boost - from.left.boost })
}

const fn lapsed(from: Balance, taken: Taken) -> bool {
    taken.credits.base > 0 && from.month != taken.month
}

async fn explain(write: &DatabaseTransaction, row: &Model, movement: Movement<'_>) -> Result<(), StoreError> {
    let movement = Movement { document: Some(DocumentId(row.id)), ..movement };
    record(write, OrganizationId(row.organization_id), movement).await
}
