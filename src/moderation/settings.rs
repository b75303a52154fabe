//! The road's sections of the configuration. `config.toml` is the manual.

use serde::{Deserialize, Deserializer, de::Error};
use touchstone_core::webhook::Retries;
use url::Url;

/// `[uploads]`: what may be sent in, and for how long an upload may wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    /// Fewest bytes of an image.
    pub min_bytes: u64,
    /// Most bytes of an image.
    pub max_bytes: u64,
    /// Most bytes of a ZIP archive.
    pub max_zip_bytes: u64,
    /// Uploads of one organisation that may wait to be submitted.
    pub quota: u64,
    /// Hours after its URL expired at which an upload that nobody submitted is deleted.
    pub keep_unsubmitted_hours: u64,
}

/// `[batches]`: what an archive of images may hold. Its own size and that of each image are `[uploads]`'.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batches {
    /// Most images of one archive.
    pub max_images: usize,
    /// Most entries of any kind.
    pub max_entries: u64,
    /// Most bytes of the archive's directory.
    pub max_directory_bytes: u64,
    /// How many times larger than its data in the archive an image may be.
    pub max_ratio: u64,
    /// Most bytes that all images together may have.
    pub max_inflated_bytes: u64,
}

/// `[accounts]`: what organisations and their keys may.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Images a UTC day that the test keys of one organisation may submit; 0: any number (row V7).
    pub test_documents_per_day: u64,
}

/// `[v1]`: the API of that version.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct V1 {
    /// Most bytes of an image that is sent, or fetched for it (row V1).
    pub max_image_bytes: u64,
    /// Most bytes of the body of a batch (row V2).
    pub max_batch_bytes: u64,
    /// Bytes of single images that may lie in memory at once, on their way in.
    pub max_memory: u32,
    /// Seconds to wait for a free place among this node's jobs.
    pub place_seconds: u64,
    /// Seconds to wait for the verdict of an image that was queued.
    pub wait_seconds: u64,
    /// Seconds to wait for all verdicts of a batch.
    pub batch_seconds: u64,
    /// URLs of batches that this node fetches at once.
    pub concurrent_fetches: usize,
    /// Where a 503 sends people; empty: this server's own `/v1/health`.
    pub status_page: String,
    /// Verdicts that are taken over.
    pub cache: Cache,
}

/// `[v1.cache]`: the same image, sent again with the same question, has the verdict that it had (row V11).
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Whether verdicts are taken over at all.
    pub enabled: bool,
    /// What one costs that was.
    pub credits: CachePrice,
}

/// What a verdict costs that was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CachePrice {
    /// As much as any other.
    Charge,
    /// Nothing.
    Free,
}

/// `[retention]`: how long what is stored of an image is kept (row V12).
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Minutes after its last document has ended that an uploaded image or archive is kept.
    pub originals_minutes: u64,
    /// Days that heatmaps and previews are kept.
    pub pictures_days: u64,
    /// Days that a verdict, and whatever else is known of a document, is kept; 0: for good.
    pub documents_days: u64,
}

impl Retention {
    /// Whether what is kept is kept as long as it is needed.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self, jobs: &Jobs) -> Result<(), String> {
        if self.originals_minutes.saturating_mul(60) < jobs.replay_seconds {
            return Err(format!(
                "retention.originals_minutes is {}, which is shorter than jobs.replay_seconds ({}): a submission that is repeated needs its image that long",
                self.originals_minutes, jobs.replay_seconds
            ));
        }
        if self.pictures_days == 0 {
            return Err(
                "retention.pictures_days is 0; an organisation whose pictures shall not be stored at all is set to `--retention zero`"
                    .into(),
            );
        }
        Ok(())
    }
}

/// `[webhooks]`: where what happened is told, and how patiently (row V10).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Networks and addresses that may be sent to although they are not public.
    #[serde(deserialize_with = "touchstone_core::list::strings")]
    pub allow: Vec<String>,
    /// How long a delivery waits before each retry.
    #[serde(deserialize_with = "retries")]
    pub retries: Retries,
    /// Seconds that one try may take.
    pub timeout_seconds: u64,
    /// Deliveries that one node has under way at once.
    pub concurrency: usize,
    /// Deliveries under way to one endpoint at once.
    pub per_endpoint: u32,
    /// Webhooks that one project may have.
    pub most_per_project: u64,
    /// Days of nothing but failures after which an endpoint is disabled.
    pub disable_after_days: u64,
    /// Hours that the old secret signs as well after a rotation.
    pub overlap_hours: u64,
    /// Days that events and the log of their deliveries are kept.
    pub keep_days: u64,
}

impl Webhooks {
    /// Whether anything is delivered, and kept for a while.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<(), String> {
        let concurrency = u64::try_from(self.concurrency).unwrap_or(u64::MAX);
        for (name, value, most) in [
            ("timeout_seconds", self.timeout_seconds, 3600),
            ("concurrency", concurrency, u64::MAX),
            ("per_endpoint", u64::from(self.per_endpoint), u64::MAX),
            ("disable_after_days", self.disable_after_days, LONGEST_DAYS),
            ("overlap_hours", self.overlap_hours, LONGEST_DAYS * 24),
            ("keep_days", self.keep_days, LONGEST_DAYS),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("webhooks.{name} is {value}; it must be at least 1, and at most {most}"));
            }
        }
        Ok(())
    }
}

/// Ten years: what is longer is a slip of the keyboard.
const LONGEST_DAYS: u64 = 3650;

/// Reads spans such as `10m`: a list, or one string with commas.
fn retries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Retries, D::Error> {
    let spans = touchstone_core::list::strings(deserializer)?;
    let spans = spans.iter().map(|text| humantime::parse_duration(text).map_err(|wrong| D::Error::custom(format!("\"{text}\": {wrong}"))));
    Ok(Retries::new(spans.collect::<Result<_, _>>()?))
}

/// `[jobs]`: how work is handed out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// Jobs that one node runs at once; 0: one for each core, and one more.
    pub concurrency: usize,
    /// Jobs that may wait in one queue; a submission beyond is refused with 503.
    pub backlog: u64,
    /// Seconds that a job belongs to a worker that does not report back.
    pub lease_seconds: u64,
    /// Seconds within which a repeated submission answers the first id (row T17).
    pub replay_seconds: u64,
    /// Credits that one judged image costs.
    pub credits_per_image: i64,
    /// Instances that submissions may name, each with a queue of its own (row T4).
    #[serde(deserialize_with = "touchstone_core::list::strings")]
    pub instances: Vec<String>,
    /// The queues that this node's workers serve: instances, and [`SHARED`]. Empty: every queue.
    #[serde(deserialize_with = "touchstone_core::list::strings")]
    pub queues: Vec<String>,
}

/// The shared queue's name in [`Jobs::queues`].
pub const SHARED: &str = "shared";

impl Jobs {
    /// The queues that this node's workers serve, as jobs name them ("" is the shared one); `None`: every queue.
    #[must_use]
    pub fn served(&self) -> Option<Vec<String>> {
        let as_jobs_name_it = |queue: &String| if queue == SHARED { String::new() } else { queue.clone() };
        (!self.queues.is_empty()).then(|| self.queues.iter().map(as_jobs_name_it).collect())
    }

    /// Whether the names of instances and queues fit together.
    ///
    /// # Errors
    /// Which does not, and why.
    pub fn check(&self) -> Result<(), String> {
        if let Some(wrong) = self.instances.iter().find(|name| name.contains('/') || *name == SHARED) {
            return Err(format!("jobs.instances holds \"{wrong}\"; a name has no slash, and \"{SHARED}\" is the queue of all others"));
        }
        match self.queues.iter().find(|queue| *queue != SHARED && !self.instances.contains(queue)) {
            Some(wrong) => Err(format!("jobs.queues holds \"{wrong}\", which is neither \"{SHARED}\" nor one of jobs.instances")),
            None => Ok(()),
        }
    }
}

/// All that the road needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[uploads]`.
    pub uploads: Uploads,
    /// `[batches]`.
    pub batches: Batches,
    /// `[accounts]`.
    pub accounts: Accounts,
    /// `[v1]`.
    pub v1: V1,
    /// `[retention]`.
    pub retention: Retention,
    /// `[jobs]`.
    pub jobs: Jobs,
    /// `[webhooks]`.
    pub webhooks: Webhooks,
    /// Where clients reach this server; links are built on it. No trailing slash in its path.
    pub public_url: Url,
    /// Hosts whose URLs name uploads of ours and are never fetched (row T3).
    pub known_hosts: Vec<String>,
    /// Foreign URLs that this node fetches at once (`fetch.concurrent`).
    pub concurrent_fetches: usize,
    /// Foreign URLs that this node fetches at once for one organisation.
    pub concurrent_fetches_per_organization: usize,
    /// Seconds that a link to a heatmap or preview lives.
    pub link_seconds: u64,
    /// The organisation that pays for the try-it page.
    pub try_it_organization: String,
}

impl Uploads {
    /// The most bytes that an upload of this kind may have.
    #[must_use]
    pub const fn most(&self, kind: touchstone_core::media::UploadKind) -> u64 {
        match kind {
            touchstone_core::media::UploadKind::Image(_) => self.max_bytes,
            touchstone_core::media::UploadKind::Zip => self.max_zip_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(instances: &[&str], queues: &[&str]) -> Jobs {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (instances, queues) = (owned(instances), owned(queues));
        Jobs { concurrency: 1, backlog: 1, lease_seconds: 1, replay_seconds: 1, credits_per_image: 1, instances, queues }
    }

    #[test]
    fn a_node_serves_every_queue_or_those_it_names() {
        // T4
        assert_eq!(jobs(&["a"], &[]).served(), None);
        assert_eq!(jobs(&["a"], &["shared", "a"]).served(), Some(vec![String::new(), "a".into()]));
    }

    #[test]
    fn an_image_is_kept_as_long_as_its_submission_may_be_repeated() {
        // T17, V12
        let jobs = Jobs { replay_seconds: 600, ..jobs(&[], &[]) };
        let kept = |originals_minutes, pictures_days| Retention { originals_minutes, pictures_days, documents_days: 0 }.check(&jobs);
        assert_eq!(kept(10, 1), Ok(()));
        assert!(kept(9, 1).is_err_and(|reason| reason.contains("replay_seconds")));
        assert!(kept(10, 0).is_err_and(|reason| reason.contains("--retention zero")));
    }

    #[test]
    fn webhooks_that_are_never_delivered_or_kept_for_centuries_are_said() {
        // V10
        let fine = || Webhooks {
            allow: Vec::new(),
            retries: Retries::new(Vec::new()),
            timeout_seconds: 10,
            concurrency: 256,
            per_endpoint: 8,
            most_per_project: 0,
            disable_after_days: 5,
            overlap_hours: 24,
            keep_days: 30,
        };
        assert_eq!(fine().check(), Ok(()));
        for (wrong, said) in [
            (Webhooks { per_endpoint: 0, ..fine() }, "per_endpoint"),
            (Webhooks { timeout_seconds: 0, ..fine() }, "timeout_seconds"),
            (Webhooks { keep_days: 0, ..fine() }, "keep_days"),
            (Webhooks { disable_after_days: u64::MAX, ..fine() }, "disable_after_days"),
        ] {
            assert!(wrong.check().is_err_and(|reason| reason.contains(said)), "{said}");
        }
    }

    #[test]
    fn names_that_lead_nowhere_are_said() {
        // T4
        assert_eq!(jobs(&["a", "b"], &["shared", "b"]).check(), Ok(()));
        for (instances, queues, said) in [(vec!["a/b"], vec![], "a/b"), (vec!["shared"], vec![], "shared"), (vec!["a"], vec!["b"], "\"b\"")]
        {
            assert!(jobs(&instances, &queues).check().is_err_and(|reason| reason.contains(said)), "{said}");
        }
    }
}
