//! A store for tests of the loops: keeps its rows in memory, and stalls, fails or takes leases away on command.
//!
//! What is not leased or postponed is due, in the order in which it became so.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hashlane_job::{
    BucketName, CallbackFormat, CallbackTarget, Delivery, Job, JobId, JobIds, JobState, Lease, LeaseToken, NewJob,
    NotifyAddress, ObjectRef, Outcome, QueueId, Stage, Timestamp,
};
use hashlane_lanes::Algorithm;
use hashlane_store::{Claimed, HoldBack, Renewal, Renewed, Settled, StoreError, StoreErrorKind};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::leases::Leases;

#[derive(Clone, Default)]
pub(crate) struct FakeLeases {
    state: Arc<Mutex<State>>,
    woken: Arc<Notify>,
    changed: Arc<Notify>,
}

#[derive(Default)]
pub(crate) struct State {
    due: VecDeque<Lease>,
    leased: HashMap<LeaseToken, Lease>,
    /// Taken away: renewing and settling them is answered with `Lost`.
    lost: HashSet<JobId>,
    /// Every stored outcome, in order.
    pub(crate) outcomes: Vec<(JobId, Outcome)>,
    /// The last outcome of each job.
    last: HashMap<JobId, Outcome>,
    /// The number of slots of each claim.
    pub(crate) claims: Vec<usize>,
    /// The progress of the last renewal, by job.
    pub(crate) progress: HashMap<JobId, u8>,
    /// How long each call takes.
    pub(crate) latency: Duration,
    /// No call is answered.
    pub(crate) stalled: bool,
    /// So many calls of settle fail.
    pub(crate) settles_to_fail: usize,
    /// Whose callbacks are held back.
    pub(crate) held_back: HashSet<String>,
    secrets: u64,
    begin: Option<Instant>,
}

impl State {
    /// Whether the last that was said of the job is more than that it was given back or postponed.
    pub(crate) fn is_settled(&self, job: JobId) -> bool {
        let open = |outcome: &Outcome| matches!(outcome, Outcome::GivenBack | Outcome::Postponed { .. });
        self.last.get(&job).is_some_and(|outcome| !open(outcome))
    }
}

impl FakeLeases {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panicked")
    }

    /// Adds a due row.
    pub(crate) fn add(&self, lease: Lease) -> JobId {
        let id = lease.token.job;
        self.state().due.push_back(lease);
        self.woken.notify_waiters();
        id
    }

    /// Takes a lease away, as a cancel does.
    pub(crate) fn take_away(&self, job: JobId) {
        self.state().lost.insert(job);
    }

    /// Waits until the condition holds. Under a paused clock the time is virtual.
    pub(crate) async fn until(&self, condition: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if condition(&self.state()) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn outcome_of(&self, job: JobId) -> Option<Outcome> {
        self.state().last.get(&job).cloned()
    }

    async fn call(&self) {
        let (latency, stalled) = {
            let state = self.state();
            (state.latency, state.stalled)
        };
        if stalled {
            std::future::pending::<()>().await;
        }
        if !latency.is_zero() {
            sleep(latency).await;
        }
    }
}

impl Leases for FakeLeases {
    async fn claim(&self, stage: Stage, slots: usize, _lease: Duration) -> Result<Claimed, StoreError> {
        self.call().await;
        let mut state = self.state();
        state.claims.push(slots);
        // As the store: when more is due, the second half is the end of the line.
        let from_front = if state.due.len() > slots { slots.div_ceil(2) } else { state.due.len() };
        let mut leases: Vec<Lease> = state.due.drain(..from_front).collect();
        while leases.len() < slots {
            let Some(last) = state.due.pop_back() else { break };
            leases.push(last);
        }
        for lease in &mut leases {
            assert_eq!(lease.stage, stage);
            state.secrets += 1;
            lease.token.secret = state.secrets;
            state.leased.insert(lease.token, lease.clone());
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(Claimed { leases, next_due: None })
    }

    async fn renew(&self, renewals: Vec<Renewal>, _lease: Duration) -> Result<Vec<Renewed>, StoreError> {
        self.call().await;
        let mut state = self.state();
        state.progress.extend(renewals.iter().map(|renewal| (renewal.token.job, renewal.progress)));
        let answer = |renewal: &Renewal| {
            let kept = state.leased.contains_key(&renewal.token) && !state.lost.contains(&renewal.token.job);
            if kept { Renewed::Kept } else { Renewed::Lost }
        };
        let answers = renewals.iter().map(answer).collect();
        drop(state);
        self.changed.notify_waiters();
        Ok(answers)
    }

    async fn settle(&self, token: LeaseToken, outcome: Outcome) -> Result<Settled, StoreError> {
        self.call().await;
        let mut state = self.state();
        if state.settles_to_fail > 0 {
            state.settles_to_fail -= 1;
            return Err(StoreError { kind: StoreErrorKind::Unavailable, message: "the disk is full".into() });
        }
        if state.lost.contains(&token.job) {
            return Ok(Settled::Lost);
        }
        let Some(lease) = state.leased.remove(&token) else { return Ok(Settled::Lost) };
        match outcome {
            Outcome::GivenBack => state.due.push_back(lease),
            Outcome::Postponed { delay, .. } => {
                // As the store: in bunches.
                let begin = *state.begin.get_or_insert_with(Instant::now);
                let due = (begin.elapsed() + delay).as_millis() / 500 + 1;
                let store = self.clone();
                tokio::spawn(async move {
                    sleep_until(begin + Duration::from_millis(500) * u32::try_from(due).expect("a test is short"))
                        .await;
                    store.state().due.push_back(lease);
                });
            }
            _ => {}
        }
        state.last.insert(token.job, outcome.clone());
        state.outcomes.push((token.job, outcome));
        drop(state);
        self.changed.notify_waiters();
        Ok(Settled::Stored)
    }

    fn hold_back(&self, receiver: &str, hold: Option<HoldBack>) {
        let mut state = self.state();
        match hold {
            Some(_) => state.held_back.insert(receiver.to_owned()),
            None => state.held_back.remove(receiver),
        };
        drop(state);
        self.changed.notify_waiters();
    }

    fn woken(&self, _stage: Stage) -> impl Future<Output = ()> + Send + 'static {
        self.woken.clone().notified_owned()
    }
}

/// A first lease of a job of this stage, whose callback goes to this URL.
pub(crate) fn lease(ids: &JobIds, stage: Stage, url: &str) -> Lease {
    let bucket = BucketName::parse("local-1250000000").expect("a bucket name");
    let id = ids.next(Timestamp::from_unix_seconds(1_700_000_000));
    let request = NewJob {
        id,
        object: ObjectRef { bucket, key: "object".into() },
        queue: QueueId::random(),
        algorithm: Algorithm::Md5,
        algorithm_as_given: "MD5".into(),
        add_to_header: false,
        user_data: None,
        fresh: false,
        submitter: None,
        level: 0,
        callback: Default::default(),
    };
    let job = Job {
        request,
        state: JobState::Running,
        queue_paused: false,
        progress: 0,
        started: None,
        ended: None,
        facts: None,
        error: None,
        target: Some(CallbackTarget { address: NotifyAddress::Url(url.into()), format: CallbackFormat::Xml }),
        delivery: Delivery::default(),
    };
    Lease {
        token: LeaseToken { job: id, secret: 0 },
        stage,
        attempt: 1,
        failing_for: Duration::ZERO,
        checkpoint: None,
        is_suspect: false,
        job,
    }
}
