//! Promises about submit and get.

use hashlane_job::{
    CallbackAddress, CallbackFormat, CallbackRequest, Delivery, Job, JobId, JobState, MqMode, MqTarget, NewJob,
    ObjectRef, Queue, QueueId, Stage,
};
use hashlane_lanes::Algorithm;
use hashlane_store::{StoreErrorKind, SubmitError};

use super::world::{Desk, TWICE_WINDOW, World, bucket, bucket_named, hashed};

pub(crate) async fn a_submitted_job_is_read_as_it_was_asked(world: World) {
    let desk = world.open_ready().await;
    let mq = MqTarget { region: "gz".into(), mode: MqMode::Topic, name: "jobs:done".into() };
    for (algorithm, format, address) in [
        (Algorithm::Md5, None, CallbackAddress::Queue),
        (Algorithm::Sha1, Some(CallbackFormat::Json), CallbackAddress::QueueUrl),
        (Algorithm::Sha256, Some(CallbackFormat::Xml), CallbackAddress::Silent),
        (Algorithm::Md5, None, CallbackAddress::Url("https://receiver:8443/a?b=c".into())),
        (Algorithm::Md5, None, CallbackAddress::Mq(mq)),
    ] {
        let draft = NewJob {
            algorithm,
            algorithm_as_given: algorithm.name().to_uppercase(),
            add_to_header: format.is_some(),
            user_data: format.map(|_| "This is my data.".into()),
            submitter: format.map(|_| "AKIDsubmitter".into()),
            level: 2,
            callback: CallbackRequest { address, format },
            ..desk.draft().await
        };
        let id = desk.submit(draft.clone()).await;
        let expected = Job {
            request: draft,
            state: JobState::Waiting,
            queue_paused: false,
            progress: 0,
            started: None,
            ended: None,
            facts: None,
            error: None,
            target: None,
            delivery: Delivery::default(),
        };
        assert_eq!(desk.job(id).await, expected);
    }
}

pub(crate) async fn a_job_needs_an_open_service_and_a_queue_of_its_bucket(world: World) {
    let desk = world.open_ready().await;
    let closed = bucket_named("closed");
    let other = bucket_named("other");
    desk.store.open_service(&other).await.expect("the service opens");
    let draft = desk.draft().await;
    let mut elsewhere = draft.clone();
    elsewhere.object.bucket = closed.clone();
    assert_eq!(desk.store.submit(elsewhere).await, Err(SubmitError::ServiceClosed));
    for queue in [QueueId::random(), desk.queue_of(&other).await.id] {
        let job = NewJob { queue, ..draft.clone() };
        assert_eq!(desk.store.submit(job).await, Err(SubmitError::QueueNotFound));
    }
    assert_eq!(desk.store.get(&bucket(), &[draft.id]).await.expect("the store reads"), []);
    assert_eq!(desk.counts().await.waiting, 0);
}

/// Failure rule E5.
pub(crate) async fn a_full_queue_takes_no_job_until_one_leaves(world: World) {
    let desk = world.open_ready().await;
    let queue = Queue { jobs_waiting_max: 2, ..desk.queue().await };
    desk.store.put_queue(queue).await.expect("the queue is put");
    let first = desk.submit_one().await;
    desk.submit_one().await;
    assert_eq!(desk.store.submit(desk.draft().await).await, Err(SubmitError::QueueFull));
    assert_eq!(desk.claim_ids(1).await, [first], "a running job waits no more");
    desk.submit_one().await;
    assert_eq!(desk.store.submit(desk.draft().await).await, Err(SubmitError::QueueFull));
}

pub(crate) async fn a_job_is_visible_only_through_its_bucket(world: World) {
    let desk = world.open_ready().await;
    let id = desk.submit_one().await;
    let other = bucket_named("other");
    for open in [false, true] {
        if open {
            desk.store.open_service(&other).await.expect("the service opens");
        }
        assert_eq!(desk.store.get(&other, &[id]).await.expect("the store reads"), []);
        let cancelled = desk.store.cancel(&other, id).await.expect("the store answers");
        assert_eq!(cancelled, hashlane_store::Cancelled::NotFound);
    }
}

pub(crate) async fn jobs_come_in_the_order_asked_and_missing_ones_are_left_out(world: World) {
    let desk = world.open_ready().await;
    let (first, second) = (desk.submit_one().await, desk.submit_one().await);
    let missing = world.ids.next(super::world::BEGIN);
    let jobs = desk.store.get(&bucket(), &[second, missing, first]).await.expect("the jobs are read");
    assert_eq!(jobs.iter().map(|job| job.request.id).collect::<Vec<_>>(), [second, first]);
}

pub(crate) async fn an_id_that_is_used_twice_fails_alone(world: World) {
    let desk = world.open_ready().await;
    let draft = desk.draft().await;
    let (first, second, other) = (draft.clone(), draft.clone(), desk.draft().await);
    let (first, second, other) =
        tokio::join!(desk.store.submit(first), desk.store.submit(second), desk.store.submit(other));
    assert_eq!(other, Ok(()));
    let refused = [first, second].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert!(
        matches!(&refused[..], [SubmitError::Store(error)] if error.kind == StoreErrorKind::Corrupt),
        "{refused:?}"
    );
    assert_eq!(desk.counts().await.waiting, 2);
}

pub(crate) async fn a_thousand_callers_at_once_are_all_answered(world: World) {
    let desk = world.open_ready().await;
    let ids = desk.submit_many(&bucket(), 1_000).await;
    let jobs = desk.store.get(&bucket(), &ids).await.expect("the jobs are read");
    assert_eq!(jobs.len(), 1_000);
    assert_eq!(desk.counts().await.waiting, 1_000);
}

pub(crate) async fn a_job_that_breaks_a_rule_of_the_schema_fails_alone(world: World) {
    let desk = world.open_ready().await;
    let draft = desk.draft().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200 {
        let id = world.ids.next(super::world::BEGIN);
        let level = if number % 50 == 0 { 9 } else { 0 };
        let (store, job) = (desk.store.clone(), NewJob { id, level, ..draft.clone() });
        tasks.spawn(async move { (level, store.submit(job).await) });
    }
    for (level, answer) in tasks.join_all().await {
        match answer {
            Ok(()) => assert_eq!(level, 0),
            Err(SubmitError::Store(error)) => assert_eq!((level, error.kind), (9, StoreErrorKind::Corrupt)),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(desk.counts().await.waiting, 196);
}

/// A job as a client asks for it again: the same but for its id.
async fn asked_again(desk: &Desk<'_>, job: &NewJob) -> Result<JobId, SubmitError> {
    let again = NewJob { id: desk.draft().await.id, ..job.clone() };
    desk.store.submit_once(again).await
}

/// Failure rule A2: the answer to a submit is lost, and the client sends it again.
/// Crash point K2.
pub(crate) async fn a_repeat_of_a_submit_is_the_same_job(world: World) {
    let desk = world.open_ready().await;
    let job = desk.draft().await;
    desk.submit(job.clone()).await;
    world.pass(TWICE_WINDOW / 2);
    assert_eq!(asked_again(&desk, &job).await, Ok(job.id));
    assert_eq!(desk.list(&[]).await, [job.id], "one row");

    // Also after a restart, and whatever became of the job.
    let lease = desk.claim_one(Stage::Hash).await;
    desk.settle(lease.token, hashed()).await;
    desk.store.close().await;
    let desk = Desk { store: world.open().await, world: &world };
    assert_eq!(asked_again(&desk, &job).await, Ok(job.id));

    world.pass(TWICE_WINDOW / 2);
    let late = asked_again(&desk, &job).await.expect("it is accepted");
    assert_ne!(late, job.id, "the window is over");
    assert_eq!(desk.list(&[]).await.len(), 2);
}

/// Failure rule A2.
pub(crate) async fn only_a_marked_repeat_of_the_same_request_is_the_same_job(world: World) {
    let desk = world.open_ready().await;
    let job = desk.draft().await;
    desk.submit(job.clone()).await;
    let unmarked = NewJob { id: desk.draft().await.id, ..job.clone() };
    desk.submit(unmarked.clone()).await;
    assert_eq!(asked_again(&desk, &job).await, Ok(unmarked.id), "the newest of two that are alike");

    let other_key = ObjectRef { key: "another".into(), ..job.object.clone() };
    for other in [
        NewJob { submitter: Some("AKIDother".into()), ..job.clone() },
        NewJob { object: other_key, ..job.clone() },
        NewJob { algorithm_as_given: "md5".into(), ..job.clone() },
        NewJob { user_data: Some("data".into()), ..job.clone() },
        NewJob { level: 1, ..job.clone() },
        NewJob { add_to_header: true, ..job.clone() },
        NewJob { fresh: true, ..job.clone() },
    ] {
        let id = asked_again(&desk, &other).await.expect("it is accepted");
        assert!(id != job.id && id != unmarked.id, "{other:?}");
    }
    assert_eq!(desk.list(&[]).await.len(), 9);
}
