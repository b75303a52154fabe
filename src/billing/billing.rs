//! What everybody else holds: the state, Stripe and the settings for it, in one cheap handle.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
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

    /// Whether this is the secret of trusted backend jobs (row T18). Where none is set, nothing is. Takes as long for a wrong one
    /// as for the right one.
    #[must_use]
    pub fn trusts(&self, secret: &SecretString) -> bool {
        let known = self.job_secret.expose_secret().as_bytes();
        !known.is_empty() && bool::from(known.ct_eq(secret.expose_secret().as_bytes()))
    }

    /// Whether there is a Stripe to send to.
    #[must_use]
    pub const fn sends(&self) -> bool {
        self.stripe.is_some()
    }

    /// Every organisation of which something is to be sent, now or one day: the metered ones for which somebody pays, and those that
    /// were and left something behind.
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
            }
        }
        Ok(billed)
    }

    pub(crate) async fn is_billed(&self, organization: &Organization) -> Result<bool, Trouble> {
        let paid = organization.stripe_customer_id.is_some();
        if paid && organization.metered {
            return Ok(true);
        }
        let OpenUse { unfrozen, pending } = self.store.open_use(organization.id).await?;
        Ok(pending.is_some() || (paid && unfrozen.is_some()))
    }

    /// The oldest day of which something waits, if any does.
    ///
    /// # Errors
    /// [`Refusal::Internal`] or [`Refusal::Busy`].
    pub async fn open_since(&self, organization: OrganizationId) -> Result<Option<Day>, Refusal> {
        let open = self.store.open_use(organization).await.map_err(|error| Trouble::from(error).told())?;
        Ok(open.since())
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
