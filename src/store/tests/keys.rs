//! API keys, organisations, and the keys that nodes share.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use secrecy::{ExposeSecret, SecretString};
use touchstone_core::{
    ids::{KeyId, OrganizationId, ProjectId},
    key::{Denial, Limits, Scope},
    organization::{Caller, Dialect},
    time::Timestamp,
};

use super::{Fixture, fixture::MINUTE, on_every_database};
use crate::{AccountError, NewKey, Presented, StoreError, entities::api_key};

const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

on_every_database!(
    a_key_names_its_organisation_and_is_kept_only_as_a_hash,
    revoked_expired_and_unknown_keys_open_nothing,
    a_key_has_the_limits_that_it_was_made_with,
    a_key_of_another_system_is_taken_over_once,
    a_rotated_key_has_the_same_rights_and_the_old_one_ends_after_the_overlap,
    the_first_start_is_known_by_its_empty_database,
    a_shared_key_is_made_once_by_whoever_comes_first,
    a_rotated_key_verifies_until_it_retires,
);

async fn a_key_names_its_organisation_and_is_kept_only_as_a_hash(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let (id, secret) = f.store.create_key(organization, true).await.expect("key");
    let caller = accepted(&f, &secret).await;
    assert_eq!((caller.key, caller.organization.id, caller.test), (id, organization, true));
    let row = api_key::Entity::find_by_id(id.0).one(f.store.reader()).await.expect("row").expect("there");
    assert!(row.last_used_at.is_some(), "its use was noted");
    assert!(secret.expose_secret().starts_with(&row.prefix) && row.prefix.len() < 20);
    assert!(!format!("{row:?}").contains(secret.expose_secret()));
    let refused = f.store.create_key(OrganizationId::random(), false).await;
    assert!(matches!(refused, Err(StoreError::NoOrganization(_))));
}

async fn revoked_expired_and_unknown_keys_open_nothing(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let (id, secret) = f.store.create_key(organization, false).await.expect("key");
    assert!(f.store.revoke_key(id).await.expect("revoke"));
    assert!(!f.store.revoke_key(id).await.expect("revoke twice"));
    assert!(!f.store.revoke_key(KeyId::random()).await.expect("revoke nothing"));
    assert_eq!(presented(&f, &secret, HERE).await, Presented::Denied(Denial::Revoked));

    let (id, secret) = f.store.create_key(organization, false).await.expect("key");
    let over = api_key::ActiveModel { id: Set(id.0), expires_at: Set(Some(Timestamp::now().0 - 1)), ..Default::default() };
    over.update(f.store.writer()).await.expect("expired");
    assert_eq!(presented(&f, &secret, HERE).await, Presented::Denied(Denial::Expired));
    for unknown in ["aidet_live_sk_nonsense", "581d47c7-3ef4-42af-88d9-6dab6bf69389", ""] {
        assert_eq!(presented(&f, &unknown.into(), HERE).await, Presented::Unknown, "{unknown}");
    }
}

async fn presented(f: &Fixture, secret: &SecretString, client: Option<IpAddr>) -> Presented {
    f.store.caller(secret.expose_secret(), client).await.expect("looked up")
}

async fn accepted(f: &Fixture, secret: &SecretString) -> Caller {
    match presented(f, secret, HERE).await {
        Presented::Accepted(caller) => caller,
        other => panic!("{other:?}"),
    }
}

// V7
async fn a_key_has_the_limits_that_it_was_made_with(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let limits = Limits {
        scopes: Some(BTreeSet::from([Scope::Query, Scope::Detect])),
        networks: ["127.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().expect("a network")).to_vec(),
        expires_at: Some(Timestamp::now() + MINUTE),
    };
    let (key, secret) = f.store.issue_key(NewKey { limits: limits.clone(), ..f.key_of(organization, None) }).await.expect("key");
    assert_eq!((key.project, key.name.as_str(), &key.limits), (ProjectId::default_of(organization), "n", &limits));
    assert_eq!(f.store.keys(None).await.expect("keys"), [key], "it reads as it was written");
    let caller = accepted(&f, &secret).await;
    assert!(caller.allows(Scope::Query) && caller.allows(Scope::Detect) && !caller.allows(Scope::Usage));
    for client in [Some("203.0.113.9".parse().expect("an address")), None] {
        assert_eq!(presented(&f, &secret, client).await, Presented::Denied(Denial::Elsewhere { client }));
    }
}

// B1
async fn a_key_of_another_system_is_taken_over_once(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let theirs: SecretString = "581d47c7-3ef4-42af-88d9-6dab6bf69389".into();
    let key = f.store.import_key(f.key_of(organization, None), &theirs).await.expect("imported");
    assert_eq!((key.prefix.as_str(), accepted(&f, &theirs).await.key), ("581d", key.id));
    let refusal = |outcome: Result<_, StoreError>| match outcome.map(|_| ()) {
        Err(StoreError::Account(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal(f.store.import_key(f.key_of(organization, None), &theirs).await), AccountError::KeyTaken);
    assert!(f.store.revoke_key(key.id).await.expect("revoked"));
    assert_eq!(refusal(f.store.import_key(f.key_of(organization, None), &theirs).await), AccountError::KeyTaken, "what ended stays ended");
    assert_eq!(refusal(f.store.import_key(f.key_of(organization, None), &"short".into()).await), AccountError::NotForeign);
    let (_, ours) = f.store.create_key(organization, false).await.expect("key");
    assert_eq!(refusal(f.store.import_key(f.key_of(organization, None), &ours).await), AccountError::NotForeign);
}

// V7
async fn a_rotated_key_has_the_same_rights_and_the_old_one_ends_after_the_overlap(f: Fixture) {
    let organization = f.organization(0, 0).await;
    let project = f.store.create_project(organization, "bot").await.expect("project").id;
    let limits = Limits { scopes: Some(BTreeSet::from([Scope::Detect])), ..Limits::default() };
    let (old, first) = f.store.issue_key(NewKey { test: true, limits, ..f.key_of(organization, Some(project)) }).await.expect("key");
    let (new, second) = f.store.rotate_key(old.id, MINUTE, None).await.expect("rotated");
    assert_eq!((new.project, &new.name, new.test, &new.limits), (project, &old.name, true, &old.limits));
    assert_eq!((accepted(&f, &first).await.key, accepted(&f, &second).await.key), (old.id, new.id), "both, for a while");

    f.store.rotate_key(new.id, Duration::ZERO, None).await.expect("rotated");
    assert_eq!(presented(&f, &second, HERE).await, Presented::Denied(Denial::Expired), "without an overlap it ends at once");
    let end =
        || async { f.store.keys(None).await.expect("keys").into_iter().find(|key| key.id == old.id).expect("listed").limits.expires_at };
    let (minute, later) = (end().await, Timestamp::now() + MINUTE * 60);
    let again = f.store.rotate_key(old.id, MINUTE, None).await;
    let newer = new.id;
    assert!(
        matches!(again, Err(StoreError::Account(AccountError::Rotated { key, newer: by })) if key == old.id && by == newer),
        "{again:?}"
    );
    let (third, _) = f.store.rotate_key(old.id, MINUTE * 60, Some(later)).await.expect("rotated");
    assert_eq!((end().await, third.limits.expires_at), (minute, Some(later)), "no rotation lengthens a key's life");
    for gone in [new.id, KeyId::random()] {
        let refused = f.store.rotate_key(gone, MINUTE, None).await;
        assert!(matches!(refused, Err(StoreError::Account(AccountError::NoKey(id))) if id == gone), "{refused:?}");
    }
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
    let rotated = f.store.rotate_secret("links", Some(MINUTE)).await.expect("rotate");
    let ordinals: Vec<i32> = rotated.iter().map(|secret| secret.ordinal).collect();
    assert_eq!(ordinals, [first.ordinal + 1, first.ordinal]);
    assert!(rotated[0].retires_at.is_none() && rotated[1].retires_at.is_some());
    let rotated = f.store.rotate_secret("links", Some(Duration::ZERO)).await.expect("rotate");
    assert_eq!(rotated.len(), 2, "the second retired at once, the first keeps the minute that it was given");
}
