//! Answers: XML of an endpoint, or an error body, with the headers that every answer has.
//!
//! It promises both request-id headers on every answer, equal to the `RequestId` in the body, trace ids on errors only, and no
//! body after HEAD. `x-cos-error-code` is never sent: the Python SDK reads bodies wrongly when it is there.

use bytes::Bytes;
use hashlane_wire::WireError;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

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
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// 200 with an XML document.
    pub(crate) fn xml(body: Vec<u8>) -> Answer {
        Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() }
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
        Answer { status, headers, body: error.body(resource, request_id, trace_id).into() }
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The whole answer. `Date` and `Content-Length` come from hyper.
    pub(crate) fn finish(self, face: Face, is_head: bool, request_id: &str, close: bool) -> Response<Full<Bytes>> {
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
        let mut response = Response::new(Full::new(body));
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
