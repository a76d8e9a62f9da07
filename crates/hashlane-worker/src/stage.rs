//! The loop of a stage: acquire leases, take each one step, settle what came of it.
//!
//! Hashing and delivering are this loop with two other parts: an [`Acquirer`], which brings leases, and a [`Stepper`],
//! which does the work and decides the outcome. The loop promises that it asks for no more leases than it has free slots,
//! that a step ends at once when its lease is lost, that a panic in a step is a failed attempt and not the end of the
//! worker, and that exactly one outcome is settled for each lease that is not lost.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hashlane_engine::ReadProgress;
use hashlane_job::{Lease, Outcome, Stage};
use hashlane_store::{Settled, StoreErrorKind};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::complaint::Complaint;
use crate::keeper::Held;
use crate::leases::Leases;
use crate::receiver_slot::ReceiverSlot;
use crate::step_slot::{Beside, StepSlot};

/// For each slot so many finished steps may wait for their commit. A step's slot is free again before its commit, which
/// takes as long as the disk takes, else hashing would stand still meanwhile; the bound keeps a stalled store from
/// collecting results without end.
const UNSETTLED_PER_SLOT: usize = 4;

/// A lease that is given back on a stop costs nothing but time when that fails, so little time is spent on it.
const GIVE_BACK_TIME_MAX: Duration = Duration::from_secs(3);

/// A hashing thread looks up for each chunk, so only a disk or a store that hangs takes longer to give a last checkpoint.
const LAST_CHECKPOINT_TIME_MAX: Duration = Duration::from_secs(1);

/// A lease to be worked on.
#[derive(Debug)]
pub(crate) struct Work {
    /// The lease.
    pub(crate) held: Held,
    /// The place at a callback's receiver; freed when the step has ended.
    pub(crate) slot: Option<ReceiverSlot>,
}

/// Brings leases.
pub(crate) trait Acquirer: Send {
    /// At least one lease and at most `slots`, as soon as there are any; none when the worker stops.
    fn acquire(&mut self, slots: usize) -> impl Future<Output = Vec<Work>> + Send;

    /// What was claimed and is not handed out any more.
    fn rest(&mut self) -> impl Future<Output = Vec<Held>> + Send;
}

/// Does the work of one lease.
pub(crate) trait Stepper: Clone + Send + Sync + 'static {
    /// Takes the step. Dropping the future stops it.
    fn step(
        &self,
        lease: &Lease,
        progress: &Arc<ReadProgress>,
        slot: &StepSlot,
    ) -> impl Future<Output = Outcome> + Send;

    /// The outcome of a step that panicked.
    fn panicked(&self, lease: &Lease) -> Outcome;

    /// The outcome is stored: count it and write it to the log.
    fn settled(&self, lease: &Lease, outcome: &Outcome);
}

/// The loop's parts.
pub(crate) struct StageLoop<L, A, S> {
    pub(crate) leases: L,
    pub(crate) acquirer: A,
    pub(crate) stepper: S,
    /// Steps at once.
    pub(crate) slots: usize,
    /// How long a stop waits for running steps.
    pub(crate) grace: Duration,
    /// Ends the acquiring.
    pub(crate) stop: CancellationToken,
}

impl<L: Leases, A: Acquirer, S: Stepper> StageLoop<L, A, S> {
    /// Runs until `stop`, then lets running steps end within the grace and gives back the others; returns when no lease
    /// is left.
    pub(crate) async fn run(mut self) {
        let slots = Arc::new(Semaphore::new(self.slots));
        let unsettled = Arc::new(Semaphore::new(self.slots.saturating_mul(UNSETTLED_PER_SLOT)));
        let beside = Beside::default();
        let give_back = CancellationToken::new();
        let tasks = TaskTracker::new();

        while !self.stop.is_cancelled() {
            let first = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                permit = slots.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            };
            // Steps that end meanwhile make this an under-estimate, never an over-estimate: only this loop takes slots.
            let free = slots.available_permits() + 1;
            let mut first = Some(first);
            for work in self.acquirer.acquire(free).await {
                let slot = first.take().or_else(|| slots.clone().try_acquire_owned().ok());
                let step = Step {
                    leases: self.leases.clone(),
                    stepper: self.stepper.clone(),
                    give_back: give_back.clone(),
                    unsettled: unsettled.clone(),
                };
                tasks.spawn(step.run(work, StepSlot::new(slot, beside.clone())));
            }
        }

        let rest = self.acquirer.rest().await;
        settle_all(&self.leases, rest.into_iter().map(|held| (held, Outcome::GivenBack)).collect()).await;
        tasks.close();
        if timeout(self.grace, tasks.wait()).await.is_err() {
            give_back.cancel();
            tasks.wait().await;
        }
    }
}

/// One step with what it needs of the loop.
struct Step<L, S> {
    leases: L,
    stepper: S,
    give_back: CancellationToken,
    unsettled: Arc<Semaphore>,
}

impl<L: Leases, S: Stepper> Step<L, S> {
    async fn run(self, work: Work, slot: StepSlot) {
        let Work { held, slot: receiver_slot } = work;
        let lease = held.lease().clone();
        // It may have waited since it was claimed.
        if held.is_lost() {
            return;
        }
        let outcome = {
            let mut step = pin!(until_panic(self.stepper.step(&lease, held.progress(), &slot)));
            tokio::select! {
            biased;
            ended = &mut step => {
                ended.unwrap_or_else(|_panic| self.stepper.panicked(&lease))
            }
            // The step is dropped here, before its slot is free.
            () = held.lost() => {
                tracing::debug!(job = %lease.token.job, stage = lease.stage.word(), "the lease was lost, the work stops");
                return;
            }
            () = self.give_back.cancelled() => self.leave(&held, step.as_mut()).await,
            }
        };
        if let Some(receiver_slot) = receiver_slot {
            receiver_slot.ended(&outcome);
        }
        let _unsettled = self.unsettled.acquire().await.expect("the semaphore is never closed");
        drop(slot);
        if settle(&self.leases, &held, &outcome).await == Some(Settled::Stored) {
            self.stepper.settled(&lease, &outcome);
        }
    }
}

impl<L: Leases, S: Stepper> Step<L, S> {
    /// Ends a step in the middle: what it has hashed is stored as a checkpoint, and the rest is somebody else's.
    async fn leave(&self, held: &Held, step: Pin<&mut impl Future<Output = std::thread::Result<Outcome>>>) -> Outcome {
        if held.lease().stage == Stage::Hash {
            held.progress().leave();
            // It may just as well have come to its end.
            if let Ok(Ok(outcome @ Outcome::Hashed { .. })) = timeout(LAST_CHECKPOINT_TIME_MAX, step).await {
                return outcome;
            }
        }
        if let Some(renewal) = held.checkpoint_renewal() {
            let stored = self.leases.renew(vec![renewal], held.length());
            if !matches!(timeout(GIVE_BACK_TIME_MAX, stored).await, Ok(Ok(_))) {
                tracing::warn!(job = %held.lease().token.job, "a last checkpoint could not be stored");
            }
        }
        Outcome::GivenBack
    }
}

/// Runs a step to its end, or to its panic. In the same task: another one for each job would cost more than a small object's
/// hashing.
async fn until_panic<T>(step: impl Future<Output = T>) -> std::thread::Result<T> {
    let mut step = pin!(step);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(context))) {
        Ok(Poll::Ready(outcome)) => Poll::Ready(Ok(outcome)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// Settles leases that were not worked on, all at once so that the store can join them into one commit.
pub(crate) async fn settle_all<L: Leases>(leases: &L, rest: Vec<(Held, Outcome)>) {
    let tasks = TaskTracker::new();
    for (held, outcome) in rest {
        let leases = leases.clone();
        tasks.spawn(async move { settle(&leases, &held, &outcome).await });
    }
    tasks.close();
    tasks.wait().await;
}

/// Stores the outcome. A store that fails is asked again until the lease's own deadline: a digest that took an hour is
/// not to be lost to a disk that is full for some seconds. `None` when the deadline came first.
async fn settle<L: Leases>(leases: &L, held: &Held, outcome: &Outcome) -> Option<Settled> {
    static COMPLAINT: Complaint = Complaint::about("could not store an outcome");
    held.let_go();
    let token = held.lease().token;
    let deadline = match outcome {
        Outcome::GivenBack => held.deadline().min(Instant::now() + GIVE_BACK_TIME_MAX),
        _ => held.deadline(),
    };
    let mut pause = Duration::from_millis(50);
    loop {
        match timeout_at(deadline, leases.settle(token, outcome.clone())).await {
            Ok(Ok(settled)) => return Some(settled),
            Ok(Err(error)) => {
                COMPLAINT.raise(&error);
                // Asking again helps a store that is full or slow, not one that refuses this very outcome.
                if !matches!(error.kind, StoreErrorKind::Busy | StoreErrorKind::Unavailable) {
                    break;
                }
            }
            Err(_) => break,
        }
        if Instant::now() + pause >= deadline {
            break;
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
    tracing::warn!(job = %token.job, "the outcome could not be stored, the job will be taken again");
    None
}

#[cfg(test)]
mod tests;
