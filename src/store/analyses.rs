//! The written analysis of a document: recorded with the verdict, or awaited until its deadline (row T9).
//!
//! Its time is judged when it is read, so that it also ends after a crash. Words that come late are refused, so that an answer
//! which said "skipped" never takes it back.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DeriveActiveEnum, EntityTrait, EnumIter, ExprTrait, PaginatorTrait, QueryFilter, sea_query::Expr,
};
use touchstone_core::{analysis::Analysis, ids::DocumentId, time::Timestamp};

use crate::{
    Store, StoreError,
    entities::document::{ActiveModel, Column, Entity},
};

/// How long before its deadline an analysis must be recorded: longer than a commit takes, and than the nodes' clocks differ.
const MARGIN: Duration = Duration::from_secs(1);

/// How far an analysis has come, as the row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum AnalysisStatus {
    /// There is none.
    None,
    /// The analyst's words are there; a vision model may add to them.
    Analyzing,
    /// It is final.
    Ready,
    /// Its time was over.
    Skipped,
}

/// How far an analysis has come, at the moment of reading.
#[derive(Debug, Clone, PartialEq)]
pub enum AnalysisRecord {
    /// None was asked for.
    None,
    /// It is on its way.
    Analyzing,
    /// It is final.
    Ready(Analysis),
    /// There will be none.
    Skipped,
}

/// What is recorded of an analysis together with the verdict.
#[derive(Debug, Clone, Copy)]
pub enum Analyzed<'a> {
    /// None was asked for.
    None,
    /// These words are final.
    Ready(&'a Analysis),
    /// These words stand if no others come in time.
    Awaited {
        /// The analyst's words.
        own: &'a Analysis,
        /// When the waiting ends.
        until: Timestamp,
    },
}

impl Analyzed<'_> {
    /// Fills in the columns.
    pub(crate) fn set(self, row: &mut ActiveModel) -> Result<(), StoreError> {
        let (status, words, until) = match self {
            Self::None => (AnalysisStatus::None, None, None),
            Self::Ready(words) => (AnalysisStatus::Ready, Some(words), None),
            Self::Awaited { own, until } => (AnalysisStatus::Analyzing, Some(own), Some(until.0)),
        };
        row.analysis_status = Set(status);
        row.analysis = Set(words.map(serde_json::to_string).transpose()?);
        row.analysis_until = Set(until);
        Ok(())
    }
}

impl Store {
    /// The waiting is over: `words` are final, or without any the analyst's. `false`: it was over before, and nothing is changed but
    /// that the row says so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_analysis(&self, document: DocumentId, words: Option<&Analysis>) -> Result<bool, StoreError> {
        let words = words.map(serde_json::to_string).transpose()?;
        let awaited = Column::Id.eq(document.0).and(Column::AnalysisStatus.eq(AnalysisStatus::Analyzing));
        let write = self.write().await?;
        let in_time = Column::AnalysisUntil.gt((Timestamp::now() + MARGIN).0);
        let mut ready = Entity::update_many().col_expr(Column::AnalysisStatus, Expr::value(AnalysisStatus::Ready));
        if let Some(words) = words {
            ready = ready.col_expr(Column::Analysis, Expr::value(words));
        }
        let ready = ready.filter(awaited.clone().and(in_time)).exec(&*write).await?.rows_affected > 0;
        if !ready {
            let skipped = Entity::update_many().col_expr(Column::AnalysisStatus, Expr::value(AnalysisStatus::Skipped));
            skipped.filter(awaited).exec(&*write).await?;
        }
        write.commit().await?;
        Ok(ready)
    }

    /// How many analyses were put to a vision model, of those whose waiting ends after `since`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn analyses_awaited_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(Column::AnalysisUntil.gte(since.0)).count(self.reader()).await?)
    }
}
