//! What is sent, and what came of sending it.

use std::time::Duration;

use bytes::Bytes;
use hashlane_job::{BucketName, JobId};

/// The message of one finished job, ready to be sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// The job.
    pub job: JobId,
    /// Its bucket: callbacks of different buckets share no connection and may be signed with different secrets.
    pub bucket: BucketName,
    /// Names the event; constant over retries and replays, so that a receiver can drop duplicates.
    pub event_id: String,
    /// Names the attempt; fresh each time.
    pub request_id: String,
    /// `application/xml` or `application/json`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

/// What came of sending a message once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The receiver took it.
    Delivered {
        /// What it said, for the record: `200 OK`.
        said: String,
    },
    /// It was not taken, and another attempt may help.
    Again {
        /// What the receiver said, or what went wrong.
        said: String,
        /// The receiver's wish for a pause (`Retry-After`), at most an hour.
        after: Option<Duration>,
    },
    /// It was not taken, and no further attempt can help.
    Never {
        /// Why.
        said: String,
    },
}

/// What a receiver answered, for the eyes of an operator who tries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The reason phrase as the receiver wrote it; empty over HTTP/2, which has none.
    pub reason: String,
    /// The headers, in the order in which they came; what is no UTF-8 is replaced.
    pub headers: Vec<(String, String)>,
    /// What was read of the body, at most 4 KiB; what is no UTF-8 is replaced.
    pub body: String,
}
