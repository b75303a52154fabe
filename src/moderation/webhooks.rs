//! Webhooks as their project's keys administer them (row V10): made, changed, rotated, tested, looked at, sent again.

use std::{collections::BTreeSet, time::Duration};

use secrecy::SecretString;
use touchstone_core::{
    ids::{DeliveryId, ProjectId, WebhookId},
    organization::Caller,
    refusal::Refusal,
    time::Timestamp,
    webhook::{Event, Refused},
};
use touchstone_store::{Asked, DeliveryRecord, LogPage, NewWebhook, Rotated, Webhook, WebhookChange};
use url::Url;

use crate::{road::Road, trouble::Trouble};

/// How many old events one step of the sweep forgets.
const ROUND: u64 = 500;

impl Road {
    /// Makes a webhook; its secret is shown this once.
    ///
    /// # Errors
    /// [`Refused::Url`], [`Refused::TooMany`], [`Refusal::Busy`], [`Refusal::Internal`].
    pub async fn create_webhook(
        &self,
        caller: &Caller,
        url: &str,
        events: BTreeSet<Event>,
        description: String,
    ) -> Result<(Webhook, SecretString), Refusal> {
        let (url, project) = (self.webhook_url(url)?, project(caller)?);
        let most = self.settings().webhooks.most_per_project;
        let new = NewWebhook { organization: caller.organization.id, project, url, events, description };
        let made = self.store().create_webhook(new, most).await.trouble()?;
        made.map(|(webhook, secret)| (webhook, secret.shown())).ok_or(Refusal::Webhook(Refused::TooMany { most }))
    }

    /// The project's webhooks.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub async fn webhooks(&self, caller: &Caller) -> Result<Vec<Webhook>, Refusal> {
        self.store().webhooks(project(caller)?).await.trouble()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refusal::Internal`].
    pub async fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Refusal> {
        self.store().webhook(project(caller)?, id).await.trouble()?.ok_or(Refusal::Webhook(Refused::Unknown))
    }

    /// Changes one.
    ///
    /// # Errors
    /// [`Refused::Url`], [`Refused::Unknown`], [`Refusal::Internal`].
    pub async fn change_webhook(&self, caller: &Caller, id: WebhookId, change: WebhookChange) -> Result<Webhook, Refusal> {
        let url = change.url.as_deref().map(|url| self.webhook_url(url)).transpose()?;
        let changed = self.store().change_webhook(project(caller)?, id, WebhookChange { url, ..change }).await.trouble()?;
        changed.ok_or(Refusal::Webhook(Refused::Unknown))
    }

    /// Deletes one, with its log.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refusal::Internal`].
    pub async fn delete_webhook(&self, caller: &Caller, id: WebhookId) -> Result<(), Refusal> {
        let there = self.store().delete_webhook(project(caller)?, id).await.trouble()?;
        if there { Ok(()) } else { Err(Refusal::Webhook(Refused::Unknown)) }
    }

    /// Gives one a new secret, shown this once; the old one signs as well for a while. While an older one still does, only by `force`.
    ///
    /// # Errors
    /// [`Refused::JustRotated`], [`Refused::Unknown`], [`Refusal::Internal`].
    pub async fn rotate_webhook_secret(&self, caller: &Caller, id: WebhookId, force: bool) -> Result<(Webhook, SecretString), Refusal> {
        let overlap = Duration::from_secs(self.settings().webhooks.overlap_hours * 3600);
        match self.store().rotate_webhook_secret(project(caller)?, id, overlap, force).await.trouble()? {
            Rotated::Yes(webhook, secret) => Ok((*webhook, secret.shown())),
            Rotated::JustNow { until } => Err(Refusal::Webhook(Refused::JustRotated { until: until.rfc3339() })),
            Rotated::Unknown => Err(Refusal::Webhook(Refused::Unknown)),
        }
    }

    /// Sends one a test event.
    ///
    /// # Errors
    /// [`Refused::Disabled`], [`Refused::Unknown`], [`Refusal::Busy`], [`Refusal::Internal`].
    pub async fn test_webhook(&self, caller: &Caller, id: WebhookId) -> Result<DeliveryId, Refusal> {
        queued(self.store().test_webhook(project(caller)?, id).await.trouble()?)
    }

    /// Sends again what one delivery told of.
    ///
    /// # Errors
    /// As [`Road::test_webhook`].
    pub async fn replay_delivery(&self, caller: &Caller, id: WebhookId, delivery: DeliveryId) -> Result<DeliveryId, Refusal> {
        queued(self.store().replay(project(caller)?, id, delivery).await.trouble()?)
    }

    /// Sends again what happened since then and did not arrive; says how many events that are.
    ///
    /// # Errors
    /// As [`Road::test_webhook`].
    pub async fn replay_since(&self, caller: &Caller, id: WebhookId, since: Timestamp) -> Result<u64, Refusal> {
        queued(self.store().replay_since(project(caller)?, id, since).await.trouble()?)
    }

    /// A part of one's log, newest first.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refusal::Internal`].
    pub async fn deliveries(&self, caller: &Caller, id: WebhookId, page: LogPage) -> Result<Vec<DeliveryRecord>, Refusal> {
        self.store().deliveries_of(project(caller)?, id, page).await.trouble()?.ok_or(Refusal::Webhook(Refused::Unknown))
    }

    /// Forgets events, deliveries and tries that are old enough, and what deleted webhooks left. Answers how many events went.
    ///
    /// # Errors
    /// When the database fails; the next sweep goes on.
    pub async fn sweep_webhooks(&self) -> anyhow::Result<u64> {
        let before = Timestamp::now() - Duration::from_secs(self.settings().webhooks.keep_days * 86_400);
        self.store().tidy_webhooks().await?;
        while self.store().forget_webhooks(None).await? {}
        let mut gone = 0;
        loop {
            match self.store().forget_events(before, ROUND).await? {
                0 => return Ok(gone),
                some => gone += some,
            }
        }
    }

    /// Where something may be sent, as far as that can be told without asking anybody; what its name leads to is checked at each delivery.
    fn webhook_url(&self, text: &str) -> Result<String, Refusal> {
        let wrong = |reason: String| Refusal::Webhook(Refused::Url { reason });
        let mut url = Url::parse(text.trim()).map_err(|error| wrong(format!("it does not read: {error}")))?;
        self.poster().check(&url).map_err(|error| wrong(error.to_string()))?;
        url.set_fragment(None);
        Ok(url.into())
    }
}

/// Whoever has no project has no webhooks.
fn project(caller: &Caller) -> Result<ProjectId, Refusal> {
    caller.project.ok_or(Refusal::Webhook(Refused::Unknown))
}

fn queued<T>(asked: Asked<T>) -> Result<T, Refusal> {
    match asked {
        Asked::Queued(what) => Ok(what),
        Asked::Disabled => Err(Refusal::Webhook(Refused::Disabled)),
        Asked::Unknown => Err(Refusal::Webhook(Refused::Unknown)),
    }
}
