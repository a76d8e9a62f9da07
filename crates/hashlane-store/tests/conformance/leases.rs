//! Promises about leases: who may renew and settle, and what an attempt counts.

use std::time::Duration;

use hashlane_job::{FileFacts, JobState, Lease, Outcome, Stage, Timestamp};
use hashlane_lanes::{Algorithm, Digest};
use hashlane_store::{Renewed, Settled, StoreErrorKind};

use super::world::{BEGIN, Desk, LEASE, World, again, facts, hashed, reply};

pub(crate) async fn a_lease_is_kept_by_renewal(world: World) {
    let desk = world.open_ready().await;
    desk.submit_one().await;
    let lease = desk.claim_one(Stage::Hash).await;
    for _ in 0..10 {
        world.pass(LEASE - Duration::from_secs(1));
        assert_eq!(desk.renew(lease.token, 0).await, Renewed::Kept);
        assert_eq!(desk.claim_ids(1).await, [], "nobody else gets the job");
    }
    assert_eq!(desk.settle(lease.token, hashed()).await, Settled::Stored);
}

pub(crate) async fn progress_rises_and_shows_a_hundred_only_at_success(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    let lease = desk.claim_one(Stage::Hash).await;
    for (said, shown) in [(10, 10), (55, 55), (40, 55), (100, 99)] {
        desk.renew(lease.token, said).await;
        assert_eq!(desk.job(id).await.progress, shown);
    }
    desk.settle(lease.token, hashed()).await;
    assert_eq!(desk.job(id).await.progress, 100);

    let id = desk.submit_one().await;
    let lease = desk.claim_one(Stage::Hash).await;
    desk.renew(lease.token, 30).await;
    desk.settle(lease.token, Outcome::Failed(super::world::broken())).await;
    assert_eq!(desk.job(id).await.progress, 30, "a failed job keeps its last progress");
}

/// Failure rules A4, A5.
pub(crate) async fn a_lapsed_lease_is_taken_over_and_the_old_token_is_refused(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    let late = desk.claim_one(Stage::Hash).await;
    world.pass(LEASE);
    let owner = desk.claim_one(Stage::Hash).await;
    assert_eq!(owner.token.job, id);
    assert_ne!(owner.token, late.token);
    assert_eq!(owner.attempt, 1, "an attempt that never said how it ended is not counted");

    assert_eq!(desk.renew(late.token, 90).await, Renewed::Lost);
    for outcome in [hashed(), Outcome::Failed(super::world::broken()), again(1), Outcome::GivenBack] {
        let before = desk.job(id).await;
        assert_eq!(desk.settle(late.token, outcome).await, Settled::Lost);
        assert_eq!(desk.job(id).await, before, "a late worker changes nothing");
    }
    assert_eq!(desk.settle(owner.token, hashed()).await, Settled::Stored);
    assert_eq!(desk.settle(owner.token, hashed()).await, Settled::Lost, "a lease ends once");
}

pub(crate) async fn a_lapsed_lease_that_nobody_took_can_still_settle(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    let lease = desk.claim_one(Stage::Hash).await;
    world.pass(LEASE * 3);
    assert_eq!(desk.settle(lease.token, hashed()).await, Settled::Stored);
    assert_eq!(desk.job(id).await.state, JobState::Succeeded);
}

/// Failure rule A8.
pub(crate) async fn a_lapsed_job_shows_as_waiting(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    desk.claim_one(Stage::Hash).await;
    assert_eq!(desk.job(id).await.state, JobState::Running);
    world.pass(LEASE);
    assert_eq!(desk.job(id).await.state, JobState::Waiting);
}

pub(crate) async fn an_attempt_given_back_is_not_counted(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    for stage in [Stage::Hash, Stage::Deliver] {
        for _ in 0..3 {
            let lease = desk.claim_one(stage).await;
            assert_eq!(lease.attempt, 1);
            assert_eq!(desk.settle(lease.token, Outcome::GivenBack).await, Settled::Stored);
        }
        if stage == Stage::Hash {
            assert_eq!(desk.job(id).await.state, JobState::Waiting);
            desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
        }
    }
    assert_eq!(desk.job(id).await.delivery.attempts, 0);
}

pub(crate) async fn a_failed_attempt_waits_for_its_delay_and_is_counted(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    for attempt in 1..=3 {
        let lease = desk.claim_one(Stage::Hash).await;
        assert_eq!(lease.attempt, attempt);
        assert_eq!(lease.failing_for, Duration::from_secs(10 * u64::from(attempt - 1)), "since the first failure");
        desk.settle(lease.token, again(10)).await;
        let job = desk.job(id).await;
        assert_eq!((job.state, job.progress), (JobState::Waiting, 0));
        assert_eq!(job.error.expect("the last attempt's error shows").message, "the disk did not answer");

        world.pass(Duration::from_secs(9));
        let claimed = desk.store.claim(Stage::Hash, 1, LEASE).await.expect("the store is claimed from");
        assert!(claimed.leases.is_empty());
        assert_eq!(claimed.next_due, Some(Duration::from_secs(1)));
        world.pass(Duration::from_secs(1));
    }
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    let job = desk.job(id).await;
    assert_eq!((job.state, job.error), (JobState::Succeeded, None));
    assert_eq!(job.started, Some(super::world::BEGIN), "the first claim counts");
}

pub(crate) async fn an_outcome_of_the_wrong_stage_changes_nothing(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    let lease = desk.claim_one(Stage::Hash).await;
    let before = desk.job(id).await;
    let refused = desk.store.settle(lease.token, Outcome::Delivered(reply("200 OK"))).await;
    assert_eq!(refused.expect_err("a hash lease has no delivery").kind, StoreErrorKind::Corrupt);
    assert_eq!(desk.job(id).await, before);
    assert_eq!(desk.settle(lease.token, hashed()).await, Settled::Stored);

    let lease = desk.claim_one(Stage::Deliver).await;
    let refused = desk.store.settle(lease.token, hashed()).await;
    assert_eq!(refused.expect_err("a delivery has no digest").kind, StoreErrorKind::Corrupt);
    assert_eq!(desk.settle(lease.token, Outcome::Delivered(reply("200 OK"))).await, Settled::Stored);
}

pub(crate) async fn a_result_without_exactly_the_digest_asked_for_changes_nothing(world: World) {
    let desk = world.open_ready().await;
    desk.submit_one().await;
    let lease = desk.claim_one(Stage::Hash).await;
    let sha1 = Digest::from_bytes(Algorithm::Sha1, &[1; 20]).expect("a SHA-1 digest has 20 bytes");
    for digests in [vec![], vec![sha1], [facts().digests, vec![sha1]].concat()] {
        let refused = desk
            .store
            .settle(lease.token, Outcome::Hashed { facts: FileFacts { digests, ..facts() }, version: None })
            .await;
        assert_eq!(refused.expect_err("the job asked for one MD5").kind, StoreErrorKind::Corrupt);
    }
    assert_eq!(desk.settle(lease.token, hashed()).await, Settled::Stored);
}

/// The checkpoint that the next holder of the lease gets, as text.
async fn next_checkpoint(desk: &Desk<'_>) -> (Lease, Option<String>) {
    let lease = desk.claim_one(Stage::Hash).await;
    let text = lease.checkpoint.as_ref().map(|it| String::from_utf8(it.as_bytes().to_vec()).expect("UTF-8"));
    (lease, text)
}

/// Crash points K5, K6.
pub(crate) async fn a_checkpoint_goes_to_the_next_holder_whatever_ended_the_lease(world: World) {
    let desk = world.open_ready().await;
    desk.submit_one().await;
    let (lease, none) = next_checkpoint(&desk).await;
    assert_eq!(none, None);
    desk.renew_with(lease.token, 10, Some("a tenth")).await;
    desk.renew(lease.token, 20).await;
    world.pass(LEASE);

    let (owner, text) = next_checkpoint(&desk).await;
    assert_eq!(text.as_deref(), Some("a tenth"), "a renewal without one leaves it");
    assert_eq!(desk.renew_with(lease.token, 90, Some("of a late worker")).await, Renewed::Lost);
    desk.settle(owner.token, Outcome::GivenBack).await;

    let (owner, text) = next_checkpoint(&desk).await;
    assert_eq!(text.as_deref(), Some("a tenth"), "a late worker changes nothing");
    desk.renew_with(owner.token, 50, Some("a half")).await;
    desk.settle(owner.token, again(1)).await;
    world.pass(Duration::from_secs(2));
    let (_, text) = next_checkpoint(&desk).await;
    assert_eq!(text.as_deref(), Some("a half"));

    desk.store.close().await;
    let desk = Desk { store: world.open().await, world: &world };
    let (_, text) = next_checkpoint(&desk).await;
    assert_eq!(text.as_deref(), Some("a half"), "it survives the process");
}

pub(crate) async fn a_checkpoint_ends_with_the_hashing(world: World) {
    let desk = world.open_ready().await;
    desk.submit_with_callback().await;
    let lease = desk.claim_one(Stage::Hash).await;
    desk.renew_with(lease.token, 10, Some("a tenth")).await;
    assert_eq!(desk.settle(lease.token, hashed()).await, Settled::Stored);
    assert_eq!(desk.claim_one(Stage::Deliver).await.checkpoint, None);
}

/// Failure rule A13: leases follow a clock that does not jump, whatever the wall clock does; fifty jumps.
pub(crate) async fn a_wall_clock_that_jumps_takes_no_lease_away_and_holds_nobody_up(world: World) {
    let desk = world.open_ready().await;
    let hours = |hours: i64| Timestamp::from_unix_millis(BEGIN.unix_millis() + hours * 3_600_000);
    for jump in [-2, 1, -1, 24, -24].repeat(10) {
        let first = desk.submit_one().await;
        let lease = desk.claim_one(Stage::Hash).await;
        world.wall.set(hours(jump));
        assert_eq!(desk.claim_ids(10).await, [], "{jump} h: nobody takes it over");
        assert_eq!(desk.renew(lease.token, 10).await, Renewed::Kept, "{jump} h");
        let second = desk.submit_one().await;
        let other = desk.claim_one(Stage::Hash).await;
        assert_eq!(other.token.job, second, "{jump} h: the queue goes on");
        assert_eq!(desk.settle(other.token, again(5)).await, Settled::Stored);
        world.steady.advance(LEASE);
        let mut due = desk.claim_ids(10).await;
        due.sort();
        let mut expected = [first, second];
        expected.sort();
        assert_eq!(due, expected, "{jump} h: the lapsed one is taken over, and the delayed one comes");
        assert_eq!(desk.settle(lease.token, hashed()).await, Settled::Lost);
        for id in [first, second] {
            desk.store.cancel(&super::world::bucket(), id).await.expect("it is cancelled");
        }
    }
}

/// Failure rule A8: what is lapsed for long and was not taken up is told, and it is nothing as soon as somebody claims.
pub(crate) async fn a_lease_that_nobody_takes_up_is_told(world: World) {
    let desk = world.open_ready().await;
    desk.submit_one().await;
    desk.claim_one(Stage::Hash).await;
    let overdue = async || desk.store.overdue(LEASE).await.expect("the leases are counted");
    world.pass(LEASE * 2 - Duration::from_secs(1));
    assert_eq!(overdue().await, 0, "it has lapsed, but not for long");
    world.pass(Duration::from_secs(2));
    assert_eq!(overdue().await, 1);
    desk.claim_one(Stage::Hash).await;
    assert_eq!(overdue().await, 0);
}
