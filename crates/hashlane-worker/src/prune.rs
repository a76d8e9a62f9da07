//! The prune loop: deletes jobs that ended longer ago than the retention time, in small steps.

use std::time::Duration;

use hashlane_job::{Clock, SystemClock, Timestamp};
use hashlane_store::JobStore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::chance::chance;
use crate::complaint::Complaint;

/// Jobs per step: the writer is busy with them for some milliseconds, which submits do not notice.
const STEP_JOBS_MAX: usize = 500;
/// Between steps while there is more to delete, so that others come first.
const STEP_PAUSE: Duration = Duration::from_millis(100);
/// Between rounds, at most.
const ROUND_PAUSE_MAX: Duration = Duration::from_secs(3600);

/// Deletes until `stop`.
pub(crate) async fn run(store: JobStore, retention: Duration, stop: CancellationToken) {
    let complaint = Complaint::about("could not delete old jobs");
    // A job stays at most a 24th longer than asked for; for the usual days or weeks a round an hour is as good.
    let round_pause = (retention / 24).clamp(Duration::from_secs(1), ROUND_PAUSE_MAX);
    loop {
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_unix_millis(SystemClock.now().unix_millis().saturating_sub(retention_ms));
        let pause = match store.prune(before, STEP_JOBS_MAX).await {
            Ok(STEP_JOBS_MAX..) => STEP_PAUSE,
            Ok(_) => round_pause.mul_f64(0.8 + 0.2 * chance()),
            Err(error) => {
                complaint.raise(&error);
                round_pause
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
    }
}
