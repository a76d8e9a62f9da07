//! The keeper of leases: renews what this process holds, and tells the holder when a lease is lost.
//!
//! It is one task apart from the work, so that neither hashing nor a slow receiver can delay a renewal. A lease is lost
//! when the store says so (the job was cancelled, or another worker took it over), or when its own deadline passes without
//! an answer: a deadline on the monotonic clock, counted from *before* the claim or renewal was asked for, and a margin
//! shorter than the lease, so that the holder has stopped when the store gives the job to another.
//!
//! What is done about a lost lease is the holder's business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashlane_engine::ReadProgress;
use hashlane_job::{Lease, LeaseToken, Stage};
use hashlane_store::{Renewal, Renewed};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::complaint::Complaint;
use crate::leases::Leases;

/// Hash leases are renewed this often although their length does not ask for it: a renewal also carries the progress to
/// those who wait, and brings back that the job was cancelled, upon which reading is to stop within a second.
const HASH_RENEWAL_MAX: Duration = Duration::from_millis(500);

/// Renews leases; cheap to clone.
#[derive(Debug)]
pub(crate) struct Keeper<L> {
    leases: L,
    length: Duration,
    held: Arc<Mutex<HashMap<LeaseToken, Arc<Hold>>>>,
    /// Rung when a checkpoint is to be stored.
    checkpoints: Arc<Notify>,
}

impl<L: Clone> Clone for Keeper<L> {
    fn clone(&self) -> Keeper<L> {
        Keeper {
            leases: self.leases.clone(),
            length: self.length,
            held: self.held.clone(),
            checkpoints: self.checkpoints.clone(),
        }
    }
}

/// What keeper and holder share of one lease.
#[derive(Debug)]
struct Hold {
    stage: Stage,
    length: Duration,
    progress: Arc<ReadProgress>,
    /// Percent that the job showed when it was claimed.
    percent_min: u8,
    lost: CancellationToken,
    times: Mutex<Times>,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    /// When the last successful claim or renewal was asked for.
    renewed: Instant,
    /// When the holder must have stopped.
    deadline: Instant,
}

impl Hold {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn percent(&self) -> u8 {
        match self.stage {
            Stage::Hash => self.progress.percent().max(self.percent_min).min(99),
            Stage::Deliver => self.percent_min,
        }
    }

    fn renewal(&self, token: LeaseToken) -> Renewal {
        Renewal { token, progress: self.percent(), checkpoint: self.progress.checkpoint() }
    }
}

/// A lease that is renewed as long as this value lives and is not let go.
#[derive(Debug)]
pub(crate) struct Held {
    lease: Arc<Lease>,
    hold: Arc<Hold>,
    all: Arc<Mutex<HashMap<LeaseToken, Arc<Hold>>>>,
}

impl Held {
    /// The lease.
    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// How long a renewal makes it run.
    pub(crate) fn length(&self) -> Duration {
        self.hold.length
    }

    /// Where the work tells how far it is.
    pub(crate) fn progress(&self) -> &Arc<ReadProgress> {
        &self.hold.progress
    }

    /// When whatever is done under this lease must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        self.hold.times().deadline
    }

    /// Whether the lease is lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.hold.lost.is_cancelled() || self.deadline() <= Instant::now()
    }

    /// Completes when the lease is lost.
    pub(crate) async fn lost(&self) {
        loop {
            // Renewals only ever move the deadline away, so looking again when it has come is enough.
            let deadline = self.deadline();
            if deadline <= Instant::now() {
                return;
            }
            tokio::select! {
                () = self.hold.lost.cancelled() => return,
                () = sleep_until(deadline) => {}
            }
        }
    }

    /// The renewal that stores the newest checkpoint, if one is not stored yet.
    pub(crate) fn checkpoint_renewal(&self) -> Option<Renewal> {
        Some(self.hold.renewal(self.lease.token)).filter(|renewal| renewal.checkpoint.is_some())
    }

    /// Renews it no more; the deadline stays. To be called before settling, so that a renewal that crosses the settling
    /// is not taken for a loss.
    pub(crate) fn let_go(&self) {
        lock(&self.all).remove(&self.lease.token);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn lock(held: &Mutex<HashMap<LeaseToken, Arc<Hold>>>) -> MutexGuard<'_, HashMap<LeaseToken, Arc<Hold>>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<L: Leases> Keeper<L> {
    /// A keeper of leases of this length. [`Keeper::run`] does the work.
    pub(crate) fn new(leases: L, length: Duration) -> Keeper<L> {
        Keeper { leases, length, held: Arc::default(), checkpoints: Arc::default() }
    }

    /// The length of a lease.
    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    /// Keeps a lease that was asked for at `asked`.
    pub(crate) fn hold(&self, lease: Lease, asked: Instant) -> Held {
        let mut progress = ReadProgress::ringing(self.checkpoints.clone());
        if lease.is_suspect {
            progress.ask_early();
        }
        let hold = Arc::new(Hold {
            stage: lease.stage,
            length: self.length,
            progress: Arc::new(progress),
            percent_min: lease.job.progress,
            lost: CancellationToken::new(),
            times: Mutex::new(Times { renewed: asked, deadline: self.deadline_from(asked) }),
        });
        lock(&self.held).insert(lease.token, hold.clone());
        Held { lease: Arc::new(lease), hold, all: self.held.clone() }
    }

    /// The holder stops a sixth of the lease before it lapses: time for a blocked read or request to come to its end.
    fn deadline_from(&self, asked: Instant) -> Instant {
        asked + self.length - self.length / 6
    }

    /// Renews until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let complaint = Complaint::about("could not renew leases");
        let pause = (self.length / 3).min(HASH_RENEWAL_MAX);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
                // A checkpoint is of use only when it is stored.
                () = self.checkpoints.notified() => {}
            }
            let due = self.due(pause);
            if due.is_empty() {
                continue;
            }
            let asked = Instant::now();
            let renewals: Vec<Renewal> = due.iter().map(|(token, hold)| hold.renewal(*token)).collect();
            // An answer that takes longer is as good as none, and asking again may find the store well.
            match timeout(self.length / 3, self.leases.renew(renewals.clone(), self.length)).await {
                Ok(Ok(answers)) => self.note(asked, &due, &renewals, &answers),
                Ok(Err(error)) => complaint.raise(&error),
                Err(_) => complaint.raise(&"the store does not answer"),
            }
        }
    }

    /// What is to be renewed now: hash leases each time, others when a third of the lease will have passed before the
    /// next time.
    fn due(&self, pause: Duration) -> Vec<(LeaseToken, Arc<Hold>)> {
        let now = Instant::now();
        let is_due = |hold: &Hold| {
            let age = now.saturating_duration_since(hold.times().renewed);
            match hold.stage {
                Stage::Hash => age >= pause / 2 || hold.progress.checkpoint().is_some(),
                Stage::Deliver => age + pause > self.length / 3,
            }
        };
        lock(&self.held)
            .iter()
            .filter(|(_, hold)| !hold.lost.is_cancelled() && is_due(hold))
            .map(|(token, hold)| (*token, hold.clone()))
            .collect()
    }

    fn note(&self, asked: Instant, due: &[(LeaseToken, Arc<Hold>)], renewals: &[Renewal], answers: &[Renewed]) {
        for (((_, hold), renewal), answer) in due.iter().zip(renewals).zip(answers) {
            match answer {
                Renewed::Kept => {
                    renewal.checkpoint.iter().for_each(|checkpoint| hold.progress.stored(checkpoint));
                    *hold.times() = Times { renewed: asked, deadline: self.deadline_from(asked) };
                }
                Renewed::Lost => hold.lost.cancel(),
            }
        }
    }
}
