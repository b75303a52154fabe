//! One open, migrated database of its own a test, and short words for what tests do with it.

use std::{io::Write, time::Duration};

use sea_orm::{ColumnTrait, ConnectionTrait, Database, EntityTrait, QueryFilter, QueryOrder};
use touchstone_core::{
    credit::Credits,
    finding::Stage,
    ids::{DocumentId, OrganizationId, ProjectId},
    job::{Lane, NewJob},
    key::Limits,
    media::Format,
    organization::Dialect,
    plan::{Plans, Terms},
    submission::{Options, Profile},
    time::Timestamp,
    verdict::{ImageFacts, Label, ModelName, Verdict},
};
use uuid::Uuid;

use crate::{
    Analyzed, AssetStatus, Claim, ClaimedJob, Finished, Issued, Lease, NewDocument, NewKey, NewOrganization, NewUpload, Settings, Store,
    StoreError, Submitted, Work, entities::ledger_entry,
};

const SERVER: &str = "TOUCHSTONE_TEST_POSTGRES";
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// What the free plan has a month.
pub(super) const ALLOWANCE: i64 = 6;
pub(super) const NAME: &str = "judge";

pub(super) struct Fixture {
    pub(super) store: Store,
    pub(super) settings: Settings,
    /// Removed with the fixture.
    pub(super) folder: tempfile::TempDir,
}

pub(super) fn tell_skipped(module: &str, count: usize) {
    if std::env::var_os(SERVER).is_none() {
        // Past the test runner's capture: whoever runs the suite shall see it.
        writeln!(std::io::stderr(), "{module}: {count} tests on PostgreSQL skipped, {SERVER} is not set").expect("stderr is open");
    }
}

impl Fixture {
    pub(super) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}/deep/touch stone.db", folder.path().display());
        Self::open(url, folder).await
    }

    pub(super) async fn postgres() -> Option<Self> {
        let server = std::env::var(SERVER).ok()?;
        let name = format!("test_{}", Uuid::new_v4().simple());
        let admin = Database::connect(&server).await.expect("the server answers");
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database of its own");
        admin.close().await.expect("closed");
        let url = server.replacen("/postgres?", &format!("/{name}?"), 1);
        assert_ne!(url, server, "{SERVER} must name the database \"postgres\" and have parameters");
        Some(Self::open(url, tempfile::tempdir().expect("a temporary folder")).await)
    }

    async fn open(url: String, folder: tempfile::TempDir) -> Self {
        let settings = Settings { url, max_connections: 8, writer_queue: 512, busy_timeout_ms: 10_000 };
        let store = Store::open(&settings).await.expect("open").with_plans(plans());
        store.migrate().await.expect("migrate");
        Self { store, settings, folder }
    }

    pub(super) async fn organization(&self, base: i64, boost: i64) -> OrganizationId {
        self.make(base, boost, false).await
    }

    pub(super) async fn metered(&self) -> OrganizationId {
        self.make(0, 0, true).await
    }

    async fn make(&self, base: i64, boost: i64, metered: bool) -> OrganizationId {
        let new = NewOrganization {
            name: "Reef".into(),
            dialect: Dialect::Truthscan,
            metered,
            credits: Credits { base, boost },
            ..NewOrganization::default()
        };
        self.store.create_organization(new).await.expect("organization").id
    }

    /// A key about to be made that nothing confines.
    pub(super) fn key_of(&self, organization: OrganizationId, project: Option<ProjectId>) -> NewKey {
        NewKey { organization, project, name: "n".into(), test: false, limits: Limits::default() }
    }

    pub(super) async fn upload(&self, organization: OrganizationId) -> String {
        let object_key = format!("uploads/{}_20261121-101500_a.png", Uuid::new_v4());
        let new = NewUpload {
            object_key: object_key.clone(),
            organization,
            correlation: Uuid::new_v4(),
            content_type: "image/png".into(),
            expires_at: Timestamp::now() + MINUTE,
        };
        assert_eq!(self.store.issue_upload(new, 100_000).await.expect("issue"), Issued::Yes);
        object_key
    }

    pub(super) async fn submit(&self, new: NewDocument) -> Submitted {
        self.store.submit(new, 100_000).await.expect("submit")
    }

    /// A fresh upload, submitted for one credit.
    pub(super) async fn submitted(&self, organization: OrganizationId) -> DocumentId {
        let new = document(organization, &self.upload(organization).await);
        let id = new.id;
        assert_eq!(self.submit(new).await, Submitted::Created(id));
        id
    }

    pub(super) async fn claim(&self, worker: &str, limit: u32, lease: Duration) -> Vec<ClaimedJob> {
        self.store.claim(Claim { worker, names: &[NAME], queues: None, limit, permits: limit, lease }).await.expect("claim")
    }

    pub(super) async fn claim_one(&self) -> ClaimedJob {
        self.claim("w", 1, MINUTE).await.pop().expect("a job waits")
    }

    pub(super) async fn finish(&self, job: &ClaimedJob, document: DocumentId) -> Result<bool, StoreError> {
        self.finish_under(&job.lease, document).await
    }

    pub(super) async fn finish_under(&self, lease: &Lease, document: DocumentId) -> Result<bool, StoreError> {
        finish(&self.store, lease, document).await
    }

    pub(super) async fn credits(&self, organization: OrganizationId) -> Credits {
        self.store.credits(organization).await.expect("credits")
    }

    /// Everything that is stored becomes a month older.
    pub(super) async fn month_passes(&self) {
        for table in ["balance", "document"] {
            let older = format!("UPDATE {table} SET base_month = base_month - 1 WHERE base_month > 0");
            self.store.writer().execute_unprepared(&older).await.expect("older");
        }
    }

    /// The audit finds nothing.
    pub(super) async fn sound(&self) {
        assert_eq!(self.store.audit().await.expect("audit").differences, []);
    }

    /// The use that its ledger proves.
    pub(super) async fn units(&self, organization: OrganizationId) -> i64 {
        self.rows(organization).await.iter().map(|row| row.units).sum()
    }

    /// Its ledger, oldest first.
    pub(super) async fn rows(&self, organization: OrganizationId) -> Vec<ledger_entry::Model> {
        let of_it = ledger_entry::Entity::find().filter(ledger_entry::Column::OrganizationId.eq(organization.0));
        of_it.order_by_asc(ledger_entry::Column::Id).all(self.store.reader()).await.expect("ledger")
    }

    /// The names of the ledger's entries in order, after checking that they add up to the balance.
    pub(super) async fn ledger(&self, organization: OrganizationId) -> Vec<String> {
        let rows = self.rows(organization).await;
        let sum = Credits { base: rows.iter().map(|row| row.base).sum(), boost: rows.iter().map(|row| row.boost).sum() };
        assert_eq!(sum, self.credits(organization).await, "the ledger adds up to the balance");
        rows.into_iter().map(|row| row.entry).collect()
    }
}

pub(super) async fn finish(store: &Store, lease: &Lease, document: DocumentId) -> Result<bool, StoreError> {
    let finished = Finished {
        verdict: &verdict(),
        regions: &[],
        forensics: None,
        heatmap: AssetStatus::Pending,
        preview: AssetStatus::Pending,
        analysis: Analyzed::None,
        content_key: None,
        cached: None,
    };
    store.finish(lease, document, finished).await
}

fn plans() -> Plans {
    let terms = |monthly_credits| Terms { monthly_credits, per_second: 0, burst: 0, concurrent_batches: 0 };
    Plans { free: terms(ALLOWANCE as u32), pro: terms(0), enterprise: terms(0) }
}

/// Costs one credit and is replayed for a minute.
pub(super) fn document(organization: OrganizationId, object_key: &str) -> NewDocument {
    let id = DocumentId::random();
    NewDocument {
        id,
        explicit: false,
        organization,
        project: None,
        object_key: object_key.to_owned(),
        object_etag: "e1".into(),
        options: Options { preview: true, heatmap: None, analysis: false, profile: Profile::Generic },
        asked: None,
        question: None,
        replay_window: MINUTE,
        cost: 1,
        test: false,
        tests_a_day: 0,
        email: Some("a@example.org".into()),
        user_agent: None,
        work: Work::Image(job(organization, id)),
    }
}

pub(super) fn job(organization: OrganizationId, document: DocumentId) -> NewJob {
    let payload = serde_json::json!({ "document": document });
    NewJob { name: NAME, payload, organization, lane: Lane::Interactive, queue: String::new(), run_at: Timestamp::now(), leased: None }
}

pub(super) fn verdict() -> Verdict {
    Verdict {
        label: Label::Real,
        ai_likelihood: 12.5,
        confidence: 88.0,
        unsure: false,
        decided_by: Stage::Classifier,
        findings: Vec::new(),
        image: ImageFacts { format: Format::Png, width: 4, height: 3, frames: 1, bytes: 2048, sha256: "00".repeat(32) },
        model: ModelName { name: "m".into(), version: "1".into() },
        profile: Profile::Generic,
        rules: None,
        attribution: Vec::new(),
        kind: Vec::new(),
    }
}
