//! The commands, one file each.

pub(crate) mod backup;
pub(crate) mod callback;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod deliveries;
pub(crate) mod demo;
pub(crate) mod job;
pub(crate) mod migrate;
pub(crate) mod queue;
pub(crate) mod serve;
pub(crate) mod sum;

mod connection;

use std::io::Write;

use crate::failure::Failure;

/// Writes to stdout. A reader that has gone away (`| head`) is no reason to panic, but it ends the command.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::cannot(format!("cannot write to stdout: {error}")))
}
