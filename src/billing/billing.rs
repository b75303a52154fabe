//! What everybody else holds: the state, Stripe and the settings for it, in one cheap handle.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use touchstone_core::{day::Day, ids::OrganizationId, organization::Organization, refusal::Refusal, time::Timestamp};
use touchstone_store::{Decision, MeterEvent, OpenUse, Store};

use crate::{Settings, WrongSettings, meter::Stripe, trouble::Trouble};

/// Usage, and its way to Stripe. Cheap to clone.
#[derive(Clone)]
pub struct Billing {
    pub(crate) store: Store,
    pub(crate) settings: Arc<Settings>,
    /// `None`: no secret key is set.
    stripe: Option<Arc<Stripe>>,
    job_secret: SecretString,
}

impl Billing {
    /// Reads the settings; asks nobody. rustls' default crypto provider must have been installed.
    ///
    /// # Errors
    /// When `[stripe]` cannot work.
    pub fn open(store: Store, settings: &Settings, job_secret: &SecretString) -> Result<Self, WrongSettings> {
        let stripe = Stripe::open(settings)?.map(Arc::new);
        Ok(Self { store, settings: Arc::new(settings.clone()), stripe, job_secret: job_secret.clone() })
    }

    /// Whether this is the secret of trusted backend jobs (row T18). Where none is set, nothing is. How long it takes says nothing
    /// about how much of a wrong one is right, nor how long the right one is.
    #[must_use]
    pub fn trusts(&self, secret: &SecretString) -> bool {
        let hashed = |secret: &SecretString| Sha256::digest(secret.expose_secret().as_bytes());
        let same = hashed(&self.job_secret)[..].ct_eq(&hashed(secret)[..]);
        !self.job_secret.expose_secret().is_empty() && bool::from(same)
    }

    /// Whether there is a Stripe to send to.
    #[must_use]
    pub const fn sends(&self) -> bool {
        self.stripe.is_some()
    }

    /// Every organisation of which something is to be sent, now or one day: the metered ones for which somebody pays, and those that
    /// left the meter or their payer and left something behind.
    ///
    /// # Errors
    /// [`Refusal::Internal`] or [`Refusal::Busy`].
    pub async fn billed(&self) -> Result<Vec<Organization>, Refusal> {
        self.try_billed().await.map_err(Trouble::told)
    }

    async fn try_billed(&self) -> Result<Vec<Organization>, Trouble> {
        let mut billed = Vec::new();
        for organization in self.store.ever_billed().await? {
            if self.is_billed(&organization).await? {
                billed.push(organization);
            } else if let Err(error) = self.store.note_looked_through(organization.id).await {
                // Only the next look takes longer: its ledger may grow for years.
                tracing::warn!(%error, "it could not be written down how far a ledger was looked through");
            }
        }
        Ok(billed)
    }

    /// Every organisation that is metered or was, whether or not somebody pays for it.
    ///
    /// # Errors
    /// [`Refusal::Internal`] or [`Refusal::Busy`].
    pub async fn ever_billed(&self) -> Result<Vec<Organization>, Refusal> {
        self.store.ever_billed().await.map_err(|error| Trouble::from(error).told())
    }

    pub(crate) async fn is_billed(&self, organization: &Organization) -> Result<bool, Trouble> {
        let paid = organization.stripe_customer_id.is_some();
        if paid && organization.metered {
            return Ok(true);
        }
        let OpenUse { unfrozen, pending } = self.store.open_use(organization.id).await?;
        Ok(pending.is_some() || (paid && unfrozen.is_some()))
    }

    /// The oldest day of which something waits, or is in question.
    ///
    /// # Errors
    /// [`Refusal::Internal`] or [`Refusal::Busy`].
    pub async fn unsettled_since(&self, organization: OrganizationId) -> Result<Option<Day>, Refusal> {
        self.try_unsettled_since(organization).await.map_err(Trouble::told)
    }

    async fn try_unsettled_since(&self, organization: OrganizationId) -> Result<Option<Day>, Trouble> {
        let open = self.store.open_use(organization).await?.since();
        Ok(open.into_iter().chain(self.store.in_question_since(organization).await?).min())
    }

    /// Writes what people found out about an event that waits for them. `None`: there is none of this number that does.
    ///
    /// # Errors
    /// [`Refusal::Internal`] or [`Refusal::Busy`].
    pub async fn decide(&self, event: i64, decision: Decision) -> Result<Option<MeterEvent>, Refusal> {
        let meter = &self.settings.meter_event_name;
        self.store.decide_meter_event(event, decision, meter, Timestamp::now()).await.map_err(|error| Trouble::from(error).told())
    }

    pub(crate) fn stripe(&self) -> Result<&Stripe, Trouble> {
        self.stripe.as_deref().ok_or_else(|| Trouble::stripe("stripe.secret_key is not set"))
    }

    pub(crate) async fn known(&self, organization: OrganizationId) -> Result<Organization, Trouble> {
        Ok(self.store.organization(organization).await?.ok_or(Refusal::NoSuchOrganization)?)
    }
}

impl std::fmt::Debug for Billing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Billing(…)")
    }
}
