//! Error answers: the refusal as a value, its five-children body, and what a client reads of one (spec section 2).
//!
//! A body always has all five children, none empty and none nested, because the Python SDK reports every other error as
//! `Unknown` (captures, P9). Nothing of the request but its resource is echoed.

use std::fmt;

use crate::ErrorCode;
use crate::xml::{self, Writer};

/// A refusal: what the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError {
    /// The code, which knows the status.
    pub code: ErrorCode,
    /// What was wrong and where.
    pub message: String,
    /// The Retry-After of a 503, in seconds.
    pub retry_after_seconds: Option<u32>,
    /// The length of the object of which a 416 has no such range, in bytes, for its Content-Range (RFC 9110, section 15.5.17).
    pub object_bytes: Option<u64>,
}

impl WireError {
    /// A refusal with a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> WireError {
        WireError { code, message: message.into(), retry_after_seconds: None, object_bytes: None }
    }

    /// 403 AccessDenied in the words of signing.md section 4: unsigned, unreadable signature, or no permission.
    pub fn access_denied() -> WireError {
        WireError::new(ErrorCode::AccessDenied, "Access Denied.")
    }

    pub(crate) fn argument(message: impl Into<String>) -> WireError {
        WireError::new(ErrorCode::InvalidArgument, message)
    }

    pub(crate) fn content(message: impl Into<String>) -> WireError {
        WireError::new(ErrorCode::InvalidContent, message)
    }

    /// The error body. `resource` is the path, or host and path; both ids stand in headers as well.
    pub fn body(&self, resource: &str, request_id: &str, trace_id: &str) -> Vec<u8> {
        let or = |text: &str, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text.to_owned() };
        let mut out = Writer::new();
        out.open("Error");
        out.leaf("Code", self.code.as_str());
        out.leaf("Message", &or(&self.message, self.code.as_str()));
        out.leaf("Resource", &or(resource, "/"));
        out.leaf("RequestId", &or(request_id, "-"));
        out.leaf("TraceId", &or(trace_id, "-"));
        out.close("Error");
        out.finish()
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for WireError {}

/// What a client reads of an error body. All fields as they stood there, empty when absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// `Code`, also of a server that has codes unknown to [`ErrorCode`].
    pub code: String,
    /// `Message`.
    pub message: String,
    /// `Resource`.
    pub resource: String,
    /// `RequestId`.
    pub request_id: String,
    /// `TraceId`.
    pub trace_id: String,
}

impl ErrorAnswer {
    /// Reads an error body; `None` when it is not one.
    pub fn parse(body: &[u8]) -> Option<ErrorAnswer> {
        let root = xml::parse(body, xml::Limits::ANSWER).ok()?;
        if root.name() != "Error" {
            return None;
        }
        let text = |name| root.children_named(name).next().map(|child| child.raw_text().to_owned()).unwrap_or_default();
        Some(ErrorAnswer {
            code: text("Code"),
            message: text("Message"),
            resource: text("Resource"),
            request_id: text("RequestId"),
            trace_id: text("TraceId"),
        })
    }
}
