//! The road of one image as the vendors' texts promise it, clause by clause, each with what goes wrong.

mod analysis;
mod basics;
mod bulk;
mod bulk_refused;
mod credits;
mod detect;
mod drawn;
mod keys;
mod ledger;
mod matrix;
mod money;
mod presign;
mod query;
mod replay;
mod route;
mod secure;
mod storm;
mod upload;
mod verdict;
