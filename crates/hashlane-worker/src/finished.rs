//! The counters of what has ended: jobs and callbacks, under the names that dashboards rely on.

use hashlane_job::{CallbackTarget, NotifyAddress};
use metrics::counter;

const JOBS: &str = "hashlane_jobs_finished_total";
const CALLBACKS: &str = "hashlane_callbacks_total";

/// `state` of a job that ended with a digest, in the word of the wire.
pub(crate) const SUCCESS: &str = "Success";
/// `state` of a job that ended with a reason.
pub(crate) const FAILED: &str = "Failed";

/// Counts an ended job.
pub(crate) fn count_job(state: &'static str) {
    counter!(JOBS, "state" => state).increment(1);
}

/// Counts an ended attempt at a callback, `delivered`, `retried` or `failed`, or one that was `postponed`.
pub(crate) fn count_callback(kind: &'static str, outcome: &'static str) {
    counter!(CALLBACKS, "kind" => kind, "outcome" => outcome).increment(1);
}

/// `kind` of a target.
pub(crate) fn kind(target: Option<&CallbackTarget>) -> &'static str {
    match target.map(|target| &target.address) {
        Some(NotifyAddress::Mq(_)) => "tdmq",
        Some(NotifyAddress::Url(_)) | None => "url",
    }
}

/// Makes all counters exist, so that rates over them are right from the first event.
pub(crate) fn announce() {
    for state in [SUCCESS, FAILED] {
        counter!(JOBS, "state" => state).increment(0);
    }
    for kind in ["url", "tdmq"] {
        for outcome in ["delivered", "retried", "failed", "postponed"] {
            counter!(CALLBACKS, "kind" => kind, "outcome" => outcome).increment(0);
        }
    }
}
