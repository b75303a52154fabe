//! What the tests share: servers to drive, clients that speak to them, pictures to send.

pub(crate) mod answer;
pub(crate) mod app;
pub(crate) mod audit;
pub(crate) mod authority;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod eavesdrop;
pub(crate) mod forge;
pub(crate) mod ledger;
pub(crate) mod node;
pub(crate) mod outside;
pub(crate) mod pictures;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod receiver;
pub(crate) mod stripe;
pub(crate) mod vision;
pub(crate) mod zips;

pub(crate) use answer::Answer;
pub(crate) use app::{Plan, TestApp};
pub(crate) use client::{Client, Upload};
pub(crate) use outside::Outside;
pub(crate) use process::{Finish, Process};

use std::{
    future::Future,
    path::PathBuf,
    sync::Once,
    time::{Duration, Instant},
};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Chooses the TLS provider, as the program's `main` does.
pub(crate) fn install_tls() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().expect("the first provider of this process"));
}

/// An HTTP client that follows nothing and waits for nobody.
pub(crate) fn http() -> reqwest::Client {
    install_tls();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(60)).build().unwrap()
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none after `within`: `what` was waited for.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, within: Duration, mut ask: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < within, "waited {within:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Says in the test's output that it proved nothing, and why.
pub(crate) fn skip(test: &str, why: &str) {
    eprintln!("\n*** SKIPPED {test}: {why}\n*** `make test` runs it.\n");
}
