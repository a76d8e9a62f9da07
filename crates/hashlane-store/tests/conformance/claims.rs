//! Promises about claim: what is taken, in which order, and who is woken.

use std::time::Duration;

use hashlane_job::{JobState, NewJob, Queue, Stage};

use super::world::{BEGIN, LEASE, World, again, bucket, bucket_named, hashed};

pub(crate) async fn a_claimed_job_runs_with_a_start_time(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    world.pass(Duration::from_secs(5));
    let lease = desk.claim_one(Stage::Hash).await;
    assert_eq!((lease.stage, lease.attempt, lease.token.job), (Stage::Hash, 1, id));
    let job = desk.job(id).await;
    assert_eq!(lease.job, job);
    assert_eq!(job.state, JobState::Running);
    assert_eq!(job.started, Some(BEGIN.plus(Duration::from_secs(5))));
}

pub(crate) async fn higher_levels_come_first_then_older_jobs(world: World) {
    let desk = world.open_ready().await;
    let mut ids = Vec::new();
    for level in [0, 2, 1, 2, 0] {
        ids.push(desk.submit(NewJob { level, ..desk.draft().await }).await);
    }
    assert_eq!(desk.claim_ids(10).await, [1, 3, 2, 0, 4].map(|index| ids[index]));
}

pub(crate) async fn no_more_than_the_slots_are_taken_and_the_rest_is_due_at_once(world: World) {
    let desk = world.open_ready().await;
    desk.submit_many(&bucket(), 3).await;
    let claimed = desk.store.claim(Stage::Hash, 2, LEASE).await.expect("the store is claimed from");
    assert_eq!((claimed.leases.len(), claimed.next_due), (2, Some(Duration::ZERO)));
    let claimed = desk.store.claim(Stage::Hash, 2, LEASE).await.expect("the store is claimed from");
    assert_eq!(claimed.leases.len(), 1);
    assert_eq!(claimed.next_due, Some(LEASE), "the leases lapse next");
}

/// Failure rule E4.
pub(crate) async fn a_flooding_bucket_does_not_hold_up_another(world: World) {
    let desk = world.open_ready().await;
    let quiet = bucket_named("quiet");
    desk.store.open_service(&quiet).await.expect("the service opens");
    desk.submit_many(&bucket(), 2_000).await;
    let late = desk.submit_many(&quiet, 2).await;
    assert!(desk.claim_ids(2).await.contains(&late[0]), "each bucket gets one of two slots");
    let mut singles = desk.claim_ids(1).await;
    singles.extend(desk.claim_ids(1).await);
    assert!(singles.contains(&late[1]), "single slots alternate");
    assert_eq!(desk.claim_ids(10).await.len(), 10, "what one bucket does not use is the other's");
}

pub(crate) async fn no_more_jobs_of_a_queue_run_than_may(world: World) {
    let desk = world.open_ready().await;
    let queue = Queue { jobs_running_max: 2, ..desk.queue().await };
    desk.store.put_queue(queue).await.expect("the queue is put");
    desk.submit_many(&bucket(), 4).await;
    let leases = desk.claim(Stage::Hash, 10).await;
    assert_eq!(leases.len(), 2);
    assert_eq!(desk.claim_ids(10).await, []);
    let woken = desk.store.woken(Stage::Hash);
    desk.settle(leases[0].token, hashed()).await;
    woken.await;
    assert_eq!(desk.claim_ids(10).await.len(), 1, "one ended, one more may run");
}

pub(crate) async fn a_paused_queue_keeps_its_jobs_and_gives_them_back_in_order(world: World) {
    let desk = world.open_ready().await;
    let running = desk.submit_one().await;
    let lease = desk.claim_one(Stage::Hash).await;
    let waiting = [desk.submit_one().await, desk.submit_one().await];
    let queue = desk.queue().await;
    desk.store.put_queue(Queue { paused: true, ..queue.clone() }).await.expect("the queue is put");
    assert_eq!(desk.claim_ids(10).await, []);
    for (id, state) in [(running, JobState::Running), (waiting[0], JobState::Waiting)] {
        let job = desk.job(id).await;
        assert_eq!((job.state, job.queue_paused), (state, true));
    }
    assert_eq!((desk.counts().await.paused, desk.counts().await.waiting), (2, 0));
    desk.settle(lease.token, hashed()).await;
    assert_eq!(desk.job(running).await.state, JobState::Succeeded, "a running job is not touched");

    let woken = desk.store.woken(Stage::Hash);
    desk.store.put_queue(queue).await.expect("the queue is put");
    woken.await;
    assert_eq!(desk.claim_ids(10).await, waiting);
}

pub(crate) async fn an_empty_store_gives_nothing_and_knows_no_next_time(world: World) {
    let desk = world.open_ready().await;
    for stage in [Stage::Hash, Stage::Deliver] {
        let claimed = desk.store.claim(stage, 5, LEASE).await.expect("the store is claimed from");
        assert!(claimed.leases.is_empty());
        assert_eq!(claimed.next_due, None);
    }
}

pub(crate) async fn waiting_workers_are_woken_by_what_makes_work_due(world: World) {
    let desk = world.open_ready().await;
    let woken = desk.store.woken(Stage::Hash);
    desk.submit_with_callback().await;
    woken.await;
    for outcome in [hashlane_job::Outcome::GivenBack, again(0)] {
        let lease = desk.claim_one(Stage::Hash).await;
        let woken = desk.store.woken(Stage::Hash);
        desk.settle(lease.token, outcome).await;
        woken.await;
    }
    let lease = desk.claim_one(Stage::Hash).await;
    let woken = desk.store.woken(Stage::Deliver);
    desk.settle(lease.token, hashed()).await;
    woken.await;
}
