//! Answers: XML of an endpoint, or an error body, with the headers that every answer has.
//!
//! It promises both request-id headers on every answer, equal to the `RequestId` in the body, trace ids on errors only, and no
//! body after HEAD. `x-cos-error-code` is never sent: the Python SDK reads bodies wrongly when it is there.

use bytes::Bytes;
use hashlane_engine::ObjectStream;
use hashlane_wire::WireError;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::answer_body::{self, AnswerBody};

/// Exactly this, without a charset: SDKs compare it (spec section 2).
const XML: HeaderValue = HeaderValue::from_static("application/xml");

/// Which of the two services a request belongs to: what `Server` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Face {
    /// Processing.
    #[default]
    Ci,
    /// Storage.
    Cos,
}

/// An answer before it has the headers that every answer has.
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// An object instead of the body.
    object: Option<ObjectStream>,
}

impl Answer {
    /// 200 with an XML document.
    pub(crate) fn xml(body: Vec<u8>) -> Answer {
        Answer { body: body.into(), ..Answer::empty() }
    }

    /// 200 without a body, where the documents say so.
    pub(crate) fn empty() -> Answer {
        Answer::with_status(StatusCode::OK)
    }

    /// This status, without a body.
    pub(crate) fn with_status(status: StatusCode) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Bytes::new(), object: None }
    }

    /// With a header more, or another value of it. A value that no header can have is left out: metadata of a local file may be
    /// anything.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Answer {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With a `Content-Length` that is not that of its body: for HEAD.
    pub(crate) fn length(mut self, bytes: u64) -> Answer {
        self.headers.insert(header::CONTENT_LENGTH, bytes.into());
        self
    }

    /// With so many bytes of an object as its body.
    pub(crate) fn object(mut self, stream: ObjectStream, bytes: u64) -> Answer {
        self.object = Some(stream);
        self.length(bytes)
    }

    /// An error with its five children.
    pub(crate) fn error(error: &WireError, resource: &str, request_id: &str, trace_id: &str) -> Answer {
        // Every code has a status; one that http does not take would be a mistake of ours, and is answered as such.
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::new();
        put(&mut headers, "x-ci-trace-id", trace_id);
        put(&mut headers, "x-cos-trace-id", trace_id);
        if let Some(seconds) = error.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(bytes) = error.object_bytes {
            put(&mut headers, "content-range", &format!("bytes */{bytes}"));
        }
        Answer { status, headers, body: error.body(resource, request_id, trace_id).into(), object: None }
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The whole answer. `Date` and `Content-Length` come from hyper.
    pub(crate) fn finish(self, face: Face, is_head: bool, request_id: &str, close: bool) -> Response<AnswerBody> {
        let mut headers = self.headers;
        let server = match face {
            Face::Ci => "tencent-ci",
            Face::Cos => "tencent-cos",
        };
        put(&mut headers, "server", server);
        put(&mut headers, "x-ci-request-id", request_id);
        put(&mut headers, "x-cos-request-id", request_id);
        if close {
            put(&mut headers, "connection", "close");
        }
        let body = if is_head { Bytes::new() } else { self.body };
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, XML);
        }
        let body = match self.object {
            Some(object) if !is_head => answer_body::object(object),
            _ => answer_body::whole(body),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// Sets a header. Ids are base64 and the rest are constants, so that no value is ever refused; one that were would be left
/// out rather than break the answer.
fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
