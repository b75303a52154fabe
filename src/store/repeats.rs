//! What was judged before (row V11): found by a key that says everything that the verdict depends on. Only within an organisation: a
//! stranger's answer would tell what another tenant has sent.

use std::time::Duration;

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, sea_query::Expr};
use touchstone_core::{
    ids::{DocumentId, OrganizationId},
    time::Timestamp,
};

use crate::{
    DocumentRecord, DocumentStatus, Store, StoreError, documents,
    entities::{
        document::{Column, Entity},
        organization,
    },
    organizations, progress,
};

impl Store {
    /// The newest document of this question since then whose request was told to come back: it is not judged yet, or was not when `waited`
    /// was over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn asked_before(&self, question: &str, since: Timestamp, waited: Duration) -> Result<Option<DocumentId>, StoreError> {
        let waited = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
        let late = Expr::col(Column::FinishedAt).sub(Expr::col(Column::CreatedAt)).gt(waited);
        let told_later = progress::unjudged().or(Column::Status.eq(DocumentStatus::Done).and(late));
        let same = Column::Fingerprint.eq(question).and(Column::CreatedAt.gt(since.0)).and(told_later);
        let first = Entity::find().filter(same).order_by_desc(Column::CreatedAt).one(self.reader()).await?;
        Ok(first.map(|first| DocumentId(first.id)))
    }

    /// The newest document of an organisation that was judged under this key and still has its verdict. A test key is told what test keys
    /// paid nothing for, and nothing else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn judged_before(
        &self,
        organization: OrganizationId,
        content_key: &str,
        test: bool,
    ) -> Result<Option<DocumentRecord>, StoreError> {
        let mut same = Entity::find()
            .filter(Column::OrganizationId.eq(organization.0).and(Column::ContentKey.eq(content_key)))
            .filter(Column::Status.eq(DocumentStatus::Done).and(Column::Verdict.is_not_null()));
        if test {
            same = same.filter(Column::Test.eq(true));
        }
        let found = same.order_by_desc(Column::CreatedAt).find_also_related(organization::Entity).one(self.reader()).await?;
        let Some((row, Some(organization))) = found else { return Ok(None) };
        documents::read(row, organizations::read(organization)?).map(Some)
    }
}
