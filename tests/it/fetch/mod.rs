//! Foreign URLs (rows X9, T3, T19): fetched, judged and waited for; and whatever the other side does, nothing inside is reached.

mod bodies;
mod inside;
mod taken_in;
mod waiting;

/// The one sentence for everything that is not fetched.
const REFUSED: &str = "Input URL could not be fetched";
