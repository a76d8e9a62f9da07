//! The loop of a stage and the keeper, with a store that misbehaves on command and a clock that jumps to the next event.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashlane_job::{DELIVERY_DELAYS, FailureCode, FileFacts, JobError, JobId, JobIds, Reply, Stage, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::delivery_schedule::DeliverySchedule;
use crate::due_deliveries::DueDeliveries;
use crate::due_jobs::DueJobs;
use crate::fake_leases::{FakeLeases, lease};
use crate::keeper::Keeper;
use crate::receivers::places_max;

const LEASE: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(25);

/// What a step does, by job; by default it succeeds at once.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Panic,
    Hang,
    /// Hangs as one that waits for the work of another.
    StepAside,
    /// Reads to 42 percent and hangs.
    ReadSome,
    /// Works for so long.
    Work(Duration),
    /// As a receiver that does not answer: fails after ten seconds.
    TimeOut,
    /// As a port that is closed: fails at once, and once more after five seconds.
    Refuse,
}

/// A stepper that acts as told and counts.
#[derive(Clone, Default)]
struct Actor(Arc<ActorState>);

#[derive(Default)]
struct ActorState {
    acts: Mutex<HashMap<JobId, Act>>,
    running: AtomicUsize,
    running_most: AtomicUsize,
    started: AtomicUsize,
    changed: Notify,
}

impl Actor {
    fn act(&self, job: JobId, act: Act) {
        self.0.acts.lock().expect("no test thread panicked").insert(job, act);
    }

    fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }

    async fn until_running(&self, count: usize) {
        loop {
            let changed = self.0.changed.notified();
            if self.running() == count {
                return;
            }
            changed.await;
        }
    }
}

/// Counts a step as running until it ends or is dropped.
struct Running(Actor);

impl Running {
    fn count(actor: &Actor) -> Running {
        let running = actor.0.running.fetch_add(1, Ordering::SeqCst) + 1;
        actor.0.running_most.fetch_max(running, Ordering::SeqCst);
        actor.0.started.fetch_add(1, Ordering::SeqCst);
        actor.0.changed.notify_waiters();
        Running(actor.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.0.changed.notify_waiters();
    }
}

impl Stepper for Actor {
    async fn step(&self, lease: &Lease, progress: &Arc<ReadProgress>, slot: &StepSlot) -> Outcome {
        let _running = Running::count(self);
        let act = self.0.acts.lock().expect("no test thread panicked").get(&lease.token.job).copied();
        match act {
            Some(Act::Panic) => panic!("a bug in the step, on purpose"),
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::StepAside) => {
                slot.step_aside();
                std::future::pending().await
            }
            Some(Act::ReadSome) => {
                progress.meter().total_bytes.store(1000, Ordering::Relaxed);
                progress.meter().read_bytes.store(427, Ordering::Relaxed);
                std::future::pending().await
            }
            Some(Act::Work(duration)) => sleep(duration).await,
            Some(Act::TimeOut) => {
                sleep(Duration::from_secs(10)).await;
                return Outcome::DeliveryFailed(reply("no answer"));
            }
            Some(Act::Refuse) => {
                return Outcome::DeliverAgain { delay: Duration::from_secs(5), reply: reply("could not connect") };
            }
            None => {}
        }
        match lease.stage {
            Stage::Hash => hashed(),
            Stage::Deliver => Outcome::Delivered(reply("200 OK")),
        }
    }

    fn panicked(&self, _lease: &Lease) -> Outcome {
        Outcome::Failed(JobError::temporary(FailureCode::Internal, "it panicked"))
    }

    fn settled(&self, _lease: &Lease, _outcome: &Outcome) {}
}

fn reply(said: &str) -> Reply {
    Reply { said: said.into(), status: None, took: Duration::ZERO }
}

fn hashed() -> Outcome {
    let modified = Timestamp::from_unix_seconds(0);
    let facts = FileFacts { digests: Vec::new(), size_bytes: 0, etag: "\"\"".into(), modified };
    Outcome::Hashed { facts, version: None }
}

/// A running loop of a stage with its keeper.
struct Stand {
    store: FakeLeases,
    actor: Actor,
    ids: JobIds,
    stage: Stage,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Stand {
    fn start(stage: Stage, slots: usize) -> Stand {
        let (store, actor) = (FakeLeases::default(), Actor::default());
        let stop = CancellationToken::new();
        let keeper = Keeper::new(store.clone(), LEASE);
        tokio::spawn({
            let keeper = keeper.clone();
            async move { keeper.run(CancellationToken::new()).await }
        });
        let schedule = Arc::new(DeliverySchedule { attempts_max: 10, delays: DELIVERY_DELAYS.to_vec() });
        let running = match stage {
            Stage::Hash => tokio::spawn(
                StageLoop {
                    leases: store.clone(),
                    acquirer: DueJobs::new(store.clone(), keeper, stop.clone()),
                    stepper: actor.clone(),
                    slots,
                    grace: GRACE,
                    stop: stop.clone(),
                }
                .run(),
            ),
            Stage::Deliver => tokio::spawn(
                StageLoop {
                    leases: store.clone(),
                    acquirer: DueDeliveries::new(store.clone(), keeper, schedule, slots, stop.clone()),
                    stepper: actor.clone(),
                    slots: places_max(slots),
                    grace: GRACE,
                    stop: stop.clone(),
                }
                .run(),
            ),
        };
        Stand { store, actor, ids: JobIds::random(), stage, stop, running }
    }

    fn add(&self, act: Option<Act>) -> JobId {
        self.add_for("http://receiver.example/", act)
    }

    fn add_for(&self, url: &str, act: Option<Act>) -> JobId {
        let lease = lease(&self.ids, self.stage, url);
        if let Some(act) = act {
            self.actor.act(lease.token.job, act);
        }
        self.store.add(lease)
    }

    async fn settled(&self, job: JobId) -> Outcome {
        self.store.until(|state| state.is_settled(job)).await;
        self.store.outcome_of(job).expect("it was settled")
    }

    async fn stop(self) -> FakeLeases {
        self.stop.cancel();
        self.running.await.expect("the loop does not panic");
        self.store
    }
}

#[tokio::test(start_paused = true)]
async fn each_job_is_worked_on_once_and_settled() {
    let stand = Stand::start(Stage::Hash, 3);
    let jobs: Vec<JobId> = (0..100).map(|_| stand.add(None)).collect();
    for job in &jobs {
        assert_eq!(stand.settled(*job).await, hashed());
    }
    let store = stand.stop().await;
    assert_eq!(store.state().outcomes.len(), jobs.len());
}

#[tokio::test(start_paused = true)]
async fn no_more_is_claimed_than_there_are_free_slots() {
    let stand = Stand::start(Stage::Hash, 3);
    let jobs: Vec<JobId> = (0..50).map(|i| stand.add(Some(Act::Work(Duration::from_millis(10 + i % 7))))).collect();
    for job in &jobs {
        stand.settled(*job).await;
    }
    assert!(stand.actor.0.running_most.load(Ordering::SeqCst) <= 3);
    assert!(stand.store.state().claims.iter().all(|slots| (1..=3).contains(slots)));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_work_of_another_holds_no_slot_and_there_is_a_bound_to_them() {
    const BESIDE_MAX: usize = 1_024;
    let stand = Stand::start(Stage::Hash, 3);
    for _ in 0..BESIDE_MAX {
        stand.add(Some(Act::StepAside));
    }
    stand.actor.until_running(BESIDE_MAX).await;
    let other = stand.add(None);
    assert_eq!(stand.settled(other).await, hashed(), "the slots are free");
    for _ in 0..100 {
        stand.add(Some(Act::StepAside));
    }
    stand.actor.until_running(BESIDE_MAX + 3).await;
    stand.store.until(|state| state.progress.len() == BESIDE_MAX + 3).await;
    assert_eq!(stand.actor.0.running_most.load(Ordering::SeqCst), BESIDE_MAX + 3, "the slots, and no more");
}

#[tokio::test(start_paused = true)]
async fn a_new_job_starts_at_the_wake_up_and_not_at_the_poll() {
    let stand = Stand::start(Stage::Hash, 1);
    stand.store.until(|state| !state.claims.is_empty()).await;
    let started = Instant::now();
    let job = stand.add(None);
    stand.settled(job).await;
    assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
}

/// Failure rule A9.
#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_attempt_and_the_worker_goes_on() {
    let stand = Stand::start(Stage::Hash, 1);
    let bad = stand.add(Some(Act::Panic));
    let good = stand.add(None);
    assert!(matches!(stand.settled(bad).await, Outcome::Failed(_)));
    assert_eq!(stand.settled(good).await, hashed());
}

/// Failure rule A7.
#[tokio::test(start_paused = true)]
async fn a_job_that_takes_twenty_leases_keeps_its_lease_and_runs_once() {
    let stand = Stand::start(Stage::Hash, 1);
    let job = stand.add(Some(Act::Work(20 * LEASE)));
    assert_eq!(stand.settled(job).await, hashed());
    assert_eq!(stand.actor.0.started.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_progress_of_a_running_job_is_told_within_a_second() {
    let stand = Stand::start(Stage::Hash, 1);
    let started = Instant::now();
    let job = stand.add(Some(Act::ReadSome));
    stand.store.until(|state| state.progress.get(&job) == Some(&42)).await;
    assert!(started.elapsed() <= Duration::from_secs(1), "{:?}", started.elapsed());
}

/// Failure rule A4.
#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_the_work_within_a_second_and_settles_nothing() {
    let stand = Stand::start(Stage::Hash, 1);
    let job = stand.add(Some(Act::Hang));
    stand.actor.until_running(1).await;
    let taken = Instant::now();
    stand.store.take_away(job);
    stand.actor.until_running(0).await;
    assert!(taken.elapsed() <= Duration::from_secs(1), "{:?}", taken.elapsed());
    // Its slot is free for others.
    let next = stand.add(None);
    stand.settled(next).await;
    assert_eq!(stand.store.outcome_of(job), None);
}

/// Failure rule A6.
#[tokio::test(start_paused = true)]
async fn the_worker_stops_by_its_own_deadline_when_the_store_stalls() {
    let stand = Stand::start(Stage::Hash, 1);
    let claimed = Instant::now();
    let job = stand.add(Some(Act::Hang));
    stand.actor.until_running(1).await;
    stand.store.state().stalled = true;
    stand.actor.until_running(0).await;
    assert!(claimed.elapsed() < LEASE, "it worked on after {:?}", claimed.elapsed());
    assert_eq!(stand.store.outcome_of(job), None);
}

#[tokio::test(start_paused = true)]
async fn a_result_survives_a_store_that_fails_for_a_while() {
    let stand = Stand::start(Stage::Hash, 1);
    stand.store.state().settles_to_fail = 10;
    let job = stand.add(None);
    assert_eq!(stand.settled(job).await, hashed());
    assert_eq!(stand.actor.0.started.load(Ordering::SeqCst), 1);
}

/// Failure rule A6.
#[tokio::test(start_paused = true)]
async fn a_result_is_not_stored_after_its_lease() {
    let stand = Stand::start(Stage::Hash, 1);
    stand.store.state().settles_to_fail = usize::MAX;
    let started = Instant::now();
    let job = stand.add(None);
    stand.store.until(|state| state.settles_to_fail < usize::MAX).await;
    let next = stand.add(Some(Act::Hang));
    // The only slot is free during the settling, and the settling ends with the lease.
    stand.actor.until_running(1).await;
    stand.store.take_away(next);
    let store = stand.stop().await;
    assert!(started.elapsed() < LEASE, "{:?}", started.elapsed());
    assert_eq!(store.outcome_of(job), None);
}

/// Failure rule A24.
#[tokio::test(start_paused = true)]
async fn a_stop_lets_running_jobs_end_and_claims_no_more() {
    let stand = Stand::start(Stage::Hash, 1);
    let running = stand.add(Some(Act::Work(GRACE / 2)));
    let waiting = stand.add(None);
    stand.actor.until_running(1).await;
    let store = stand.stop().await;
    assert_eq!(store.outcome_of(running), Some(hashed()));
    assert_eq!(store.outcome_of(waiting), None);
}

/// Failure rule A24.
#[tokio::test(start_paused = true)]
async fn a_stop_gives_back_what_does_not_end_within_the_grace() {
    let stand = Stand::start(Stage::Hash, 2);
    let (actor, started) = (stand.actor.clone(), Instant::now());
    let jobs = [stand.add(Some(Act::Hang)), stand.add(Some(Act::Hang))];
    actor.until_running(2).await;
    let store = stand.stop().await;
    for job in jobs {
        assert_eq!(store.outcome_of(job), Some(Outcome::GivenBack));
    }
    assert_eq!(actor.running(), 0);
    assert!(started.elapsed() < GRACE + Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_a_stalled_store_ends_too() {
    let stand = Stand::start(Stage::Hash, 1);
    stand.add(Some(Act::Hang));
    let actor = stand.actor.clone();
    actor.until_running(1).await;
    stand.store.state().stalled = true;
    stand.stop().await;
    assert_eq!(actor.running(), 0);
}

/// Failure rule D6.
#[tokio::test(start_paused = true)]
async fn one_receiver_gets_few_callbacks_at_once_and_all_of_them() {
    let stand = Stand::start(Stage::Deliver, 100);
    let slow = Some(Act::Work(Duration::from_millis(20)));
    let jobs: Vec<JobId> = (0..2_000).map(|_| stand.add(slow)).collect();
    for job in &jobs {
        assert_eq!(stand.settled(*job).await, Outcome::Delivered(reply("200 OK")));
    }
    assert_eq!(stand.actor.0.running_most.load(Ordering::SeqCst), 4);
    assert_eq!(stand.actor.0.started.load(Ordering::SeqCst), jobs.len());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_answers_is_kept_busy_whatever_its_backlog() {
    let stand = Stand::start(Stage::Deliver, 100);
    stand.store.state().latency = Duration::from_millis(5);
    let quick = Some(Act::Work(Duration::from_millis(1)));
    let jobs: Vec<JobId> = (0..4_000).map(|_| stand.add(quick)).collect();
    let started = Instant::now();
    for job in &jobs {
        stand.settled(*job).await;
    }
    // Four at a time, a millisecond each, would be 1 s if the store took no time at all.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

/// D6: a flood of 100,000 callbacks to a dead host delays others by less than a second, whether they become due before,
/// while or after it is found out.
/// Failure rule D6.
#[tokio::test(start_paused = true)]
async fn a_flood_of_callbacks_of_a_hanging_receiver_delays_a_healthy_one_by_less_than_a_second() {
    for (behind, rounds) in [(100, 25), (5_000, 25), (100_000, 6)] {
        let stand = Stand::start(Stage::Deliver, 16);
        // 200 rows in 10 ms to claim them and 10 ms to give them back.
        stand.store.state().latency = Duration::from_millis(10);
        for _ in 0..behind {
            stand.add_for("http://hanging.example/", Some(Act::TimeOut));
        }
        for round in 0..rounds {
            let started = Instant::now();
            let job = stand.add_for("http://healthy.example/", None);
            stand.settled(job).await;
            let delay = started.elapsed();
            assert!(delay < Duration::from_secs(1), "round {round} behind {behind} rows: {delay:?}");
            // The next one comes at another moment of the sweep.
            sleep(Duration::from_millis(74 * round)).await;
        }
        assert!(stand.actor.0.running_most.load(Ordering::SeqCst) <= 5, "the hanging receiver held more than one slot");
        stand.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_backlog_of_a_dead_receiver_is_postponed_and_spends_no_attempts() {
    let stand = Stand::start(Stage::Deliver, 16);
    stand.store.state().latency = Duration::from_millis(10);
    let jobs: Vec<JobId> = (0..5_000).map(|_| stand.add(Some(Act::TimeOut))).collect();
    stand.actor.until_running(1).await;
    sleep(Duration::from_secs(60)).await;
    let attempts = stand.actor.0.started.load(Ordering::SeqCst);
    assert!((2..10).contains(&attempts), "{attempts} probes in a minute");
    let state = stand.store.state();
    let spent = state.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::DeliveryFailed(_))).count();
    assert!(spent <= attempts);
    let postponed = |(_, outcome): &&(JobId, Outcome)| matches!(outcome, Outcome::Postponed { .. });
    let postponed = state.outcomes.iter().filter(postponed).count();
    assert!((jobs.len() - 100..6 * jobs.len()).contains(&postponed), "{postponed}");
}

/// Failure rule D6.
#[tokio::test(start_paused = true)]
async fn callbacks_of_a_dead_receiver_are_held_back_at_the_store_whether_it_hangs_or_refuses() {
    for act in [Act::TimeOut, Act::Refuse] {
        let stand = Stand::start(Stage::Deliver, 16);
        for _ in 0..5 {
            stand.add(Some(act));
        }
        let well = stand.add_for("http://healthy.example/", None);
        stand.store.until(|state| state.held_back.contains("http://receiver.example")).await;
        stand.settled(well).await;
        assert_eq!(stand.store.state().held_back.len(), 1);
        // Until a probe is answered.
        stand.actor.0.acts.lock().expect("no test thread panicked").clear();
        stand.store.until(|state| state.held_back.is_empty()).await;
        stand.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_well_again_gets_its_whole_backlog() {
    let stand = Stand::start(Stage::Deliver, 16);
    let jobs: Vec<JobId> = (0..500).map(|_| stand.add(Some(Act::TimeOut))).collect();
    sleep(Duration::from_secs(300)).await;
    stand.actor.0.acts.lock().expect("no test thread panicked").clear();
    let well = Instant::now();
    for job in &jobs {
        stand.settled(*job).await;
    }
    // A probe within a minute and 12 s, and then the longest postponement.
    assert!(well.elapsed() < Duration::from_secs(6 * 60 + 12), "{:?}", well.elapsed());
}

/// Receivers that are many and different, and all hang.
///
/// Failure rule D6.
#[tokio::test(start_paused = true)]
async fn hundreds_of_hanging_receivers_delay_a_new_healthy_one_by_less_than_a_second() {
    let stand = Stand::start(Stage::Deliver, 256);
    stand.store.state().latency = Duration::from_millis(5);
    for round in 0..40 {
        for receiver in 0..700 {
            // Each round has other names: nothing is known of them.
            let act = Some(Act::TimeOut);
            if round % 10 == 0 {
                stand.add_for(&format!("http://hanging-{round}-{receiver}.example/"), act);
            }
        }
        for known in ["http://healthy.example/".to_owned(), format!("http://healthy-{round}.example/")] {
            let started = Instant::now();
            let job = stand.add_for(&known, None);
            stand.settled(job).await;
            let delay = started.elapsed();
            assert!(delay < Duration::from_secs(1), "round {round}: {delay:?}");
        }
        sleep(Duration::from_millis(1_500)).await;
    }
    assert!(stand.actor.0.running_most.load(Ordering::SeqCst) <= 4 * 256);
}

#[tokio::test(start_paused = true)]
async fn receivers_known_to_answer_keep_places_when_more_hang_than_there_are_places_for() {
    let stand = Stand::start(Stage::Deliver, 16);
    stand.store.state().latency = Duration::from_millis(5);
    let first = stand.add_for("http://healthy.example/", None);
    stand.settled(first).await;
    for receiver in 0..1_000 {
        stand.add_for(&format!("http://hanging-{receiver}.example/"), Some(Act::TimeOut));
    }
    for round in 0..20 {
        let started = Instant::now();
        let job = stand.add_for("http://healthy.example/", None);
        stand.settled(job).await;
        assert!(started.elapsed() < Duration::from_secs(1), "round {round}: {:?}", started.elapsed());
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_hanging_receivers_hold_one_place_each() {
    let stand = Stand::start(Stage::Deliver, 110);
    for _ in 0..20 {
        for receiver in 0..100 {
            stand.add_for(&format!("http://hanging-{receiver}.example/"), Some(Act::TimeOut));
        }
    }
    stand.actor.until_running(100).await;
    let started = Instant::now();
    for _ in 0..100 {
        let job = stand.add_for("http://healthy.example/", None);
        stand.settled(job).await;
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(stand.actor.0.running_most.load(Ordering::SeqCst) <= 104);
}

#[tokio::test(start_paused = true)]
async fn a_backlog_that_cannot_be_sent_costs_the_store_little() {
    let stand = Stand::start(Stage::Deliver, 16);
    stand.store.state().latency = Duration::from_millis(10);
    for _ in 0..2_000 {
        stand.add_for("http://hanging.example/", Some(Act::TimeOut));
    }
    stand.actor.until_running(1).await;
    let claims_before = stand.store.state().claims.len();
    sleep(Duration::from_secs(60)).await;
    let claims = stand.store.state().claims.len() - claims_before;
    // A claim and its giving back take 20 ms; a third of the time is the bound.
    assert!(claims < 1_000, "{claims} claims in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_back_the_callbacks_that_wait_for_their_receiver() {
    let stand = Stand::start(Stage::Deliver, 16);
    for _ in 0..40 {
        stand.add(Some(Act::Hang));
    }
    stand.actor.until_running(1).await;
    let store = stand.stop().await;
    let state = store.state();
    assert_eq!(state.outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::GivenBack).count(), 40);
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_wait_for_their_receiver_keep_their_leases() {
    let stand = Stand::start(Stage::Deliver, 16);
    let jobs: Vec<JobId> = (0..40).map(|_| stand.add(Some(Act::Work(Duration::from_secs(9))))).collect();
    for job in &jobs {
        stand.settled(*job).await;
    }
    // 40 attempts of 9 s, one after the other since the receiver is slow, are twelve leases.
    assert_eq!(stand.actor.0.started.load(Ordering::SeqCst), jobs.len());
}
