//! `hashlane job`: a client of the API.
//!
//! Promises: ids and results go to stdout, everything else to stderr; `--json` prints one [`record::JobRecord`] per line.

pub(crate) mod cancel;
pub(crate) mod deliveries;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod submit;
pub(crate) mod wait;

mod record;

use hashlane_client::ClientError;

pub(super) use record::one_line;

use crate::failure::Failure;

/// Every failed call is something that could not be done; what the job itself says comes with its state.
pub(super) fn call_failure(doing: &str, error: &ClientError) -> Failure {
    let hint = match error {
        ClientError::Unreachable(_) => "; is `hashlane serve` running there?",
        ClientError::Refused { answer, .. } if answer.code == "InvalidAccessKeyId" => {
            "; is HASHLANE_SECRET_ID, or the data directory, that of this service?"
        }
        _ => "",
    };
    Failure::cannot(format!("cannot {doing}: {error}{hint}"))
}
