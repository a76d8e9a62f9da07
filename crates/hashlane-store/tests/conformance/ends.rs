//! Promises about the end of a job: one end, with what belongs to it.

use std::collections::HashMap;
use std::time::Duration;

use hashlane_job::{CallbackAddress, CallbackRequest, JobId, JobState, NewJob, Outcome, Stage};
use hashlane_store::{Cancelled, Counts, JobStore, Renewed, Settled};

use super::world::{BEGIN, Desk, NowTime, World, again, broken, bucket, facts, hashed, reply};

pub(crate) async fn a_hashed_job_has_its_facts_and_an_end_time(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    let lease = desk.claim_one(Stage::Hash).await;
    world.pass(Duration::from_millis(1_500));
    desk.settle(lease.token, hashed()).await;
    let job = desk.job(id).await;
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(job.facts, Some(facts()));
    assert_eq!(job.ended, Some(BEGIN.plus(Duration::from_millis(1_500))));
    assert_eq!((job.error, job.target), (None, None));
    assert_eq!(desk.claim_ids(1).await, [], "an ended job is not taken again");
}

pub(crate) async fn a_failed_job_has_its_error_and_an_end_time(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, Outcome::Failed(broken())).await;
    let job = desk.job(id).await;
    assert_eq!((job.state, job.error, job.facts), (JobState::Failed, Some(broken()), None));
    assert_eq!(job.ended, Some(BEGIN));
}

pub(crate) async fn a_waiting_job_can_be_cancelled(world: World) {
    let desk = world.open_ready().await;
    let ready = desk.submit_one().await;
    let delayed = desk.submit_one().await;
    for lease in desk.claim(Stage::Hash, 2).await {
        let outcome = if lease.token.job == delayed { again(10) } else { Outcome::GivenBack };
        desk.settle(lease.token, outcome).await;
    }
    for id in [ready, delayed] {
        assert_eq!(desk.store.cancel(&bucket(), id).await, Ok(Cancelled::Done));
        let job = desk.job(id).await;
        assert_eq!((job.state, job.ended, job.error), (JobState::Cancelled, Some(BEGIN), None));
    }
    world.pass(Duration::from_secs(10));
    assert_eq!(desk.claim_ids(2).await, []);
}

pub(crate) async fn a_running_job_can_be_cancelled_and_its_worker_loses_the_lease(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    let lease = desk.claim_one(Stage::Hash).await;
    assert_eq!(desk.store.cancel(&bucket(), id).await, Ok(Cancelled::Done));
    assert_eq!(desk.renew(lease.token, 50).await, Renewed::Lost);
    assert_eq!(desk.settle(lease.token, hashed()).await, Settled::Lost);
    let job = desk.job(id).await;
    assert_eq!((job.state, job.facts), (JobState::Cancelled, None));
    assert_eq!(job.started, Some(BEGIN));
}

/// Crash point K12.
pub(crate) async fn cancelling_is_idempotent_and_refused_after_another_end(world: World) {
    let desk = world.open_ready().await;
    let cancelled = desk.submit_one().await;
    for _ in 0..2 {
        assert_eq!(desk.store.cancel(&bucket(), cancelled).await, Ok(Cancelled::Done));
    }
    let succeeded = desk.finish_one().await;
    desk.submit_with_callback().await;
    let lease = desk.claim_one(Stage::Hash).await;
    desk.settle(lease.token, Outcome::Failed(broken())).await;
    for id in [succeeded, lease.token.job] {
        let before = desk.job(id).await;
        assert_eq!(desk.store.cancel(&bucket(), id).await, Ok(Cancelled::AlreadyEnded));
        assert_eq!(desk.job(id).await, before);
    }
    let missing = world.ids.next(BEGIN);
    assert_eq!(desk.store.cancel(&bucket(), missing).await, Ok(Cancelled::NotFound));
}

/// Failure rule A13.
pub(crate) async fn shown_times_never_run_backwards(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    let hour = Duration::from_secs(3_600);
    world.wall.set(hashlane_job::Timestamp::from_unix_millis(BEGIN.unix_millis() - hour.as_millis() as i64));
    let lease = desk.claim_one(Stage::Hash).await;
    assert_eq!(lease.job.started, Some(BEGIN), "no job starts before it is created");
    desk.settle(lease.token, hashed()).await;
    assert_eq!(desk.job(id).await.ended, Some(BEGIN));
    let lease = desk.claim_one(Stage::Deliver).await;
    desk.settle(lease.token, Outcome::Delivered(reply("200 OK"))).await;
    assert_eq!(desk.job(id).await.delivery.last_time, Some(BEGIN));
}

/// A cancel that wins against a result, and a result that wins against a cancel, must both leave one end, one answer that
/// says so, and a callback exactly for the ends that have one.
/// Failure rule A12.
pub(crate) async fn one_and_only_one_end_is_reached_in_races(world: World) {
    let desk = world.open_ready().await;
    // Ten thousand races, in rounds that fit into one commit.
    for _ in 0..20 {
        race(&desk, 500).await;
    }
}

async fn race(desk: &Desk<'_>, jobs: usize) {
    let before = desk.counts().await;
    let address = CallbackAddress::Url("http://receiver/".into());
    let draft = NewJob { callback: CallbackRequest { address, format: None }, ..desk.draft().await };
    let submits = (0..jobs).map(|_| {
        let (store, id) = (desk.store.clone(), desk.world.ids.next(desk.world.wall.now_time()));
        tokio::spawn(store_job(store, NewJob { id, ..draft.clone() }))
    });
    for submit in submits.collect::<Vec<_>>() {
        submit.await.expect("it ran");
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (turn, lease) in desk.claim(Stage::Hash, jobs).await.into_iter().enumerate() {
        let id = lease.token.job;
        let (settler, canceller) = (desk.store.clone(), desk.store.clone());
        let settle = tokio::spawn(async move { settler.settle(lease.token, hashed()).await });
        let cancel = tokio::spawn(async move {
            if turn % 2 == 0 {
                tokio::task::yield_now().await;
            }
            canceller.cancel(&bucket(), id).await
        });
        tasks.spawn(async move { (id, settle.await.expect("it ran"), cancel.await.expect("it ran")) });
    }
    let mut succeeded = 0;
    let races = tasks.join_all().await;
    let ids: Vec<JobId> = races.iter().map(|(id, ..)| *id).collect();
    let read = desk.store.get(&bucket(), &ids).await.expect("the jobs are read");
    let states: HashMap<JobId, JobState> = read.iter().map(|job| (job.request.id, job.state)).collect();
    for (id, settled, cancelled) in races {
        let state = states[&id];
        match (settled, cancelled) {
            (Ok(Settled::Stored), Ok(Cancelled::AlreadyEnded)) => {
                assert_eq!(state, JobState::Succeeded);
                succeeded += 1;
            }
            (Ok(Settled::Lost), Ok(Cancelled::Done)) => assert_eq!(state, JobState::Cancelled),
            other => panic!("two ends or none: {other:?}"),
        }
    }
    let due = desk.claim(Stage::Deliver, jobs).await;
    assert_eq!(due.len(), succeeded);
    for lease in due {
        assert_eq!(lease.job.state, JobState::Succeeded, "the callback names the state that was reached");
    }
    let counts = desk.counts().await;
    let more = (counts.succeeded - before.succeeded, counts.cancelled - before.cancelled);
    assert_eq!(more, (succeeded as u64, (jobs - succeeded) as u64));
}

async fn store_job(store: JobStore, job: NewJob) {
    store.submit(job).await.expect("the job is accepted");
}

/// Crash point K17.
pub(crate) async fn counts_follow_every_move(world: World) {
    let desk = world.open_ready().await;
    let ids = desk.submit_many(&bucket(), 4).await;
    assert_eq!(desk.counts().await, Counts { waiting: 4, ..Counts::default() });
    let leases = desk.claim(Stage::Hash, 3).await;
    assert_eq!(desk.counts().await, Counts { waiting: 1, running: 3, ..Counts::default() });
    desk.settle(leases[0].token, hashed()).await;
    desk.settle(leases[1].token, Outcome::Failed(broken())).await;
    desk.settle(leases[2].token, again(1)).await;
    assert_eq!(desk.counts().await, Counts { waiting: 2, succeeded: 1, failed: 1, ..Counts::default() });
    desk.store.cancel(&bucket(), ids[3]).await.expect("the job is cancelled");
    desk.submit_with_callback().await;
    let lease = desk.claim_one(Stage::Hash).await;
    desk.settle(lease.token, hashed()).await;
    let expected = Counts { waiting: 1, succeeded: 2, failed: 1, cancelled: 1, deliveries_due: 1, ..Counts::default() };
    assert_eq!(desk.counts().await, expected);
    desk.store.clone().close().await;

    let desk = world.open_ready().await;
    assert_eq!(desk.counts().await, expected, "counts are the same after a restart");
}
