//! Members: the people of an organisation. An organisation that has an owner keeps one.

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Func},
};
use touchstone_core::{
    ids::{MemberId, OrganizationId},
    member::{Email, Member},
    role::Role,
    time::Timestamp,
};

use crate::{
    AccountError, Store, StoreError,
    entities::{
        document,
        member::{ActiveModel, Column, Entity, Model},
        organization,
    },
    submit::is_duplicate,
};

impl Store {
    /// Adds somebody to an organisation.
    ///
    /// # Errors
    /// [`StoreError::NoOrganization`], [`AccountError::EmailTaken`], or when the database fails.
    pub async fn add_member(&self, organization: OrganizationId, email: &Email, name: &str, role: Role) -> Result<Member, StoreError> {
        let write = self.write().await?;
        hold(&write, organization).await?;
        let row = Model {
            id: MemberId::random().0,
            organization_id: organization.0,
            email: email.as_str().to_owned(),
            name: name.to_owned(),
            role: role.name().to_owned(),
            created_at: Timestamp::now().0,
        };
        match Entity::insert(ActiveModel::from(row.clone()).reset_all()).exec_without_returning(&*write).await {
            Err(error) if is_duplicate(&error) => return Err(AccountError::EmailTaken.into()),
            inserted => inserted?,
        };
        write.commit().await?;
        read(row)
    }

    /// Changes somebody's role or name. What is `None` stays.
    ///
    /// # Errors
    /// [`AccountError::NoMember`], [`AccountError::LastOwner`], or when the database fails.
    pub async fn set_member(&self, id: MemberId, role: Option<Role>, name: Option<String>) -> Result<Member, StoreError> {
        let write = self.write().await?;
        let before = held(&write, id).await?;
        let after = Member { role: role.unwrap_or(before.role), name: name.unwrap_or_else(|| before.name.clone()), ..before.clone() };
        if after.role != Role::Owner {
            leaves_an_owner(&write, &before).await?;
        }
        let row =
            ActiveModel { id: Set(id.0), role: Set(after.role.name().to_owned()), name: Set(after.name.clone()), ..Default::default() };
        row.update(&*write).await?;
        write.commit().await?;
        Ok(after)
    }

    /// Removes somebody, and answers whom.
    ///
    /// # Errors
    /// [`AccountError::NoMember`], [`AccountError::LastOwner`], or when the database fails.
    pub async fn remove_member(&self, id: MemberId) -> Result<Member, StoreError> {
        let write = self.write().await?;
        let member = held(&write, id).await?;
        leaves_an_owner(&write, &member).await?;
        Entity::delete_by_id(id.0).exec(&*write).await?;
        write.commit().await?;
        Ok(member)
    }

    /// Erases somebody: the member, and their address where they left it with a document.
    ///
    /// # Errors
    /// [`AccountError::NoMember`], [`AccountError::LastOwner`], or when the database fails.
    pub async fn erase_member(&self, id: MemberId) -> Result<(), StoreError> {
        let write = self.write().await?;
        let member = held(&write, id).await?;
        leaves_an_owner(&write, &member).await?;
        Entity::delete_by_id(id.0).exec(&*write).await?;
        let address = Expr::expr(Func::lower(Expr::col(document::Column::Email))).eq(member.email.as_str().to_lowercase());
        document::Entity::update_many()
            .col_expr(document::Column::Email, Expr::value(None::<String>))
            .filter(document::Column::OrganizationId.eq(member.organization.0).and(address))
            .exec(&*write)
            .await?;
        write.commit().await
    }

    /// Every member of an organisation, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn members(&self, organization: OrganizationId) -> Result<Vec<Member>, StoreError> {
        let rows = Entity::find().filter(Column::OrganizationId.eq(organization.0)).order_by_asc(Column::CreatedAt);
        rows.all(self.reader()).await?.into_iter().map(read).collect()
    }
}

/// Changes of one organisation's members pass one by one: two owners who leave at once must not both find the other still there.
async fn hold(write: &DatabaseTransaction, organization: OrganizationId) -> Result<(), StoreError> {
    let row = organization::Entity::find_by_id(organization.0).lock_exclusive().one(write).await?;
    row.map(drop).ok_or(StoreError::NoOrganization(organization))
}

/// A member as they are once their organisation is held.
async fn held(write: &DatabaseTransaction, id: MemberId) -> Result<Member, StoreError> {
    let find = || Entity::find_by_id(id.0).one(write);
    let unheld = find().await?.ok_or(AccountError::NoMember(id))?;
    hold(write, OrganizationId(unheld.organization_id)).await?;
    read(find().await?.ok_or(AccountError::NoMember(id))?)
}

/// Whether the organisation has an owner without this member, if it has one with them.
async fn leaves_an_owner(write: &DatabaseTransaction, member: &Member) -> Result<(), StoreError> {
    let others = Column::OrganizationId.eq(member.organization.0).and(Column::Id.ne(member.id.0)).and(Column::Role.eq(Role::Owner.name()));
    let is_last = member.role == Role::Owner && Entity::find().filter(others).count(write).await? == 0;
    if is_last { Err(AccountError::LastOwner.into()) } else { Ok(()) }
}

fn read(row: Model) -> Result<Member, StoreError> {
    let unreadable = |what| StoreError::Unreadable { row: format!("member {}", row.id), what };
    Ok(Member {
        email: row.email.parse().map_err(|_| unreadable("email"))?,
        role: row.role.parse().map_err(|_| unreadable("role"))?,
        id: MemberId(row.id),
        organization: OrganizationId(row.organization_id),
        name: row.name,
        created_at: Timestamp(row.created_at),
    })
}
