//! Signatures of requests: `q-sign-algorithm=sha1`, as all COS and CI SDKs make them (signing.md).
//!
//! Promised: what [`verify`] accepts was signed with the key, for this method, path, and every listed header and query
//! value; a listed name cannot be given further values on the way. Both forms, in the header and in the URL, are read
//! by [`presented`]; [`authorization`] and [`presigned_query`] make them.
//!
//! Left out on purpose: headers and parameters that the client did not list are not covered, and neither is the body
//! unless Content-MD5 is listed: the dialect is so. Callers that act upon a control header can ask
//! [`Presented::signs_header`]. There is no memory of signatures seen, so a request can be replayed within its window.

mod canonical;
mod fault;
mod hmac;
mod make;
mod presented;
mod verify;

pub use fault::{ErrorDialect, Fault};
pub use make::{authorization, presigned_query};
pub use presented::{Presented, presented};
pub use verify::{Rules, verify};
