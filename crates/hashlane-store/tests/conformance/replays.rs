//! Promises about the delivery record: what it holds, how deliveries are listed, and what a replay does.

use std::time::Duration;

use hashlane_job::{
    ATTEMPTS_KEPT_MAX, Attempt, AttemptOutcome, Delivery, DeliveryState, JobId, Outcome, Queue, Stage, Timestamp,
};
use hashlane_store::{DeliveryCursor, DeliveryPage, DeliveryQuery, DeliveryRecord, Replayed};

use super::world::{BEGIN, Desk, LEASE, World, broken, bucket, bucket_named, hashed, reply};

const MINUTE: Duration = Duration::from_secs(60);
/// What a store may add to a postponement.
const GRID: Duration = Duration::from_millis(500);

async fn record(desk: &Desk<'_>, id: JobId) -> DeliveryRecord {
    desk.store.delivery_record(&bucket(), id).await.expect("the record is read").expect("the job exists")
}

async fn replay(desk: &Desk<'_>, id: JobId) -> Replayed {
    desk.store.replay(vec![(bucket(), id)], None).await.expect("the store replays")[0]
}

/// Jobs whose callbacks are due.
async fn ended(desk: &Desk<'_>, jobs: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..jobs {
        ids.push(desk.submit_with_callback().await);
        desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
        desk.world.pass(Duration::from_millis(1));
    }
    ids
}

fn all(state: DeliveryState) -> DeliveryQuery {
    DeliveryQuery { state, bucket: None, created_from: None, created_to: None, after: None, limit: 1_000 }
}

fn ids(page: &DeliveryPage) -> Vec<JobId> {
    page.deliveries.iter().map(|delivery| delivery.job.request.id).collect()
}

async fn list(desk: &Desk<'_>, query: DeliveryQuery) -> DeliveryPage {
    desk.store.list_deliveries(query).await.expect("the deliveries are listed")
}

fn attempt(number: u32, outcome: AttemptOutcome, ended: Timestamp, said: &str) -> Attempt {
    let reply = reply(said);
    Attempt { number, outcome, ended, took: Some(reply.took), status: reply.status, said: reply.said }
}

pub(crate) async fn every_attempt_is_recorded_in_order(world: World) {
    let desk = world.open_ready().await;
    let id = ended(&desk, 1).await[0];
    assert_eq!(record(&desk, id).await.attempts, []);
    let mut expected = Vec::new();
    for number in 1..=3 {
        let lease = desk.claim_one(Stage::Deliver).await;
        assert_eq!(record(&desk, id).await.due_in, None, "it is being sent");
        world.pass(Duration::from_secs(1));
        let now = BEGIN.plus(Duration::from_millis(1) + Duration::from_secs(u64::from(number)) + MINUTE * (number - 1));
        desk.settle(lease.token, Outcome::DeliverAgain { delay: MINUTE, reply: reply("503 Busy") }).await;
        expected.push(attempt(number, AttemptOutcome::Retried, now, "503 Busy"));
        let read = record(&desk, id).await;
        assert_eq!((read.attempts.as_slice(), read.due_in), (expected.as_slice(), Some(MINUTE)));
        world.pass(MINUTE);
    }
    let now = BEGIN.plus(Duration::from_millis(1) + 3 * (MINUTE + Duration::from_secs(1)));
    desk.settle(desk.claim_one(Stage::Deliver).await.token, Outcome::DeliveryFailed(reply("connection refused"))).await;
    expected.push(attempt(4, AttemptOutcome::Failed, now, "connection refused"));
    let read = record(&desk, id).await;
    assert_eq!((read.attempts.as_slice(), read.due_in), (expected.as_slice(), None));
    assert_eq!(read.job, desk.job(id).await);

    let other = bucket_named("second");
    assert!(desk.store.delivery_record(&other, id).await.expect("the store reads").is_none());
}

pub(crate) async fn a_postponed_callback_keeps_its_attempts_and_says_why(world: World) {
    let desk = world.open_ready().await;
    let id = ended(&desk, 1).await[0];
    let postponed = || Outcome::Postponed { delay: MINUTE, said: "the receiver does not answer".into() };
    for _ in 0..3 {
        let lease = desk.claim_one(Stage::Deliver).await;
        assert_eq!(lease.attempt, 1);
        desk.settle(lease.token, postponed()).await;
        assert!(desk.claim(Stage::Deliver, 1).await.is_empty());
        world.pass(MINUTE + GRID);
    }
    let job = desk.job(id).await;
    assert_eq!(job.delivery, Delivery { state: DeliveryState::Due, ..Delivery::default() });
    let again = Outcome::DeliverAgain { delay: MINUTE, reply: reply("500 Oops") };
    desk.settle(desk.claim_one(Stage::Deliver).await.token, again).await;
    world.pass(MINUTE + GRID);
    desk.settle(desk.claim_one(Stage::Deliver).await.token, postponed()).await;
    assert_eq!(desk.job(id).await.delivery.last.as_deref(), Some("500 Oops"), "what the receiver said last");
    world.pass(MINUTE + GRID);
    desk.settle(desk.claim_one(Stage::Deliver).await.token, Outcome::Delivered(reply("200 OK"))).await;

    let attempts = record(&desk, id).await.attempts;
    let shown: Vec<_> = attempts.iter().map(|it| (it.number, it.outcome, it.status)).collect();
    let expected = [
        (1, AttemptOutcome::Postponed, None),
        (1, AttemptOutcome::Retried, Some(500)),
        (2, AttemptOutcome::Postponed, None),
        (2, AttemptOutcome::Delivered, Some(200)),
    ];
    assert_eq!(shown, expected, "postponements in a row stand once");
    assert!(attempts[0].took.is_none() && attempts[3].took.is_some());
}

pub(crate) async fn a_record_holds_the_latest_attempts_and_no_more(world: World) {
    let desk = world.open_ready().await;
    let id = ended(&desk, 1).await[0];
    for _ in 0..ATTEMPTS_KEPT_MAX + 5 {
        let lease = desk.claim_one(Stage::Deliver).await;
        desk.settle(lease.token, Outcome::DeliverAgain { delay: MINUTE, reply: reply("500") }).await;
        world.pass(MINUTE);
    }
    let numbers = |record: DeliveryRecord| record.attempts.iter().map(|it| it.number).collect::<Vec<_>>();
    assert_eq!(numbers(record(&desk, id).await), (6..=55).collect::<Vec<_>>());
    desk.settle(desk.claim_one(Stage::Deliver).await.token, Outcome::Delivered(reply("200 OK"))).await;
    assert_eq!(numbers(record(&desk, id).await), (7..=56).collect::<Vec<_>>());
}

pub(crate) async fn a_record_leaves_with_its_job(world: World) {
    let desk = world.open_ready().await;
    let id = ended(&desk, 1).await[0];
    desk.settle(desk.claim_one(Stage::Deliver).await.token, Outcome::DeliveryFailed(reply("410 Gone"))).await;
    assert_eq!(desk.counts().await.deliveries_failed, 1);
    world.pass(MINUTE);
    assert_eq!(desk.store.prune(BEGIN.plus(MINUTE), 10).await, Ok(1));
    assert!(desk.store.delivery_record(&bucket(), id).await.expect("the store reads").is_none());
    assert!(list(&desk, all(DeliveryState::Failed)).await.deliveries.is_empty());
    assert_eq!(desk.counts().await.deliveries_failed, 0);
}

/// D10: what was given up is found, and can be sent again by hand.
/// Failure rule D10.
pub(crate) async fn a_failed_callback_can_be_replayed_and_begins_anew(world: World) {
    let desk = world.open_ready().await;
    let id = ended(&desk, 1).await[0];
    let lease = desk.claim_one(Stage::Deliver).await;
    desk.settle(lease.token, Outcome::DeliverAgain { delay: MINUTE, reply: reply("500") }).await;
    world.pass(MINUTE);
    desk.settle(desk.claim_one(Stage::Deliver).await.token, Outcome::DeliveryFailed(reply("500"))).await;
    let counts = desk.counts().await;
    assert_eq!((counts.deliveries_due, counts.deliveries_failed), (0, 1));
    let stored = desk.job(id).await;

    // The queue says something else by now; the target stays what it was.
    desk.store.put_queue(Queue { paused: true, ..desk.queue().await }).await.expect("the queue is put");
    let woken = desk.store.woken(Stage::Deliver);
    assert_eq!(replay(&desk, id).await, Replayed::Due);
    woken.await;
    assert_eq!(replay(&desk, id).await, Replayed::AlreadyDue);
    let counts = desk.counts().await;
    assert_eq!((counts.deliveries_due, counts.deliveries_failed), (1, 0));
    assert_eq!(desk.job(id).await.delivery, Delivery { state: DeliveryState::Due, ..Delivery::default() });

    let lease = desk.claim_one(Stage::Deliver).await;
    assert_eq!((lease.attempt, &lease.job.target, &lease.job.facts), (1, &stored.target, &stored.facts));
    assert_eq!((lease.job.request.id, lease.job.ended), (id, stored.ended));
    desk.settle(lease.token, Outcome::Delivered(reply("200 OK"))).await;
    let shown: Vec<_> = record(&desk, id).await.attempts.iter().map(|it| (it.number, it.outcome)).collect();
    let expected = [(1, AttemptOutcome::Retried), (2, AttemptOutcome::Failed), (1, AttemptOutcome::Delivered)];
    assert_eq!(shown, expected);
    assert_eq!(desk.counts().await.deliveries_due, 0);

    assert_eq!(replay(&desk, id).await, Replayed::Due, "one that was delivered can be sent again too");
    assert_eq!(record(&desk, id).await.attempts.len(), 3);
}

pub(crate) async fn what_cannot_be_replayed_is_told_and_unchanged(world: World) {
    let desk = world.open_ready().await;
    let without = desk.finish_one().await;
    let running = desk.submit_with_callback().await;
    desk.claim_one(Stage::Hash).await;
    let waiting = desk.submit_with_callback().await;
    let cancelled = desk.submit_with_callback().await;
    desk.store.cancel(&bucket(), cancelled).await.expect("the job is cancelled");
    for (id, expected) in [
        (without, Replayed::NoCallback),
        (running, Replayed::NotEnded),
        (waiting, Replayed::NotEnded),
        (cancelled, Replayed::NoCallback),
        (world.ids.next(BEGIN), Replayed::NotFound),
    ] {
        assert_eq!(replay(&desk, id).await, expected);
    }
    let other = desk.store.replay(vec![(bucket_named("second"), without)], None).await;
    assert_eq!(other, Ok(vec![Replayed::NotFound]));
    assert!(desk.claim(Stage::Deliver, 1).await.is_empty());
    assert_eq!(desk.counts().await.deliveries_due, 0);

    let lease = desk.claim_one(Stage::Hash).await;
    desk.settle(lease.token, Outcome::Failed(broken())).await;
    desk.settle(desk.claim_one(Stage::Deliver).await.token, Outcome::Delivered(reply("200"))).await;
    let failed = Some(DeliveryState::Failed);
    assert_eq!(desk.store.replay(vec![(bucket(), waiting)], failed).await, Ok(vec![Replayed::OtherState]));
}

/// Failure rule D10.
/// Crash point K11.
pub(crate) async fn a_replay_and_failed_callbacks_survive_a_restart(world: World) {
    let desk = world.open_ready().await;
    let ids = ended(&desk, 2).await;
    for lease in desk.claim(Stage::Deliver, 2).await {
        desk.settle(lease.token, Outcome::DeliveryFailed(reply("500"))).await;
    }
    assert_eq!(replay(&desk, ids[0]).await, Replayed::Due);
    desk.store.clone().close().await;
    let desk = Desk { world: &world, store: world.open().await };
    let counts = desk.counts().await;
    assert_eq!((counts.deliveries_due, counts.deliveries_failed), (1, 1));
    assert_eq!(desk.claim_one(Stage::Deliver).await.token.job, ids[0]);
    assert_eq!(record(&desk, ids[0]).await.attempts.len(), 1);
}

pub(crate) async fn deliveries_are_listed_by_state_bucket_and_time_in_pages(world: World) {
    let desk = world.open_ready().await;
    let other = bucket_named("second");
    desk.store.open_service(&other).await.expect("the service opens");
    let mut mine = ended(&desk, 9).await;
    desk.finish_one().await;
    // One of another bucket, the newest.
    let draft = desk.draft_in(&other).await;
    let callback = desk.job(mine[0]).await.request.callback;
    let foreign = desk.submit(hashlane_job::NewJob { callback, ..draft }).await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;

    let due = list(&desk, all(DeliveryState::Due)).await;
    mine.push(foreign);
    assert_eq!((ids(&due), due.next_after), (mine.clone(), None), "in the order in which they are due");
    assert!(due.deliveries.iter().all(|delivery| delivery.due_in == Some(Duration::ZERO)));

    // The first four are taken, the others given up.
    for (index, lease) in desk.claim(Stage::Deliver, 10).await.into_iter().enumerate() {
        assert_eq!(lease.token.job, mine[index]);
        let outcome =
            if index < 4 { Outcome::Delivered(reply("200 OK")) } else { Outcome::DeliveryFailed(reply("500")) };
        desk.settle(lease.token, outcome).await;
    }
    let newest_first = |ids: &[JobId]| ids.iter().rev().copied().collect::<Vec<_>>();
    for (state, expected) in [
        (DeliveryState::Due, Vec::new()),
        (DeliveryState::None, Vec::new()),
        (DeliveryState::Delivered, newest_first(&mine[..4])),
        (DeliveryState::Failed, newest_first(&mine[4..])),
    ] {
        assert_eq!(ids(&list(&desk, all(state)).await), expected, "{state:?}");
        for limit in 1..5 {
            let (mut met, mut after) = (Vec::new(), None);
            loop {
                let page = list(&desk, DeliveryQuery { limit, after, ..all(state) }).await;
                assert!(page.deliveries.len() <= limit);
                met.extend(ids(&page));
                let Some(next) = page.next_after else { break };
                after = Some(DeliveryCursor::parse(&next.to_string()).expect("what is printed is read"));
            }
            assert_eq!(met, expected, "{state:?} in pages of {limit}");
        }
    }
    let failed = |bucket| DeliveryQuery { bucket: Some(bucket), ..all(DeliveryState::Failed) };
    assert_eq!(ids(&list(&desk, failed(bucket())).await), newest_first(&mine[4..9]));
    assert_eq!(ids(&list(&desk, failed(other)).await), [foreign]);
    assert!(ids(&list(&desk, failed(bucket_named("unknown"))).await).is_empty());
    let window = DeliveryQuery {
        created_from: Some(mine[5].created()),
        created_to: Some(mine[7].created()),
        ..all(DeliveryState::Failed)
    };
    assert_eq!(ids(&list(&desk, window).await), newest_first(&mine[5..8]));
}

pub(crate) async fn due_callbacks_are_listed_in_pages_also_when_many_are_due_at_once(world: World) {
    let desk = world.open_ready().await;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.push(desk.submit_with_callback().await);
    }
    for lease in desk.claim(Stage::Hash, 7).await {
        desk.settle(lease.token, hashed()).await;
    }
    desk.claim_one_of_many(Stage::Deliver).await;
    let (mut met, mut after) = (Vec::new(), None);
    loop {
        let page = list(&desk, DeliveryQuery { limit: 2, after, ..all(DeliveryState::Due) }).await;
        met.extend(page.deliveries.iter().map(|delivery| (delivery.job.request.id, delivery.due_in)));
        after = page.next_after;
        if after.is_none() {
            break;
        }
    }
    let sent: Vec<_> = met.iter().filter(|(_, due_in)| due_in.is_none()).collect();
    assert_eq!(sent.len(), 1, "the one that is being sent");
    let mut ids: Vec<_> = met.iter().map(|(id, _)| *id).collect();
    ids.sort();
    assert_eq!(ids, expected);
}

/// D6: behind a backlog that cannot be sent, what became due last is found at once.
pub(crate) async fn when_more_is_due_than_is_claimed_half_is_what_became_due_last(world: World) {
    let desk = world.open_ready().await;
    let due = ended(&desk, 20).await;
    let claimed: Vec<_> = desk.claim(Stage::Deliver, 6).await.iter().map(|lease| lease.token.job).collect();
    assert_eq!(claimed, [due[0], due[1], due[2], due[19], due[18], due[17]]);
    let next = desk.store.claim(Stage::Deliver, 2, LEASE).await.expect("the store is claimed from");
    assert_eq!(next.leases.iter().map(|lease| lease.token.job).collect::<Vec<_>>(), [due[3], due[16]]);
    let rest: Vec<_> = desk.claim(Stage::Deliver, 50).await.iter().map(|lease| lease.token.job).collect();
    assert_eq!(rest, due[4..16], "what fits is taken in order");
}
