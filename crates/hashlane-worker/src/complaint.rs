//! A complaint: a log line about a store that fails, at most once a minute (failure rule A14).

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

const PAUSE: Duration = Duration::from_secs(60);

/// Complains about one thing, and not about each time that it happens.
#[derive(Debug)]
pub(crate) struct Complaint {
    what: &'static str,
    state: Mutex<(Option<Instant>, u64)>,
}

impl Complaint {
    /// `what` failed: `could not claim jobs`.
    pub(crate) const fn about(what: &'static str) -> Complaint {
        Complaint { what, state: Mutex::new((None, 0)) }
    }

    /// Writes the line, unless one was written within the last minute; then it is counted.
    pub(crate) fn raise(&self, error: &dyn std::fmt::Display) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.0.is_some_and(|last| now.duration_since(last) < PAUSE) {
            state.1 += 1;
            return;
        }
        let unsaid = std::mem::take(&mut state.1);
        state.0 = Some(now);
        tracing::error!(%error, unsaid, "{}", self.what);
    }
}
