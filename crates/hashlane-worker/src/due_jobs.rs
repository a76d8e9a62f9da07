//! The jobs that are due to be hashed: claims as many as can be worked on now.

use std::sync::Arc;
use std::time::Duration;

use hashlane_job::Stage;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::chance::chance;
use crate::complaint::Complaint;
use crate::keeper::{Held, Keeper};
use crate::leases::Leases;
use crate::stage::{Acquirer, Work};

/// The store is asked this often although nothing was heard of it: for wake-ups that were missed or come from elsewhere.
pub(crate) const POLL_PAUSE: Duration = Duration::from_secs(1);

/// The acquirer of the hash stage.
pub(crate) struct DueJobs<L> {
    leases: L,
    keeper: Keeper<L>,
    complaint: Arc<Complaint>,
    stop: CancellationToken,
}

impl<L: Leases> DueJobs<L> {
    /// Claims from `leases` until `stop`.
    pub(crate) fn new(leases: L, keeper: Keeper<L>, stop: CancellationToken) -> DueJobs<L> {
        DueJobs { leases, keeper, complaint: Arc::new(Complaint::about("could not claim jobs")), stop }
    }
}

impl<L: Leases> Acquirer for DueJobs<L> {
    async fn acquire(&mut self, slots: usize) -> Vec<Work> {
        while !self.stop.is_cancelled() {
            // Made before claiming: a job that comes in between is not missed.
            let woken = self.leases.woken(Stage::Hash);
            let asked = Instant::now();
            // Not raced against the stop: what is claimed then would be nobody's until its lease lapses.
            let pause = match self.leases.claim(Stage::Hash, slots, self.keeper.length()).await {
                Ok(claimed) if !claimed.leases.is_empty() => {
                    let hold = |lease| Work { held: self.keeper.hold(lease, asked), slot: None };
                    return claimed.leases.into_iter().map(hold).collect();
                }
                Ok(claimed) => poll_pause(claimed.next_due),
                Err(error) => {
                    self.complaint.raise(&error);
                    // Wake-ups do not count: a store that fails is not asked faster because many submit.
                    tokio::select! {
                        () = self.stop.cancelled() => break,
                        () = sleep(POLL_PAUSE) => continue,
                    }
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = woken => {}
                () = sleep(pause) => {}
            }
        }
        Vec::new()
    }

    async fn rest(&mut self) -> Vec<Held> {
        Vec::new()
    }
}

/// How long to wait for a wake-up: until the next row is due, but no longer than the poll; with jitter, so that several
/// workers do not ask in step.
pub(crate) fn poll_pause(next_due: Option<Duration>) -> Duration {
    match next_due {
        // Times are kept in milliseconds: without a least pause the last one before a due time would be spent asking.
        Some(next_due) if next_due < POLL_PAUSE => next_due.max(Duration::from_millis(2)),
        _ => POLL_PAUSE.mul_f64(0.8 + 0.2 * chance()),
    }
}
