//! API keys, organisations, and the keys that nodes share.

use std::time::Duration;

use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use secrecy::ExposeSecret;
use touchstone_core::{
    ids::{KeyId, OrganizationId},
    organization::Dialect,
    time::Timestamp,
};

use super::{Fixture, fixture::MINUTE, on_every_database};
use crate::{StoreError, entities::api_key};

on_every_database!(
    a_key_names_its_organisation_and_is_kept_only_as_a_hash,
    revoked_expired_and_unknown_keys_are_nobodys,
    the_first_start_is_known_by_its_empty_database,
    a_shared_key_is_made_once_by_whoever_comes_first,
    a_rotated_key_verifies_until_it_retires,
);

async fn a_key_names_its_organisation_and_is_kept_only_as_a_hash(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let (id, secret) = f.store.create_key(organization, true).await.expect("key");
    let caller = f.store.caller(secret.expose_secret()).await.expect("caller").expect("known");
    assert_eq!((caller.key, caller.organization.id, caller.test), (id, organization, true));
    let row = api_key::Entity::find_by_id(id.0).one(f.store.reader()).await.expect("row").expect("there");
    assert!(row.last_used_at.is_some(), "its use was noted");
    assert!(secret.expose_secret().starts_with(&row.prefix) && row.prefix.len() < 20);
    assert!(!format!("{row:?}").contains(secret.expose_secret()));
    let refused = f.store.create_key(OrganizationId::random(), false).await;
    assert!(matches!(refused, Err(StoreError::NoOrganization(_))));
}

async fn revoked_expired_and_unknown_keys_are_nobodys(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let (id, secret) = f.store.create_key(organization, false).await.expect("key");
    assert!(f.store.revoke_key(id).await.expect("revoke"));
    assert!(!f.store.revoke_key(id).await.expect("revoke twice"));
    assert!(!f.store.revoke_key(KeyId::random()).await.expect("revoke nothing"));
    assert_eq!(f.store.caller(secret.expose_secret()).await.expect("caller"), None);

    let (id, secret) = f.store.create_key(organization, false).await.expect("key");
    let over = api_key::ActiveModel { id: Set(id.0), expires_at: Set(Some(Timestamp::now().0 - 1)), ..Default::default() };
    over.update(f.store.writer()).await.expect("expired");
    assert_eq!(f.store.caller(secret.expose_secret()).await.expect("caller"), None);
    assert_eq!(f.store.caller("aidet_live_sk_nonsense").await.expect("caller"), None);
}

async fn the_first_start_is_known_by_its_empty_database(f: Fixture) {
    f.store.health().await.expect("healthy");
    assert!(f.store.is_empty().await.expect("empty"));
    let id = f.organization(0, 0).await;
    assert!(!f.store.is_empty().await.expect("empty"));
    let found = f.store.organization(id).await.expect("organization").expect("there");
    assert_eq!((found.name.as_str(), found.dialect, found.metered), ("Reef", Dialect::Truthscan, false));
    assert_eq!(f.store.organizations().await.expect("all"), [found]);
}

async fn a_shared_key_is_made_once_by_whoever_comes_first(f: Fixture) {
    let nodes = (0..8).map(|_| {
        let store = f.store.clone();
        tokio::spawn(async move { store.secrets("links").await.expect("secrets")[0].value.expose_secret().to_vec() })
    });
    let mut values = Vec::new();
    for node in nodes.collect::<Vec<_>>() {
        values.push(node.await.expect("joined"));
    }
    assert_eq!(values[0].len(), 32);
    assert!(values.iter().all(|value| *value == values[0]));
    assert_ne!(f.store.secrets("seal").await.expect("secrets")[0].value.expose_secret(), values[0]);
}

async fn a_rotated_key_verifies_until_it_retires(f: Fixture) {
    let first = f.store.secrets("links").await.expect("secrets").remove(0);
    let rotated = f.store.rotate_secret("links", MINUTE).await.expect("rotate");
    let ordinals: Vec<i32> = rotated.iter().map(|secret| secret.ordinal).collect();
    assert_eq!(ordinals, [first.ordinal + 1, first.ordinal]);
    assert!(rotated[0].retires_at.is_none() && rotated[1].retires_at.is_some());
    let rotated = f.store.rotate_secret("links", Duration::ZERO).await.expect("rotate");
    assert_eq!(rotated.len(), 2, "the second retired at once, the first keeps the minute that it was given");
}
