//! Logs: one line per event on stderr, for people or as JSON.
//!
//! `HASHLANE_LOG_FILTER` filters (`debug`, `hashlane_worker=debug,info`). Secrets are kept out where events are written; nothing
//! here could find them.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;
use crate::failure::Failure;

/// The variable that filters.
const FILTER: &str = "HASHLANE_LOG_FILTER";

/// Installs the process's log; `default` filters when the variable says nothing.
pub(crate) fn start(format: LogFormat, default: &str) -> Result<(), Failure> {
    let said = std::env::var(FILTER).ok().filter(|text| !text.is_empty());
    let filter = EnvFilter::try_new(said.as_deref().unwrap_or(default))
        .map_err(|error| Failure::cannot(format!("{FILTER}: {error}; write it like info or hashlane_worker=debug")))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that cannot be written, because the disk of the log is full, is lost. To complain of it there would panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
        LogFormat::Human => {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            subscriber.with_ansi(std::io::stderr().is_terminal() && !no_color).init();
        }
    }
    Ok(())
}
