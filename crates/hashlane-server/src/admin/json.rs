//! JSON answers of the admin listener, and the body of a request that changes something.

use bytes::Bytes;
use hashlane_store::StoreError;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An answer, indented for people.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    super::typed(status, "application/json", format!("{body:#}\n"))
}

/// Why something is not done or shown.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    error: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Problem {
        Problem { status, error: error.into() }
    }

    /// `{"error": ...}`.
    pub(super) fn answer(&self) -> Response<Full<Bytes>> {
        answer(self.status, &json!({ "error": self.error }))
    }
}

impl From<StoreError> for Problem {
    /// 503; operators may know what the store says.
    fn from(error: StoreError) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

/// Reads a body; what is unknown in it is refused.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("the body is not what is expected here: {error}"))
    })
}

/// Refuses a change that a page of another site could send from an operator's browser: this type is none that a form or a
/// script may send across sites unasked, and browsers name the site that a change comes from.
pub(super) fn check_write(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json"));
    }
    let host = text(header::HOST).unwrap_or_default();
    let own = |origin: &str| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    match text(header::ORIGIN) {
        Some(origin) if !own(origin) => {
            Err(Problem::new(StatusCode::FORBIDDEN, "changes that pages of other sites ask for are refused here"))
        }
        _ => Ok(()),
    }
}
