//! The HTTP face of hashlane: the wire API and the admin listener.
//!
//! Both are the same accept loop on hyper's HTTP/1.1 with bounds on everything a client can send or hold ([`Limits`]). On the
//! api every request goes one way: host, signature, permission (`access.rs`, deny by default), the route table on one screen
//! (`routes.rs`), then one file per endpoint that parses, makes one call and prints. This crate holds no rule of the
//! dialect (that is `hashlane-wire`), no SQL, and no bytes of objects; it knows neither the worker nor callbacks.

mod access;
mod admin;
mod answer;
mod api;
mod body;
mod connection;
mod describe_jobs;
mod header_case;
mod limits;
mod listener;
mod recorder;
mod refusal;
mod routes;
mod service;
mod submit_job;

pub use access::AccessKey;
pub use admin::serve_admin;
pub use api::{ApiOptions, serve_api};
pub use limits::Limits;
pub use listener::Listening;
pub use recorder::install_metrics;
