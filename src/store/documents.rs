//! Documents: what was submitted, how far its verdict and its pictures have come.

use sea_orm::{DeriveActiveEnum, EntityTrait, EnumIter};
use serde::de::DeserializeOwned;
use serde_json::Value;
use touchstone_core::{
    analysis::Analysis,
    credit::Credits,
    ids::{DocumentId, ProjectId},
    organization::Organization,
    submission::{Asked, Options},
    time::Timestamp,
    verdict::{Spot, Verdict},
};

use crate::{
    AnalysisRecord, AnalysisStatus, Member, Store, StoreError, batches,
    entities::{document, organization},
    organizations,
};

/// What was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum DocumentKind {
    /// One image.
    Image,
    /// Images that were sent in one request of the /v1 API. Its own status is as an archive's.
    Batch,
    /// An archive of images. Nothing is to be done with it itself and nothing is paid for it, so its own status is `done` from the
    /// start: how far it has come is its members' to say ([`crate::BatchRecord::status`]).
    Zip,
}

/// How far the verdict has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum DocumentStatus {
    /// It waits for a worker.
    Pending,
    /// A worker looks at it.
    Analyzing,
    /// The verdict is final.
    Done,
    /// It could not be judged, finally; `error_message` says why and its credits went back.
    Failed,
}

impl DocumentStatus {
    /// Whether nothing about it will change.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// What became of the credits that were taken when it was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Settlement {
    /// Set aside.
    Reserved,
    /// Spent.
    Settled,
    /// Given back, for it could not be judged.
    Released,
    /// Spent, and given back all the same.
    Refunded,
}

/// Why a document failed, for machines: the codes of the /v1 API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum FailureCode {
    /// The image cannot be judged as it is.
    InvalidRequest,
    /// Its URL did not return a valid image.
    ImageUnfetchable,
    /// It has more bytes than an image may have.
    ImageTooLarge,
    /// An error of ours.
    InternalError,
}

impl FailureCode {
    /// The code's name, in /v1's words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::ImageUnfetchable => "image_unfetchable",
            Self::ImageTooLarge => "image_too_large",
            Self::InternalError => "internal_error",
        }
    }
}

/// Why nothing is left of a document but ids, amounts and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Forgotten {
    /// Its time was over.
    Expired,
    /// Somebody wanted it gone.
    Erased,
}

/// How far a picture beside the verdict has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum AssetStatus {
    /// None is made.
    None,
    /// It is being drawn.
    Pending,
    /// It is stored.
    Ready,
    /// It could not be drawn, finally.
    Failed,
    /// It was stored, and retention removed it.
    Removed,
}

/// The pictures that a document may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asset {
    /// The map of suspicious regions.
    Heatmap,
    /// The small copy for lists.
    Preview,
}

impl Asset {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Heatmap, Self::Preview];
}

/// One picture of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRecord {
    /// How far it has come.
    pub status: AssetStatus,
    /// Where it is stored, when ready; where it is about to be, while pending.
    pub object_key: Option<String>,
    /// Its content type, when ready.
    pub content_type: Option<String>,
}

/// One document, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentRecord {
    /// Its id, which is a capability (row T5).
    pub id: DocumentId,
    /// Whose it is.
    pub organization: Organization,
    /// What was submitted.
    pub kind: DocumentKind,
    /// Of which project's key it is.
    pub project: Option<ProjectId>,
    /// The batch that it came in, and its place there.
    pub batch: Option<(DocumentId, usize)>,
    /// Where it lies in the archive that it came in; `None` for one that was submitted by itself.
    pub member: Option<Member>,
    /// The stored object that is judged.
    pub object_key: String,
    /// Exactly which bytes of it.
    pub object_etag: String,
    /// What was asked for.
    pub options: Options,
    /// What the /v1 API was asked for; `None`: it came another way.
    pub asked: Option<Asked>,
    /// Where it is to be fetched from, until that is done.
    pub source_url: Option<String>,
    /// A test key submitted it: it cost nothing.
    pub test: bool,
    /// For the operator's own support; never in an answer.
    pub email: Option<String>,
    /// For the operator's own statistics; never in an answer.
    pub user_agent: Option<String>,
    /// How far the verdict has come.
    pub status: DocumentStatus,
    /// The verdict, once done.
    pub verdict: Option<Verdict>,
    /// Why it failed, if it did.
    pub error_message: Option<String>,
    /// The same for machines; `None` also where nobody would ask.
    pub failure: Option<FailureCode>,
    /// The parts of the picture that stand out.
    pub regions: Vec<Spot>,
    /// What forensics measured, if that was asked for.
    pub forensics: Option<Value>,
    /// Its verdict was taken over from an earlier document of the same content.
    pub cached: bool,
    /// The heatmap.
    pub heatmap: AssetRecord,
    /// The preview.
    pub preview: AssetRecord,
    /// The verdict in words, as far as it had come when this was read.
    pub analysis: AnalysisRecord,
    /// What was taken from the balance for it.
    pub charged: Credits,
    /// What became of that.
    pub settlement: Settlement,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it was done or failed.
    pub finished_at: Option<Timestamp>,
    /// Only ids, amounts and times are left of it, and why.
    pub forgotten: Option<Forgotten>,
}

impl DocumentRecord {
    /// Whether its status will not change any more.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.status.is_final()
    }

    /// Whether everything is there that is told of it: its status, and its heatmap if one is drawn.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.is_final() && self.heatmap.status != AssetStatus::Pending
    }

    /// One of its pictures.
    #[must_use]
    pub const fn asset(&self, which: Asset) -> &AssetRecord {
        match which {
            Asset::Heatmap => &self.heatmap,
            Asset::Preview => &self.preview,
        }
    }
}

impl Store {
    /// One document, whoever's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn document(&self, id: DocumentId) -> Result<Option<DocumentRecord>, StoreError> {
        let found = document::Entity::find_by_id(id.0).find_also_related(organization::Entity).one(self.reader()).await?;
        let Some((row, Some(organization))) = found else { return Ok(None) };
        read(row, organizations::read(organization)?).map(Some)
    }
}

/// A row as the rest of Touchstone knows it.
pub(crate) fn read(row: document::Model, organization: Organization) -> Result<DocumentRecord, StoreError> {
    let options: Options = parse(&row, "options", &row.options)?;
    Ok(DocumentRecord {
        id: DocumentId(row.id),
        organization,
        kind: row.kind,
        project: row.project_id.map(ProjectId),
        batch: row.batch_id.map(DocumentId).zip(row.position.and_then(|position| usize::try_from(position).ok())),
        asked: row.v1.as_deref().map(|json| parse(&row, "v1", json)).transpose()?,
        regions: row.regions.as_deref().map(|json| parse(&row, "regions", json)).transpose()?.unwrap_or_default(),
        forensics: row.forensics.as_deref().map(|json| parse(&row, "forensics", json)).transpose()?,
        member: batches::member(&row)?,
        verdict: row.verdict.as_deref().map(|json| parse(&row, "verdict", json)).transpose()?,
        analysis: analysis(&row, &options)?,
        options,
        object_key: row.object_key,
        object_etag: row.object_etag,
        test: row.test,
        email: row.email,
        user_agent: row.user_agent,
        status: row.status,
        error_message: row.error_message,
        failure: row.failure_code,
        cached: row.cached,
        source_url: row.source_url,
        heatmap: AssetRecord { status: row.heatmap_status, object_key: row.heatmap_key, content_type: row.heatmap_content_type },
        preview: AssetRecord { status: row.preview_status, object_key: row.preview_key, content_type: row.preview_content_type },
        charged: Credits { base: row.charged_base, boost: row.charged_boost },
        settlement: row.settlement,
        created_at: Timestamp(row.created_at),
        finished_at: row.finished_at.map(Timestamp),
        forgotten: row.forgotten,
    })
}

/// Judged now (row T9): waiting that is over has failed, whoever did or did not notice.
fn analysis(row: &document::Model, options: &Options) -> Result<AnalysisRecord, StoreError> {
    let waits = row.analysis_until.is_some_and(|until| Timestamp::now().0 < until);
    let words = || row.analysis.as_deref().map(|json| parse::<Analysis>(row, "analysis", json)).transpose();
    Ok(match row.analysis_status {
        _ if !options.analysis => AnalysisRecord::None,
        _ if !row.status.is_final() => AnalysisRecord::Analyzing,
        AnalysisStatus::Analyzing if waits => AnalysisRecord::Analyzing,
        AnalysisStatus::Ready => words()?.map_or(AnalysisRecord::Skipped, AnalysisRecord::Ready),
        AnalysisStatus::None | AnalysisStatus::Analyzing | AnalysisStatus::Skipped => AnalysisRecord::Skipped,
    })
}

/// A column that holds JSON.
pub(crate) fn parse<T: DeserializeOwned>(row: &document::Model, what: &'static str, json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::Unreadable { row: format!("document {}", row.id), what })
}
