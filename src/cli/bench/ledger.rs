//! `touchstone bench ledger`: how many documents a second the database pays for and settles, and what it costs to ask for a
//! balance when the ledger behind it is short and when it is long.
//!
//! Through the same functions as the server: a pair is a submission (credits reserved, document and job written), a claim, the
//! verdict (credits settled) and the end of the job. The database must be empty, for a million rows are written into it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;
use touchstone_core::{
    credit::Credits,
    finding::Stage,
    ids::{DocumentId, OrganizationId},
    job::{Lane, NewJob},
    media::Format,
    submission::{Options, Profile},
    time::Timestamp,
    verdict::{ImageFacts, Label, ModelName, Verdict},
};
use touchstone_store::{
    Analyzed, AssetStatus, Claim, Finished, Issued, NewDocument, NewOrganization, NewUpload, Settings, Store, Submitted, Work,
};
use uuid::Uuid;

use crate::say;

/// The job's name: nobody else claims it.
const JOB: &str = "bench";

/// Rows of the short ledger.
const SHORT: u64 = 1000;

/// How often a balance is asked for; the median counts.
const LOOKS: usize = 2000;

/// Organisations beside those that are measured.
const CROWD: usize = 1000;

/// How long a job is held.
const LEASE: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// An empty database to measure, which it then fills: sqlite:///path or postgres://… By default a SQLite file that is thrown away.
    /// The environment keeps a password out of the list of processes and the shell's history.
    #[arg(long, env = "TOUCHSTONE_BENCH_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// Documents to submit and settle.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    pairs: u64,
    /// Tasks that do so at the same time, each for an organisation of its own.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=256))]
    tasks: u64,
    /// Rows of the long ledger.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(2..))]
    rows: u64,
    /// One JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// The figures of one run.
#[derive(Serialize)]
struct Report {
    database: &'static str,
    pairs: u64,
    tasks: u64,
    pairs_per_second: f64,
    short_rows: u64,
    long_rows: u64,
    /// Median microseconds of a look at the balance.
    short_us: f64,
    long_us: f64,
    long_to_short: f64,
    /// How the database finds a balance, in its own words.
    plan: Vec<String>,
}

/// Measures and prints.
///
/// # Errors
/// When the database is not empty, or fails.
pub async fn bench_ledger(args: &LedgerArgs, settings: &Settings) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let own = || format!("sqlite://{}", folder.path().join("ledger.sqlite").display());
    let url = args.database.clone().unwrap_or_else(own);
    let store = Store::open(&Settings { url, ..settings.clone() }).await.context("the database does not open")?;
    store.migrate().await?;
    anyhow::ensure!(store.is_empty().await?, "there are organisations in this database; give the measurement one of its own");
    let report = measure(args, &store).await?;
    store.close().await?;
    if args.json { say::print_json(&report) } else { say::line(&table(&report)) }
}

async fn measure(args: &LedgerArgs, store: &Store) -> anyhow::Result<Report> {
    store.crowd(CROWD).await?;
    say::note(&format!("{} documents, {} tasks …", args.pairs, args.tasks));
    let pairs_per_second = pairs(args, store).await?;
    say::note(&format!("{LOOKS} looks at a balance behind {SHORT} rows, and at one behind {} …", args.rows));
    let (short, long) = (organization(store, 1).await?, organization(store, 1).await?);
    store.lengthen_ledger(short, SHORT / 2).await?;
    store.lengthen_ledger(long, args.rows / 2).await?;
    let [short_us, long_us] = look(store, [short, long]).await?;
    Ok(Report {
        database: store.kind(),
        pairs: args.pairs,
        tasks: args.tasks,
        pairs_per_second,
        short_rows: SHORT,
        long_rows: args.rows,
        short_us,
        long_us,
        long_to_short: long_us / short_us,
        plan: store.explain_credits(long).await?,
    })
}

fn table(report: &Report) -> String {
    let Report { database, pairs, tasks, pairs_per_second, short_rows, long_rows, short_us, long_us, long_to_short, plan } = report;
    format!(
        "{database}\n  reserve and settle   {pairs_per_second:.0} pairs/s ({pairs} documents, {tasks} tasks)\n  \
         a look at a balance  {short_us:.0} µs behind {short_rows} rows, {long_us:.0} µs behind {long_rows}: ratio {long_to_short:.2}\n  \
         how it is found\n    {}",
        plan.join("\n    ")
    )
}

async fn organization(store: &Store, credits: u64) -> anyhow::Result<OrganizationId> {
    let credits = Credits { base: i64::try_from(credits)?, boost: 0 };
    let new = NewOrganization { name: "bench".into(), credits, ..NewOrganization::default() };
    Ok(store.create_organization(new).await?.id)
}

/// Pairs a second, all tasks together. The uploads are there before.
async fn pairs(args: &LedgerArgs, store: &Store) -> anyhow::Result<f64> {
    let each = args.pairs.div_ceil(args.tasks);
    let mut work = Vec::new();
    for _ in 0..args.tasks {
        let organization = organization(store, each).await?;
        let mut documents = Vec::new();
        for _ in 0..each {
            documents.push(document(organization, upload(store, organization).await?));
        }
        work.push(documents);
    }
    let verdict = Arc::new(verdict());
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for documents in work {
        tasks.spawn(pay_for(store.clone(), documents, Arc::clone(&verdict)));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok((each * args.tasks) as f64 / begun.elapsed().as_secs_f64())
}

/// Submits each document and settles whichever waits: another task's, as it may be.
async fn pay_for(store: Store, documents: Vec<NewDocument>, verdict: Arc<Verdict>) -> anyhow::Result<()> {
    let name = Uuid::new_v4().to_string();
    for document in documents {
        anyhow::ensure!(matches!(store.submit(document, u64::MAX >> 1).await?, Submitted::Created(_)), "a submission was refused");
        settle_one(&store, &name, &verdict).await?;
    }
    Ok(())
}

async fn settle_one(store: &Store, worker: &str, verdict: &Verdict) -> anyhow::Result<()> {
    let claim = Claim { worker, names: &[JOB], queues: None, limit: 1, permits: 1, lease: LEASE };
    for job in store.claim(claim).await? {
        let document: DocumentId = serde_json::from_value(job.payload)?;
        let finished = Finished {
            verdict,
            regions: &[],
            forensics: None,
            heatmap: AssetStatus::None,
            preview: AssetStatus::None,
            analysis: Analyzed::None,
            content_key: None,
            cached: None,
        };
        anyhow::ensure!(store.finish(&job.lease, document, finished).await? && store.complete(&job.lease).await?, "a lease was lost");
    }
    Ok(())
}

/// The medians of many looks, in microseconds; by turns, so that a bad moment of the machine meets both.
async fn look(store: &Store, organizations: [OrganizationId; 2]) -> anyhow::Result<[f64; 2]> {
    let mut took = [Vec::with_capacity(LOOKS), Vec::with_capacity(LOOKS)];
    for _ in 0..LOOKS {
        for (organization, took) in organizations.iter().zip(&mut took) {
            let begun = Instant::now();
            store.credits(*organization).await?;
            took.push(begun.elapsed());
        }
    }
    Ok(took.map(|mut took| {
        took.sort_unstable();
        took[LOOKS / 2].as_secs_f64() * 1e6
    }))
}

async fn upload(store: &Store, organization: OrganizationId) -> anyhow::Result<String> {
    let object_key = format!("uploads/{}_bench.png", Uuid::new_v4());
    let new = NewUpload {
        object_key: object_key.clone(),
        organization,
        correlation: Uuid::new_v4(),
        content_type: "image/png".into(),
        expires_at: Timestamp::now() + Duration::from_secs(3600),
    };
    anyhow::ensure!(store.issue_upload(new, u64::MAX >> 1).await? == Issued::Yes, "an upload was refused");
    Ok(object_key)
}

fn document(organization: OrganizationId, object_key: String) -> NewDocument {
    let id = DocumentId::random();
    let payload = serde_json::json!(id);
    let job =
        NewJob { name: JOB, payload, organization, lane: Lane::Interactive, queue: String::new(), run_at: Timestamp::now(), leased: None };
    NewDocument {
        id,
        explicit: false,
        organization,
        project: None,
        object_key,
        object_etag: "\"1\"".into(),
        options: Options { preview: false, heatmap: None, analysis: false, profile: Profile::Generic },
        asked: None,
        question: None,
        replay_window: LEASE,
        cost: 1,
        test: false,
        tests_a_day: 0,
        email: None,
        user_agent: None,
        work: Work::Image(job),
    }
}

fn verdict() -> Verdict {
    Verdict {
        label: Label::Real,
        ai_likelihood: 12.5,
        confidence: 88.0,
        unsure: false,
        decided_by: Stage::Classifier,
        findings: Vec::new(),
        image: ImageFacts { format: Format::Png, width: 4, height: 3, frames: 1, bytes: 2048, sha256: "00".repeat(32) },
        model: ModelName { name: "bench".into(), version: "1".into() },
        profile: Profile::Generic,
        rules: None,
        attribution: Vec::new(),
        kind: Vec::new(),
    }
}
