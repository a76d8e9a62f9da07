//! A refusal: why a request is not done, with one part for the client and one for the log.
//!
//! It promises that addresses, SQL and paths never reach a client: what went wrong inside is only the `cause`.

use hashlane_store::{StoreError, StoreErrorKind};
use hashlane_wire::{ErrorCode, WireError};

/// The `Retry-After` of a 503 when nothing better is known.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Why a request is not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the client is told.
    pub(crate) error: WireError,
    /// What only the log is told.
    pub(crate) cause: Option<String>,
}

impl Refusal {
    /// A refusal of which the client learns everything.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        WireError::new(code, message).into()
    }

    /// 500 `InternalError`; the cause goes to the log.
    pub(crate) fn internal(cause: impl Into<String>) -> Refusal {
        let error = WireError::new(ErrorCode::InternalError, "the server met an internal error, please try again");
        Refusal { error, cause: Some(cause.into()) }
    }

    /// 503 `SlowDown` with `Retry-After`, which SDKs repeat.
    pub(crate) fn slow_down(message: &str, cause: Option<String>) -> Refusal {
        let mut error = WireError::new(ErrorCode::SlowDown, message);
        error.retry_after_seconds = Some(RETRY_AFTER_SECONDS);
        Refusal { error, cause }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Refusal {
        Refusal { error, cause: None }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        let error_text = error.to_string();
        match error.kind {
            StoreErrorKind::Busy | StoreErrorKind::Unavailable => Refusal::slow_down(
                "the server cannot store anything right now, please try again",
                Some(error.to_string()),
            ),
            StoreErrorKind::DamagedJob(id) => {
                let message = format!("the record of job {id} is damaged, other jobs can be asked for without it");
                let error = WireError::new(ErrorCode::ResultCorrupt, message);
                Refusal { error, cause: Some(error_text) }
            }
            StoreErrorKind::InUse | StoreErrorKind::TooNew | StoreErrorKind::Corrupt | StoreErrorKind::Refused => {
                Refusal::internal(error.to_string())
            }
        }
    }
}
