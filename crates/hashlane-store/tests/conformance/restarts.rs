//! Promises about what outlives a process, and about who may open a store.

use std::time::Duration;

use hashlane_job::{Job, Outcome, Stage, Timestamp};
use hashlane_store::{JobStore, Renewed, Settled, StoreErrorKind};

use super::world::{BEGIN, LEASE, World, again, broken, bucket, hashed, reply};

/// Failure rule A1.
/// Crash points K8, K10.
pub(crate) async fn everything_is_there_after_a_restart(world: World) {
    let desk = world.open_ready().await;
    desk.submit_with_callback().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    let delay = Duration::from_secs(5);
    let lease = desk.claim_one(Stage::Deliver).await;
    desk.settle(lease.token, Outcome::DeliverAgain { delay, reply: reply("503 Later") }).await;
    desk.submit_one().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, Outcome::Failed(broken())).await;
    desk.submit_one().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, again(5)).await;
    desk.submit_one().await;
    let ids = desk.list(&[]).await;
    let before: Vec<Job> = desk.store.get(&bucket(), &ids).await.expect("the jobs are read");
    assert_eq!(before.len(), 4);
    let queues = desk.store.queues(&bucket()).await;
    desk.store.clone().close().await;

    let desk = world.open_ready().await;
    assert_eq!(desk.store.get(&bucket(), &ids).await.expect("the jobs are read"), before);
    assert_eq!(desk.store.queues(&bucket()).await, queues);
}

/// Failure rule A8.
/// Crash points K4, K9.
pub(crate) async fn leases_of_a_dead_process_are_released_and_not_counted(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    let mut desk = desk;
    for stage in [Stage::Hash, Stage::Deliver] {
        let dead = desk.claim_one(stage).await;
        desk.store.clone().close().await;
        desk = world.open_ready().await;
        let lease = desk.claim_one(stage).await;
        assert_eq!((lease.token.job, lease.attempt), (id, 1), "due at once, and the first attempt still");
        assert_ne!(lease.token, dead.token);
        if stage == Stage::Hash {
            desk.settle(lease.token, hashed()).await;
        }
    }
}

pub(crate) async fn a_token_of_a_former_process_is_never_valid_again(world: World) {
    let desk = world.open_ready().await;
    desk.submit_one().await;
    let mut former = Vec::new();
    for _ in 0..3 {
        former.push(desk.claim_one(Stage::Hash).await.token);
        desk.settle(former[former.len() - 1], Outcome::GivenBack).await;
    }
    desk.store.clone().close().await;
    let desk = world.open_ready().await;
    for _ in 0..4 {
        let lease = desk.claim_one(Stage::Hash).await;
        for token in &former {
            assert_ne!(lease.token, *token);
            assert_eq!(desk.renew(*token, 0).await, Renewed::Lost);
            assert_eq!(desk.settle(*token, hashed()).await, Settled::Lost);
        }
        desk.settle(lease.token, Outcome::GivenBack).await;
    }
}

/// Failure rule A13.
pub(crate) async fn nothing_waits_longer_than_its_longest_pause_after_the_clocks_went_back(world: World) {
    let desk = world.open_ready().await;
    desk.submit_with_callback().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    let day = Duration::from_secs(86_400);
    let lease = desk.claim_one(Stage::Deliver).await;
    desk.settle(lease.token, Outcome::DeliverAgain { delay: day, reply: reply("500") }).await;
    desk.submit_one().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, again(30)).await;
    desk.store.clone().close().await;

    let year_ago = Timestamp::from_unix_millis(BEGIN.unix_millis() - 365 * day.as_millis() as i64);
    world.wall.set(year_ago);
    world.steady.set(year_ago);
    let store = world.open().await;
    for (stage, pause) in [(Stage::Hash, Duration::from_secs(60)), (Stage::Deliver, day.mul_f64(1.2))] {
        let claimed = store.claim(stage, 1, LEASE).await.expect("the store is claimed from");
        assert!(claimed.leases.is_empty());
        assert_eq!(claimed.next_due, Some(pause));
    }
}

pub(crate) async fn a_second_open_is_refused_and_names_the_store(world: World) {
    let store = world.open().await;
    let error = JobStore::open(&world.url, world.options()).await.expect_err("the store is held");
    assert_eq!(error.kind, StoreErrorKind::InUse);
    let place = world.url.split_once(':').expect("a URL has a scheme").1;
    assert!(error.message.contains(place), "{error}");
    assert_eq!(JobStore::migrate(&world.url).await.expect_err("the store is held").kind, StoreErrorKind::InUse);
    store.close().await;
    world.open().await.ping().await.expect("the store is free again and writes");
}

pub(crate) async fn a_closed_store_says_so(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    desk.store.clone().close().await;
    let kinds = [
        desk.store.ping().await.expect_err("it is closed").kind,
        desk.store.get(&bucket(), &[id]).await.expect_err("it is closed").kind,
        desk.store.claim(Stage::Hash, 1, LEASE).await.expect_err("it is closed").kind,
    ];
    assert_eq!(kinds, [StoreErrorKind::Unavailable; 3]);
}
