//! One request and its answer as they went over the wire.
//!
//! Promises: the bytes of both bodies, and the request's head line by line. Leaves out the answer's headers, which nobody
//! needs to read a job.

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Request line and headers, lines ended by CRLF. It holds the signature, which is valid for some minutes, and never
    /// the key.
    pub request_head: String,
    /// Empty for a request without a body.
    pub request_body: Vec<u8>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub response_body: Vec<u8>,
}

impl Exchange {
    /// `POST /file_jobs`: the request line without the protocol version.
    pub fn call(&self) -> &str {
        let line = self.request_head.lines().next().unwrap_or_default();
        line.strip_suffix(" HTTP/1.1").unwrap_or(line)
    }
}
