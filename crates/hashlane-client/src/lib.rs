//! A typed, asynchronous client of the file hash job API, ours or the original.
//!
//! ```no_run
//! # async fn example() -> Result<(), hashlane_client::ClientError> {
//! use hashlane_client::{Client, ClientConfig};
//!
//! let client = Client::new(ClientConfig {
//!     endpoint: "http://127.0.0.1:8480".into(),
//!     secret_id: "AKIDexample".into(),
//!     secret_key: "example".into(),
//!     token: None,
//!     bucket: "local-1250000000".into(),
//!     region: "local".into(),
//!     extra_roots: vec![],
//! })?;
//! let (jobs, missing, _) = client.describe(&["f93984788066911ed89ed352d4d9d2084".into()]).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It knows the wire and a connection; no storage, no configuration files, no terminal.

mod client;
mod config;
mod endpoint;
mod error;
mod exchange;
mod jobs;
mod queues;

pub use client::{ATTEMPT_TIMEOUT, ATTEMPTS_MAX, Client};
pub use config::ClientConfig;
pub use error::ClientError;
pub use exchange::Exchange;
