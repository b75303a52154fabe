//! Stripe's reports of events that it refused after it had accepted them: each is taken once.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use touchstone_core::time::Timestamp;

use crate::{
    MeterEventState, Store, StoreError,
    entities::{
        meter_event::{Column, Entity},
        stripe_report,
    },
    meter_events,
};

/// What one report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its id at Stripe.
    pub id: String,
    /// Events that were refused: identifier and reason.
    pub refused: Vec<(String, String)>,
    /// More were than it names.
    pub doubt: Option<Doubt>,
}

/// Any of these may have been refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Sent no earlier …
    pub from: Timestamp,
    /// … and first tried no later.
    pub to: Timestamp,
    /// To meters of these event names; `None`: to any.
    pub meters: Option<Vec<String>>,
    /// Why they are in doubt.
    pub reason: String,
}

impl Store {
    /// Writes what a report says: how many of ours were refused, and how many are doubtful now. `None`: it was taken before. What
    /// people decided that Stripe has stays as they decided.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_report(&self, report: &Report, now: Timestamp) -> Result<Option<(u64, u64)>, StoreError> {
        let write = self.write().await?;
        let row = stripe_report::ActiveModel { id: Set(report.id.clone()), taken_at: Set(now.0) };
        let once = OnConflict::column(stripe_report::Column::Id).do_nothing().to_owned();
        if stripe_report::Entity::insert(row).on_conflict(once).exec_without_returning(&*write).await? == 0 {
            return Ok(None);
        }
        let named = Column::Identifier.is_in(report.refused.iter().map(|(identifier, _)| identifier.as_str()));
        meter_events::hold(&write, report.doubt.iter().map(doubted).fold(named, Expr::or)).await?;
        let mut refused = 0;
        for (identifier, reason) in &report.refused {
            let states = [MeterEventState::Pending, MeterEventState::Sent, MeterEventState::Doubtful];
            let of = Column::Identifier.eq(identifier.as_str()).and(Column::State.is_in(states));
            refused += change(&write, MeterEventState::Refused, reason, of).await?;
        }
        let doubtful = match &report.doubt {
            Some(doubt) => change(&write, MeterEventState::Doubtful, &doubt.reason, doubted(doubt)).await?,
            None => 0,
        };
        write.commit().await?;
        Ok(Some((refused, doubtful)))
    }

    /// The event names of all meters that anything was ever frozen for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn meters_ever(&self) -> Result<Vec<String>, StoreError> {
        let names = Entity::find().select_only().distinct().column(Column::Meter).filter(Column::Meter.ne(""));
        Ok(names.into_tuple().all(self.reader()).await?)
    }
}

fn doubted(doubt: &Doubt) -> Expr {
    let of_time = Column::FirstAttemptAt.lte(doubt.to.0).and(Column::SentAt.is_null().or(Column::SentAt.gte(doubt.from.0)));
    // What was only ever declined was never accepted.
    let perhaps = Column::State.eq(MeterEventState::Pending).and(Column::Unanswered.gt(0));
    let of = perhaps.or(Column::State.eq(MeterEventState::Sent)).and(of_time);
    match &doubt.meters {
        Some(meters) => of.and(Column::Meter.is_in(meters)),
        None => of,
    }
}

async fn change(write: &DatabaseTransaction, state: MeterEventState, reason: &str, of: Expr) -> Result<u64, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::Error, Expr::value(Some(reason)))
        .filter(of.and(Column::DecidedAt.is_null()))
        .exec(write)
        .await?;
    Ok(changed.rows_affected)
}
