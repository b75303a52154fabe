//! Members, projects, and the settings of organisations.

use touchstone_core::{
    ids::{MemberId, OrganizationId, ProjectId},
    member::Email,
    organization::Organization,
    plan::Plan,
    role::Role,
};

use super::{Fixture, on_every_database};
use crate::{AccountError, StoreError};

on_every_database!(
    an_address_is_a_member_once_in_each_organisation,
    the_last_owner_stays_an_owner,
    of_two_owners_who_leave_at_once_one_stays,
    every_organisation_has_a_project_from_the_start,
    an_archived_project_has_no_keys_and_gets_none,
    changes_of_one_organisation_at_once_undo_nothing,
);

fn email(text: &str) -> Email {
    text.parse().expect("an address")
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> AccountError {
    match outcome.expect_err("refused") {
        StoreError::Account(refusal) => refusal,
        other => panic!("{other}"),
    }
}

async fn an_address_is_a_member_once_in_each_organisation(f: Fixture) {
    let (reef, lake) = (f.organization(0, 0).await, f.organization(0, 0).await);
    let ann = f.store.add_member(reef, &email("ann@example.org"), "Ann", Role::Viewer).await.expect("added");
    let again = f.store.add_member(reef, &email("ANN@example.org"), "Ann", Role::Owner).await;
    assert_eq!(refusal(again), AccountError::EmailTaken);
    f.store.add_member(lake, &email("ann@example.org"), "Ann", Role::Owner).await.expect("elsewhere");
    let nowhere = f.store.add_member(OrganizationId::random(), &email("ann@example.org"), "Ann", Role::Owner).await;
    assert!(matches!(nowhere, Err(StoreError::NoOrganization(_))));
    assert_eq!(f.store.members(reef).await.expect("members"), vec![ann.clone()]);

    let changed = f.store.set_member(ann.id, Some(Role::Moderator), None).await.expect("changed");
    assert_eq!((changed.role, changed.name.as_str()), (Role::Moderator, "Ann"));
    let renamed = f.store.set_member(ann.id, None, Some("Anne".into())).await.expect("changed");
    assert_eq!(f.store.members(reef).await.expect("members"), [renamed]);
    f.store.remove_member(ann.id).await.expect("removed");
    assert_eq!(refusal(f.store.remove_member(ann.id).await), AccountError::NoMember(ann.id));
    let nobody = MemberId::random();
    assert_eq!(refusal(f.store.set_member(nobody, None, None).await), AccountError::NoMember(nobody));
}

async fn the_last_owner_stays_an_owner(f: Fixture) {
    let reef = f.organization(0, 0).await;
    let ann = f.store.add_member(reef, &email("ann@example.org"), "", Role::Owner).await.expect("added").id;
    let ben = f.store.add_member(reef, &email("ben@example.org"), "", Role::Admin).await.expect("added").id;
    assert_eq!(refusal(f.store.remove_member(ann).await), AccountError::LastOwner);
    assert_eq!(refusal(f.store.set_member(ann, Some(Role::Admin), None).await), AccountError::LastOwner);
    f.store.set_member(ann, Some(Role::Owner), Some("Ann".into())).await.expect("still an owner");
    f.store.set_member(ben, Some(Role::Owner), None).await.expect("a second owner");
    f.store.remove_member(ann).await.expect("the other one is left");
    assert_eq!(refusal(f.store.remove_member(ben).await), AccountError::LastOwner);
}

async fn of_two_owners_who_leave_at_once_one_stays(f: Fixture) {
    for round in 0..8 {
        let reef = f.organization(0, 0).await;
        let mut leaving = Vec::new();
        for name in ["ann", "ben"] {
            let owner = f.store.add_member(reef, &email(&format!("{name}@example.org")), "", Role::Owner).await.expect("added").id;
            let store = f.store.clone();
            leaving.push(async move { store.remove_member(owner).await.is_ok() });
        }
        let left = leaving.into_iter().map(tokio::spawn).collect::<Vec<_>>();
        let mut gone = 0;
        for one in left {
            gone += usize::from(one.await.expect("joined"));
        }
        assert_eq!((gone, f.store.members(reef).await.expect("members").len()), (1, 1), "round {round}");
    }
}

async fn every_organisation_has_a_project_from_the_start(f: Fixture) {
    let reef = f.organization(0, 0).await;
    let default = ProjectId::default_of(reef);
    let projects = f.store.projects(reef).await.expect("projects");
    assert_eq!(projects.iter().map(|project| (project.id, project.name.as_str())).collect::<Vec<_>>(), [(default, "default")]);
    assert_eq!(refusal(f.store.archive_project(default).await), AccountError::DefaultProject);
    assert_eq!(refusal(f.store.create_project(reef, "default").await), AccountError::ProjectTaken);
    let nowhere = f.store.create_project(OrganizationId::random(), "bot").await;
    assert!(matches!(nowhere, Err(StoreError::NoOrganization(_))));
}

async fn an_archived_project_has_no_keys_and_gets_none(f: Fixture) {
    let (reef, lake) = (f.organization(0, 0).await, f.organization(0, 0).await);
    let bot = f.store.create_project(reef, "bot").await.expect("made").id;
    let (kept, _) = f.store.create_key(reef, false).await.expect("key");
    let (ended, _) = f.store.issue_key(f.key_of(reef, Some(bot))).await.expect("key");
    let elsewhere = f.store.issue_key(f.key_of(lake, Some(bot))).await;
    assert_eq!(refusal(elsewhere), AccountError::NoProject(bot), "another's project");
    assert_eq!(f.store.archive_project(bot).await.expect("archived"), 1);
    let revoked: Vec<_> = f.store.keys(Some(reef)).await.expect("keys").into_iter().map(|key| (key.id, key.revoked_at.is_some())).collect();
    assert_eq!(revoked, [(kept, false), (ended.id, true)]);
    assert_eq!(refusal(f.store.issue_key(f.key_of(reef, Some(bot))).await), AccountError::Archived(bot));
    assert_eq!(refusal(f.store.archive_project(bot).await), AccountError::Archived(bot));
    let unknown = ProjectId::random();
    assert_eq!(refusal(f.store.archive_project(unknown).await), AccountError::NoProject(unknown));
}

async fn changes_of_one_organisation_at_once_undo_nothing(f: Fixture) {
    let id = f.organization(0, 0).await;
    let changes: [fn(Organization) -> Organization; 4] = [
        |found| Organization { name: "Lake".into(), ..found },
        |found| Organization { metered: true, ..found },
        |found| Organization { plan: Plan::Enterprise, ..found },
        |found| Organization { secure_assets: true, ..found },
    ];
    let changed = changes.map(|change| {
        let store = f.store.clone();
        tokio::spawn(async move { store.change_organization(id, change).await.expect("changed") })
    });
    for change in changed {
        change.await.expect("joined");
    }
    let found = f.store.organization(id).await.expect("read").expect("there");
    assert_eq!((found.name.as_str(), found.metered, found.plan, found.secure_assets), ("Lake", true, Plan::Enterprise, true));
    let nobody = f.store.change_organization(OrganizationId::random(), changes[0]).await;
    assert!(matches!(nobody, Err(StoreError::NoOrganization(_))));
}
