//! Promises about processes that die with jobs in their hands: who is held for the one that killed them (failure rule A9).

use std::time::Duration;

use hashlane_job::{DeliveryState, FailureCode, JobId, JobState, Outcome, Queue, Stage};
use hashlane_store::{Cancelled, Renewed, Settled};

use super::world::{Desk, LEASE, World, again, bucket, hashed};

/// Deaths that a job may cause alone; the first death that it has part in makes it suspect.
const DEATHS_MAX: u32 = 3;

async fn open(world: &World) -> Desk<'_> {
    Desk { world, store: world.open().await }
}

/// Claims what may be claimed, whether it is on trial or not.
async fn claimed_ids(desk: &Desk<'_>) -> Vec<JobId> {
    desk.claim(Stage::Hash, 100).await.iter().map(|lease| lease.token.job).collect()
}

/// Failure rules A9, A10: four good jobs are under way when the one dies that works on the bad one, too.
pub(crate) async fn a_job_that_kills_whoever_works_on_it_fails_and_is_called_back_and_no_other_job_suffers(
    mut world: World,
) {
    let desk = world.open_ready().await;
    let deadly = desk.submit_with_callback().await;
    let good = desk.submit_many(&bucket(), 4).await;
    assert_eq!(claimed_ids(&desk).await.len(), 5);
    let (mut deaths, mut done) = (1, 0);
    world = world.killed();
    loop {
        let desk = open(&world).await;
        let leases = desk.claim(Stage::Hash, 100).await;
        let Some(lease) = leases.first() else { break };
        assert!(leases.len() == 1 && lease.is_suspect, "suspects are run one at a time");
        assert_eq!(lease.attempt, 1, "an attempt that never said how it ended is not counted");
        if lease.token.job == deadly {
            deaths += 1;
            let killed = world.killed();
            drop(desk);
            world = killed;
        } else {
            desk.settle(lease.token, hashed()).await;
            done += 1;
            desk.store.close().await;
        }
    }
    assert_eq!((deaths, done), (1 + DEATHS_MAX, 4));

    let desk = open(&world).await;
    let job = desk.job(deadly).await;
    let error = job.error.expect("a failed job says why");
    assert_eq!((job.state, error.code), (JobState::Failed, FailureCode::Internal));
    assert!(error.message.contains("died 3 times"), "{error}");
    assert!(job.started.is_some() && job.ended.is_some());
    assert_eq!(job.delivery.state, DeliveryState::Due);
    let lease = desk.claim_one(Stage::Deliver).await;
    assert_eq!((lease.token.job, lease.job.state), (deadly, JobState::Failed));
    for id in good {
        assert_eq!(desk.job(id).await.state, JobState::Succeeded);
    }
    let counts = desk.counts().await;
    assert_eq!((counts.failed, counts.succeeded, counts.waiting, counts.running), (1, 4, 0, 0));
}

/// Failure rule A9.
/// Crash point K4.
pub(crate) async fn what_a_process_died_with_is_run_again_one_at_a_time(world: World) {
    let desk = world.open_ready().await;
    desk.submit_with_callback().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    let suspects = desk.submit_many(&bucket(), 3).await;
    assert_eq!(claimed_ids(&desk).await.len(), 3);
    let others = desk.submit_many(&bucket(), 2).await;

    let world = world.killed();
    let desk = open(&world).await;
    for (number, suspect) in suspects.iter().enumerate() {
        assert_eq!(claimed_ids_of(&desk, Stage::Deliver).await, [], "callbacks wait as well");
        let leases = desk.claim(Stage::Hash, 100).await;
        assert_eq!(leases.iter().map(|it| it.token.job).collect::<Vec<_>>(), [*suspect]);
        assert_eq!(claimed_ids(&desk).await, [], "nobody else is given work meanwhile");
        let woken = desk.store.woken(Stage::Hash);
        match number {
            // What has a checkpoint has shown that it does not kill, and goes on beside the next.
            0 => assert_eq!(desk.renew_with(leases[0].token, 10, Some("so far")).await, Renewed::Kept),
            1 => assert_eq!(desk.settle(leases[0].token, again(0)).await, Settled::Stored),
            _ => assert_eq!(desk.settle(leases[0].token, hashed()).await, Settled::Stored),
        }
        woken.await;
    }
    let mut rest = claimed_ids(&desk).await;
    rest.sort();
    let mut expected = vec![suspects[1], others[0], others[1]];
    expected.sort();
    assert_eq!(rest, expected, "then everybody comes");
    assert_eq!(claimed_ids_of(&desk, Stage::Deliver).await.len(), 1);
}

async fn claimed_ids_of(desk: &Desk<'_>, stage: Stage) -> Vec<JobId> {
    desk.claim(stage, 100).await.iter().map(|lease| lease.token.job).collect()
}

/// Failure rule A9: a good job is beside others when somebody kills the process, or has shown progress.
pub(crate) async fn a_death_counts_only_when_the_job_was_alone_and_showed_no_progress(mut world: World) {
    let desk = world.open_ready().await;
    let (large, small) = (desk.submit_one().await, desk.submit_one().await);
    assert_eq!(claimed_ids(&desk).await.len(), 2);
    let mut killed = world.killed();
    drop(desk);
    for death in 0..20 {
        world = killed;
        let desk = open(&world).await;
        let first = desk.claim_one_of_many(Stage::Hash).await;
        assert_eq!(desk.renew_with(first.token, 1, Some("so far")).await, Renewed::Kept);
        let second = desk.claim_one_of_many(Stage::Hash).await;
        // Two are under way, or one alone that is beyond a checkpoint.
        if death % 2 == 0 {
            desk.settle(second.token, Outcome::GivenBack).await;
        }
        killed = world.killed();
    }
    let desk = open(&killed).await;
    let mut ended = Vec::new();
    while let Some(lease) = desk.claim(Stage::Hash, 1).await.pop() {
        assert_eq!(lease.attempt, 1);
        desk.settle(lease.token, hashed()).await;
        ended.push(lease.token.job);
    }
    ended.sort();
    assert_eq!(ended, [large, small]);
}

/// Failure rule A9: a graceful stop and a lost lease never count.
pub(crate) async fn who_stops_in_order_or_loses_a_lease_killed_nobody(mut world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    desk.claim_one(Stage::Hash).await;
    for stop in 0..12 {
        if stop == 0 {
            world = world.killed();
        }
        let desk = open(&world).await;
        let lease = desk.claim_one(Stage::Hash).await;
        assert_eq!((lease.token.job, lease.attempt), (id, 1));
        match stop % 3 {
            0 => drop(desk.settle(lease.token, Outcome::GivenBack).await),
            // It could not be given back.
            1 => {}
            _ => {
                world.pass(LEASE * 2);
                assert_eq!(desk.claim_one(Stage::Hash).await.token.job, id, "the lease was lost");
            }
        }
        desk.store.close().await;
    }
    let desk = open(&world).await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    assert_eq!(desk.job(id).await.state, JobState::Succeeded);
}

/// Failure rule A9: large objects stay under way for long after their trial, and must not be an alibi.
pub(crate) async fn a_job_is_found_although_large_ones_go_on_beside_it(mut world: World) {
    let desk = world.open_ready().await;
    let large = desk.submit_many(&bucket(), 3).await;
    let deadly = desk.submit_one().await;
    assert_eq!(claimed_ids(&desk).await.len(), 4);
    let mut deaths = 1;
    let mut killed = world.killed();
    drop(desk);
    loop {
        world = killed;
        let desk = open(&world).await;
        if desk.job(deadly).await.state == JobState::Failed {
            break;
        }
        assert!(deaths < 10, "it kills on");
        loop {
            let lease = desk.claim_one_of_many(Stage::Hash).await;
            if lease.token.job == deadly {
                break;
            }
            desk.renew_with(lease.token, 1, Some("so far")).await;
        }
        deaths += 1;
        killed = world.killed();
    }
    // The first one, one beside the large objects, which had no checkpoint yet and were tried before it, and three alone.
    assert_eq!(deaths, 2 + DEATHS_MAX);
    let desk = open(&world).await;
    for id in large {
        assert_eq!(desk.job(id).await.state, JobState::Waiting);
    }
}

/// Failure rule A9: other jobs are unaffected, also by suspects on a storage that takes its time.
pub(crate) async fn suspects_that_are_slow_hold_nobody_up_for_long(world: World) {
    let desk = world.open_ready().await;
    desk.submit_many(&bucket(), 8).await;
    assert_eq!(claimed_ids(&desk).await.len(), 8);
    desk.submit_many(&bucket(), 2).await;
    let world = world.killed();
    let desk = open(&world).await;
    let mut waited = Duration::ZERO;
    let mut tried = 0;
    loop {
        let claimed = desk.store.claim(Stage::Hash, 100, LEASE).await.expect("the store is claimed from");
        if claimed.leases.len() > 1 {
            break;
        }
        tried += claimed.leases.len();
        let pause = claimed.next_due.expect("a trial has a bound");
        world.pass(pause);
        waited += if claimed.leases.is_empty() { Duration::ZERO } else { pause };
    }
    assert!(tried > 0 && waited <= Duration::from_secs(15), "{tried} trials held the others up for {waited:?}");
}

/// Failure rule A9.
pub(crate) async fn suspects_that_cannot_run_hold_nobody_up(world: World) {
    let desk = world.open_ready().await;
    let cancelled = desk.submit_one().await;
    let paused = desk.submit_one().await;
    assert_eq!(claimed_ids(&desk).await.len(), 2);
    let queue = desk.queue().await;
    let world = world.killed();
    let desk = open(&world).await;
    assert_eq!(desk.store.cancel(&bucket(), cancelled).await, Ok(Cancelled::Done));
    desk.store.put_queue(Queue { paused: true, ..queue.clone() }).await.expect("the queue is put");
    let other = super::world::bucket_named("other");
    desk.store.open_service(&other).await.expect("the service opens");
    let ready = desk.submit_many(&other, 2).await;
    assert_eq!(claimed_ids(&desk).await, ready);
    desk.store.put_queue(Queue { paused: false, ..queue }).await.expect("the queue is put");
    let lease = desk.claim_one(Stage::Hash).await;
    assert_eq!((lease.token.job, lease.is_suspect), (paused, true));
}
