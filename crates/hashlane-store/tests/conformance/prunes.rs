//! Promises about prune.

use std::time::Duration;

use hashlane_job::{Outcome, Stage};

use super::world::{BEGIN, World, bucket, hashed, reply};

const DAY: Duration = Duration::from_secs(86_400);

/// Failure rule A25.
/// Crash point K14.
pub(crate) async fn only_jobs_that_ended_before_are_pruned_and_at_most_the_limit(world: World) {
    let desk = world.open_ready().await;
    let mut old = Vec::new();
    for _ in 0..4 {
        old.push(desk.finish_one().await);
    }
    let cancelled = desk.submit_one().await;
    desk.store.cancel(&bucket(), cancelled).await.expect("the job is cancelled");
    let waiting = desk.submit_one().await;
    world.pass(DAY);
    let lease = desk.claim_one(Stage::Hash).await;
    desk.settle(lease.token, hashed()).await;
    let unended = desk.submit_one().await;

    let prune = async |limit| desk.store.prune(BEGIN.plus(DAY), limit).await.expect("old jobs are pruned");
    assert_eq!(prune(3).await, 3);
    assert_eq!(prune(3).await, 2);
    assert_eq!(prune(3).await, 0);
    assert_eq!(desk.list(&[]).await, [waiting, unended], "created before but ended later stays");
    assert_eq!(desk.store.get(&bucket(), &old).await.expect("the store reads"), []);
    let counts = desk.counts().await;
    assert_eq!((counts.succeeded, counts.cancelled, counts.waiting), (1, 0, 1));
}

/// Failure rule A25.
pub(crate) async fn a_job_whose_callback_is_due_is_not_pruned(world: World) {
    let desk = world.open_ready().await;
    desk.submit_with_callback().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    world.pass(DAY);
    let prune = async || desk.store.prune(BEGIN.plus(DAY), 10).await.expect("old jobs are pruned");
    assert_eq!(prune().await, 0);
    let lease = desk.claim_one(Stage::Deliver).await;
    desk.settle(lease.token, Outcome::DeliveryFailed(reply("410 Gone"))).await;
    assert_eq!(prune().await, 1);
}
