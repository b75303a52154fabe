//! The `[database]` section of the configuration. What the defaults are, and why, stands in `config.toml`.

use std::fmt;

use serde::Deserialize;

/// Where the state is kept and how hard it may be driven.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `sqlite:///absolute/path.db` (created when missing) or `postgres://user:password@host/name`.
    pub url: String,
    /// Connections to PostgreSQL, or SQLite's readers. At least 1.
    pub max_connections: u32,
    /// How many writes may wait or run at once before callers at the door are told [`crate::StoreError::Busy`]. At least 1.
    pub writer_queue: usize,
    /// How long one statement may wait for another process's lock on the SQLite file, in milliseconds.
    pub busy_timeout_ms: u64,
}

/// Without what stands behind the URL's scheme: it may hold a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, max_connections, writer_queue, busy_timeout_ms } = self;
        f.debug_struct("Settings")
            .field("url", &url.split(':').next().unwrap_or_default())
            .field("max_connections", max_connections)
            .field("writer_queue", writer_queue)
            .field("busy_timeout_ms", busy_timeout_ms)
            .finish()
    }
}
