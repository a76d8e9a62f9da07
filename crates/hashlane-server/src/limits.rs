//! Bounds of requests and connections.
//!
//! Every wait and every buffer of the listeners has its bound here. What is left out on purpose: bounds of single
//! fields, which the wire knows.

use std::time::Duration;

use crate::room::RoomLimits;

/// Bounds of requests and connections of one listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A request body may have so many bytes; a longer one is answered 413 `EntityTooLarge`.
    pub body_bytes: usize,
    /// From the first byte of a request head to its last; the socket is closed after that. A socket that has not sent
    /// its first request within this time is closed too, and so is one that has not finished its TLS handshake.
    pub header_timeout: Duration,
    /// For a whole request body; it is answered 408 `RequestTimeout` after that, and the socket is closed.
    pub body_timeout: Duration,
    /// Between requests on a kept connection, and for a client that does not take its answer.
    pub idle_timeout: Duration,
    /// Connections open at once; further ones wait in the backlog of the socket.
    pub connections_max: usize,
    /// Connections open at once from one IPv4 address or one IPv6 /64; further ones are closed.
    pub connections_per_ip_max: usize,
    /// The request line and all headers; a longer head gets the HTTP library's bare 431. At least 8 KiB.
    pub head_bytes_max: usize,
    /// Objects of this size or more are not hashed while a client waits; none is too large when it is absent.
    pub sync_object_bytes: Option<u64>,
    /// For a whole synchronous hash, from the request to its answer.
    pub sync_timeout: Duration,
    /// Requests of one access key in a second; further ones are answered 503 `SlowDown`. 0 is no limit.
    pub requests_per_second: u32,
    /// What must be free before a job is accepted.
    pub room: RoomLimits,
}

impl Default for Limits {
    /// The bounds of the specification and the failure rules: bodies of 128 KiB (spec section 2), synchronous hashes of
    /// less than 128 MiB within 10 s (section 10), 10 s for a head and for a body, 30 s idle (C7); the counts fit in the
    /// default limit of open files with room for objects and the store.
    fn default() -> Limits {
        Limits {
            body_bytes: 128 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            connections_max: 8192,
            connections_per_ip_max: 1024,
            head_bytes_max: 16 * 1024,
            sync_object_bytes: Some(128 << 20),
            sync_timeout: Duration::from_secs(10),
            requests_per_second: 0,
            room: RoomLimits::default(),
        }
    }
}
