//! The HTTP face of hashlane: the wire API and the admin listener.
//!
//! Both are the same accept loop on hyper's HTTP/1.1 with bounds on everything a client can send or hold ([`Limits`]). On the
//! api every request goes one way: host, signature, permission (`access.rs`, deny by default), the route table on one screen
//! (`routes.rs`), then one file per endpoint that parses, makes one call and prints. This crate holds no rule of the
//! dialect (that is `hashlane-wire`), no SQL, and of the bytes of objects only those that pass through the storage calls; it
//! knows neither the worker nor callbacks.

mod access;
mod admin;
mod answer;
mod answer_body;
mod api;
mod body;
mod busy_log;
mod cancel_job;
mod close_service;
mod connection;
mod describe_jobs;
mod header_case;
mod limits;
mod list_jobs;
mod list_queues;
mod list_services;
mod listener;
mod open_service;
mod pacing;
mod rates;
mod recorder;
mod refusal;
mod room;
mod routes;
mod service;
mod storage;
mod submit_job;
mod sync_hash;
mod tls;
mod update_queue;

pub use access::AccessKey;
pub use admin::serve_admin;
pub use api::{ApiOptions, serve_api};
pub use limits::Limits;
pub use listener::Listening;
pub use recorder::install_metrics;
pub use room::RoomLimits;
pub use tls::{Tls, TlsError};
