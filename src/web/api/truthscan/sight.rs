//! What an asker may see of an organisation's documents, by the key that came along (rows T5 and T10). One rule for every answer that
//! shows a document.

use actix_web::HttpRequest;
use secrecy::SecretString;
use touchstone_core::{
    ids::DocumentId,
    key::Scope,
    organization::{Caller, Organization},
    refusal::Refusal,
};
use touchstone_moderation::{Asset, Road, report::Links};

use crate::{errors::Failure, site::Site};

/// What one asker may see of one organisation's documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Whether the documents exist for this asker at all.
    pub(crate) sees: bool,
    /// Whether links to their pictures open them.
    opens: bool,
}

impl Sight {
    /// What everybody sees.
    pub(crate) const fn strangers(organization: &Organization) -> Self {
        Self { sees: !organization.private_queries, opens: !organization.secure_assets }
    }

    /// What one of the organisation's own keys sees besides: what its scopes open.
    pub(crate) fn with(self, caller: &Caller) -> Self {
        Self { sees: self.sees || caller.allows(Scope::Query), opens: self.opens || caller.allows(Scope::Assets) }
    }

    /// What whoever sends this key, or none, sees. A key that is none is like no key: what is private stays unknown.
    ///
    /// # Errors
    /// 429 for too many wrong keys.
    pub(crate) async fn of(
        site: &Site,
        organization: &Organization,
        key: Option<SecretString>,
        request: &HttpRequest,
    ) -> Result<Self, Failure> {
        let strangers = Self::strangers(organization);
        let Some(key) = key.filter(|_| !(strangers.sees && strangers.opens)) else { return Ok(strangers) };
        match site.authenticate(key, request).await {
            Ok(caller) if caller.organization.id == organization.id => Ok(strangers.with(&caller)),
            Ok(_) | Err(Failure::Refusal(Refusal::VerificationFailed | Refusal::KeyRefused(_))) => Ok(strangers),
            Err(other) => Err(other),
        }
    }

    /// Where a picture is: a fresh link that opens it, or its bare address, which takes the owner's key.
    pub(crate) fn link(self, road: &Road, id: DocumentId, asset: Asset) -> String {
        if self.opens { road.asset_url(id, asset) } else { road.asset_address(id, asset) }
    }
}

/// What links are worth that an organisation's own key is told.
pub(crate) fn links(caller: &Caller) -> Links {
    if Sight::strangers(&caller.organization).with(caller).opens { Links::Open } else { Links::Bare }
}
