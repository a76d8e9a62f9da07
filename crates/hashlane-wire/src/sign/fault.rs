//! Why a signature lets nobody in, and how each of the two error tables says so (signing.md, section 4).
//!
//! The official tables of storage (COS) and of processing (CI) contradict each other. Promised: one fault has one answer in
//! each dialect, and no answer says anything of the arithmetic or of the key.

use std::fmt;

use crate::{ErrorCode, WireError};

/// Whose error table answers follow where they differ: for requests without a valid signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorDialect {
    /// 403 with the codes and texts of the storage service. SDKs know them: Node's corrects its clock on their exact texts.
    #[default]
    Cos,
    /// 401 with the codes of the processing service, for strict emulation of it.
    Ci,
}

/// What is wrong with the signature of a request: the rows of the table, in the order in which they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is none, and the call needs one.
    Unsigned,
    /// It cannot be parsed, a field is missing, or its algorithm is unknown; or it leaves the Host out where it must not.
    Unreadable,
    /// The access key is unknown or disabled.
    UnknownKey,
    /// Its time is over.
    Expired,
    /// Its time has not come yet.
    NotYetValid,
    /// It is not the one of this request and key.
    WrongDigest,
    /// The token of a temporary key is missing or wrong.
    WrongToken,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 7] = [
        Fault::Unsigned,
        Fault::Unreadable,
        Fault::UnknownKey,
        Fault::Expired,
        Fault::NotYetValid,
        Fault::WrongDigest,
        Fault::WrongToken,
    ];

    /// What the client is told.
    pub fn error(self, dialect: ErrorDialect) -> WireError {
        WireError::new(self.code(dialect), self.message())
    }

    const fn code(self, dialect: ErrorDialect) -> ErrorCode {
        match (dialect, self) {
            (ErrorDialect::Cos, Fault::Unsigned | Fault::Unreadable | Fault::WrongToken) => ErrorCode::AccessDenied,
            (ErrorDialect::Cos, Fault::UnknownKey) => ErrorCode::InvalidAccessKeyId,
            (ErrorDialect::Cos, Fault::Expired) => ErrorCode::AccessDenied,
            (ErrorDialect::Cos, Fault::NotYetValid) => ErrorCode::RequestTimeTooSkewed,
            (ErrorDialect::Cos, Fault::WrongDigest) => ErrorCode::SignatureDoesNotMatch,
            (ErrorDialect::Ci, Fault::Unsigned) => ErrorCode::MissingAuthorization,
            (ErrorDialect::Ci, Fault::Unreadable | Fault::WrongDigest) => ErrorCode::InvalidAuthorization,
            (ErrorDialect::Ci, Fault::UnknownKey) => ErrorCode::SecretidNotExist,
            (ErrorDialect::Ci, Fault::Expired | Fault::NotYetValid) => ErrorCode::SignatureExpired,
            (ErrorDialect::Ci, Fault::WrongToken) => ErrorCode::Unauthorized,
        }
    }

    /// The texts of the COS column. The CI tables prescribe none, so that the same ones serve there.
    const fn message(self) -> &'static str {
        match self {
            Fault::Unsigned | Fault::Unreadable | Fault::WrongToken => "Access Denied.",
            Fault::UnknownKey => "The Access Key Id you provided does not exist in our records",
            // Node compares this text to learn that its clock is wrong.
            Fault::Expired => "Request has expired",
            Fault::NotYetValid => {
                "The signature is not valid yet; compare the clock of the client with the Date of this answer"
            }
            Fault::WrongDigest => "The Signature you specified is invalid.",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for WireError {
    /// In the default dialect.
    fn from(fault: Fault) -> WireError {
        fault.error(ErrorDialect::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules S4.1, S4.3, S4.4, S4.5.
    #[test]
    fn every_row_of_the_table_is_answered_as_its_column_says() {
        let denied = "Access Denied.";
        let unknown = "The Access Key Id you provided does not exist in our records";
        let rows = [
            (Fault::Unsigned, "AccessDenied", "MissingAuthorization", Some(denied)),
            (Fault::Unreadable, "AccessDenied", "InvalidAuthorization", Some(denied)),
            (Fault::UnknownKey, "InvalidAccessKeyId", "SecretidNotExist", Some(unknown)),
            (Fault::Expired, "AccessDenied", "SignatureExpired", Some("Request has expired")),
            (Fault::NotYetValid, "RequestTimeTooSkewed", "SignatureExpired", None),
            (Fault::WrongDigest, "SignatureDoesNotMatch", "InvalidAuthorization", None),
            (Fault::WrongToken, "AccessDenied", "AccessDenied", Some(denied)),
        ];
        assert_eq!(rows.map(|row| row.0), Fault::ALL);
        for (fault, cos, ci, message) in rows {
            for (dialect, status, code) in [(ErrorDialect::Cos, 403, cos), (ErrorDialect::Ci, 401, ci)] {
                let error = fault.error(dialect);
                assert_eq!((error.code.status(), error.code.as_str()), (status, code), "{fault:?} {dialect:?}");
                assert!(message.is_none_or(|message| message == error.message), "{error}");
                assert!(!error.message.is_empty());
            }
        }
    }
}
