//! The server as clients see it: real sockets, a real SQLite store in a temporary directory, a clock that tests set.

mod access;
mod admin;
mod admin_deliveries;
mod admin_queues;
mod bad_input;
mod calls;
mod cancels;
mod capture;
mod connections;
mod dialects;
mod exchange;
mod job_lists;
mod jobs;
mod line_breaks;
mod mutations;
mod queues;
mod rates;
mod replay;
mod room;
mod server;
mod services;
mod storage;
mod storage_buckets;
mod sync_hashes;
mod tenants;
mod tls;
