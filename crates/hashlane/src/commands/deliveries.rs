//! `hashlane deliveries`: the callbacks of all jobs, asked for at the admin listener.
//!
//! Promises: callbacks go to stdout, everything else to stderr.

pub(crate) mod list;
pub(crate) mod replay;

use hashlane_wire::TimeOffset;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::failure::Failure;

/// A time as the server reads it; checked here, so that a mistake is told with its flag.
fn check_time(flag: &str, text: Option<&String>) -> Result<(), Failure> {
    match text {
        Some(text) if TimeOffset::read(text).is_none() => {
            Err(Failure::cannot(format!("{flag}: {text:?} is not a time: write it like 2022-07-18T15:16:43+0800")))
        }
        _ => Ok(()),
    }
}

/// `?name=value&...` of what is given.
fn query(fields: &[(&str, Option<&str>)]) -> String {
    let given = fields.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let fields: Vec<String> =
        given.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))).collect();
    format!("?{}", fields.join("&"))
}
