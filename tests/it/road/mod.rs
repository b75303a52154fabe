//! The road of one image as the vendors' texts promise it, clause by clause, each with what goes wrong.

mod basics;
mod bulk;
mod bulk_refused;
mod credits;
mod detect;
mod drawn;
mod money;
mod presign;
mod query;
mod replay;
mod upload;
mod verdict;
