//! `x-ci-fresh: true`: a submit whose object is to be read for this very job. An addition of ours, which the original does not
//! have; it must be signed, as every control header (failure rule C2).

use crate::{RequestHead, WireError};

/// The header.
pub const FRESH_HEADER: &str = "x-ci-fresh";

/// Whether a submit asks for a reading of its own: `true` or `false` in any letter case; not without the header.
///
/// # Errors
/// `InvalidArgument` for any other value: who gets it wrong must not be answered from an earlier reading.
pub fn asks_fresh(head: &RequestHead<'_>) -> Result<bool, WireError> {
    let mut values = head.header_values(FRESH_HEADER);
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.eq_ignore_ascii_case(b"true") => Ok(true),
        (Some(value), None) if value.eq_ignore_ascii_case(b"false") => Ok(false),
        _ => Err(WireError::argument("the header x-ci-fresh must be true or false")),
    }
}
