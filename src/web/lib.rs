//! The web server: the only place that serves HTTP.
//!
//! Routes call `touchstone_moderation::Road` and translate: its refusals into statuses and bodies, its verdicts into the
//! answers that published clients expect. No rule of detection, credit or ownership lives here, and no SQL.

mod api {
    //! The API dialects, and usage.
    pub(crate) mod billing;
    pub(crate) mod truthscan;
    pub(crate) mod v1;
}
mod console {
    //! Pages for people.
    pub(crate) mod model;
    pub(crate) mod try_it;
}
mod body;
mod data_url;
mod docs;
mod edge;
mod errors;
mod extract;
mod fields;
mod limit;
mod metrics;
mod openapi;
mod proxies;
mod request_id;
mod routes;
mod scopes;
mod server;
mod settings;
mod site;
mod waiting;

pub use console::model::{Card, CardFacts};
pub use limit::count_in_memory;
pub use openapi::openapi_json;
pub use server::{BindError, Bound, bind};
pub use settings::{Settings, TryIt};
pub use site::ModelFacts;
