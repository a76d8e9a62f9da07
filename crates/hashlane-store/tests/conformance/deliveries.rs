//! Promises about callbacks: when one is due, where it goes, and what is recorded.

use std::time::Duration;

use hashlane_job::{
    AttemptOutcome, CallbackFormat, CallbackTarget, Delivery, DeliveryState, Notify, NotifyAddress, Outcome, Queue,
    Stage,
};
use hashlane_store::HoldBack;

use super::world::{BEGIN, LEASE, World, broken, bucket, facts, hashed, reply};

fn said(text: &str) -> String {
    text.into()
}

/// Failure rule A11.
pub(crate) async fn a_callback_is_due_as_soon_as_the_job_ends(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    let job = desk.job(id).await;
    let target = CallbackTarget { address: NotifyAddress::Url("http://receiver/".into()), format: CallbackFormat::Xml };
    assert_eq!(job.target.as_ref(), Some(&target));
    assert_eq!(job.delivery, Delivery { state: DeliveryState::Due, ..Delivery::default() });

    let lease = desk.claim_one(Stage::Deliver).await;
    assert_eq!((lease.stage, lease.attempt), (Stage::Deliver, 1));
    assert_eq!(lease.job, job);
    assert_eq!(lease.job.facts, Some(facts()));
    world.pass(Duration::from_secs(2));
    desk.settle(lease.token, Outcome::Delivered(reply("200 OK"))).await;
    let expected = Delivery {
        state: DeliveryState::Delivered,
        attempts: 1,
        last: Some(said("200 OK")),
        last_time: Some(BEGIN.plus(Duration::from_secs(2))),
    };
    assert_eq!(desk.job(id).await.delivery, expected);
    assert!(desk.claim(Stage::Deliver, 1).await.is_empty());
    assert_eq!(desk.counts().await.deliveries_due, 0);
}

pub(crate) async fn the_target_is_what_the_queue_says_when_the_job_ends(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    let lease = desk.claim_one(Stage::Hash).await;
    let queue = desk.queue().await;
    let notify = |url: &str| Notify {
        on: true,
        on_task_finish: true,
        on_workflow_finish: false,
        format: CallbackFormat::Json,
        address: Some(NotifyAddress::Url(url.into())),
    };
    let put = async |notify| {
        desk.store.put_queue(Queue { notify, ..queue.clone() }).await.expect("the queue is put");
    };
    put(notify("http://before/")).await;
    put(notify("http://at-the-end/")).await;
    desk.settle(lease.token, Outcome::Failed(broken())).await;
    put(notify("http://after/")).await;
    let expected =
        CallbackTarget { address: NotifyAddress::Url("http://at-the-end/".into()), format: CallbackFormat::Json };
    assert_eq!(desk.job(id).await.target.as_ref(), Some(&expected));
    assert_eq!(desk.claim_one(Stage::Deliver).await.job.target, Some(expected));
}

pub(crate) async fn a_cancelled_job_calls_nobody_back(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    desk.claim_one(Stage::Hash).await;
    desk.store.cancel(&bucket(), id).await.expect("the job is cancelled");
    assert!(desk.claim(Stage::Deliver, 1).await.is_empty());
    assert_eq!(desk.job(id).await.delivery, Delivery::default());
}

pub(crate) async fn a_callback_not_taken_is_sent_again_after_its_delay(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    for attempt in 1..=3 {
        let lease = desk.claim_one(Stage::Deliver).await;
        assert_eq!(lease.attempt, attempt);
        assert_eq!(lease.job.delivery.attempts, attempt - 1, "attempts that have ended");
        let delay = Duration::from_secs(300);
        desk.settle(lease.token, Outcome::DeliverAgain { delay, reply: reply("500 Oops") }).await;
        let expected = Delivery {
            state: DeliveryState::Due,
            attempts: attempt,
            last: Some(said("500 Oops")),
            last_time: Some(world_now(&world)),
        };
        assert_eq!(desk.job(id).await.delivery, expected);
        world.pass(delay - Duration::from_secs(1));
        let claimed = desk.store.claim(Stage::Deliver, 1, LEASE).await.expect("the store is claimed from");
        assert!(claimed.leases.is_empty());
        assert_eq!(claimed.next_due, Some(Duration::from_secs(1)));
        world.pass(Duration::from_secs(1));
    }
}

fn world_now(world: &World) -> hashlane_job::Timestamp {
    use super::world::NowTime;
    world.wall.now_time()
}

/// Failure rule D10.
pub(crate) async fn a_callback_given_up_is_recorded(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_with_callback().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    let lease = desk.claim_one(Stage::Deliver).await;
    desk.settle(lease.token, Outcome::DeliveryFailed(reply("the address is not allowed"))).await;
    let delivery = desk.job(id).await.delivery;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Failed, 1));
    assert_eq!(delivery.last, Some(said("the address is not allowed")));
    assert!(desk.claim(Stage::Deliver, 1).await.is_empty());
}

/// Failure rule D6.
pub(crate) async fn callbacks_of_a_receiver_that_is_held_back_become_due_later_and_say_why(world: World) {
    const DELAY: Duration = Duration::from_secs(10);
    const GRID: Duration = Duration::from_millis(500);
    let desk = world.open_ready().await;
    let finish = async || {
        let id = desk.submit_with_callback().await;
        desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
        id
    };
    let hold = HoldBack { delay: DELAY, lasts: Duration::from_secs(60), said: said("it does not answer") };
    desk.store.hold_back("http://another", Some(hold.clone()));
    let first = finish().await;
    assert_eq!(desk.claim_one(Stage::Deliver).await.token.job, first, "it is another receiver");

    desk.store.hold_back("http://receiver", Some(hold));
    let held = finish().await;
    assert_eq!(desk.job(held).await.delivery, Delivery { state: DeliveryState::Due, ..Delivery::default() });
    assert!(desk.claim(Stage::Deliver, 1).await.is_empty());
    let record = desk.store.delivery_record(&bucket(), held).await.expect("the store reads").expect("it is there");
    let shown: Vec<_> = record.attempts.iter().map(|it| (it.number, it.outcome, it.said.as_str())).collect();
    assert_eq!(shown, [(1, AttemptOutcome::Postponed, "it does not answer")]);
    world.pass(DELAY + GRID);
    let lease = desk.claim_one(Stage::Deliver).await;
    assert_eq!((lease.token.job, lease.attempt), (held, 1), "no attempt was spent");

    desk.store.hold_back("http://receiver", None);
    let free = finish().await;
    assert_eq!(desk.claim_one(Stage::Deliver).await.token.job, free);
    let hold = HoldBack { delay: DELAY, lasts: Duration::from_secs(2), said: said("it does not answer") };
    desk.store.hold_back("http://receiver", Some(hold));
    world.pass(Duration::from_secs(2));
    let late = finish().await;
    assert_eq!(desk.claim_one(Stage::Deliver).await.token.job, late, "the time is over");
}

pub(crate) async fn callbacks_are_delivered_in_the_order_in_which_they_became_due(world: World) {
    let desk = world.open_ready().await;
    let mut ids = vec![desk.submit_with_callback().await, desk.submit_with_callback().await];
    let leases = desk.claim(Stage::Hash, 2).await;
    for lease in leases.iter().rev() {
        desk.settle(lease.token, hashed()).await;
        world.pass(Duration::from_millis(1));
    }
    ids.reverse();
    let delivered: Vec<_> = desk.claim(Stage::Deliver, 5).await.iter().map(|lease| lease.token.job).collect();
    assert_eq!(delivered, ids);
}

pub(crate) async fn a_paused_queue_does_not_hold_up_callbacks(world: World) {
    let desk = world.open_ready().await;
    desk.submit_with_callback().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
    let queue = Queue { paused: true, ..desk.queue().await };
    desk.store.put_queue(queue).await.expect("the queue is put");
    assert_eq!(desk.claim(Stage::Deliver, 1).await.len(), 1);
}
