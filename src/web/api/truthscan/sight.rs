//! What an asker may see of an organisation's documents, by the key that came along (rows T5 and T10). One rule for every answer that
//! shows a document.

use std::net::IpAddr;

use secrecy::SecretString;
use touchstone_core::{ids::DocumentId, organization::Organization, refusal::Refusal};
use touchstone_moderation::{Asset, Road};

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
    /// What the owner sees.
    pub(crate) const OWNER: Self = Self { sees: true, opens: true };

    /// What whoever sends this key, or none, sees. A key that is none is like no key: what is private stays unknown.
    ///
    /// # Errors
    /// 429 for too many wrong keys.
    pub(crate) async fn of(site: &Site, organization: &Organization, key: Option<SecretString>, asker: IpAddr) -> Result<Self, Failure> {
        let Organization { private_queries, secure_assets, .. } = *organization;
        let strangers = Self { sees: !private_queries, opens: !secure_assets };
        let Some(key) = key.filter(|_| strangers != Self::OWNER) else { return Ok(strangers) };
        match site.authenticate(key, asker).await {
            Ok(caller) if caller.organization.id == organization.id => Ok(Self::OWNER),
            Ok(_) | Err(Failure::Refusal(Refusal::VerificationFailed)) => Ok(strangers),
            Err(other) => Err(other),
        }
    }

    /// Where a picture is: a fresh link that opens it, or its bare address, which takes the owner's key.
    pub(crate) fn link(self, road: &Road, id: DocumentId, asset: Asset) -> String {
        if self.opens { road.asset_url(id, asset) } else { road.asset_address(id, asset) }
    }
}
