//! Promises about queues and services.

use std::time::Duration;

use hashlane_job::{
    CallbackFormat, JobState, MqMode, MqTarget, Notify, NotifyAddress, Outcome, Queue, QueueId, Service, Stage,
};
use hashlane_store::{QueueChange, Settled, StoreErrorKind, SubmitError};

use super::world::{BEGIN, World, again, bucket, bucket_named, hashed};

pub(crate) async fn opening_a_service_makes_its_first_queue_once(world: World) {
    let store = world.open().await;
    assert_eq!(store.services().await, Ok(vec![]));
    assert_eq!(store.queues(&bucket()).await, Ok(vec![]));
    let expected = Service { bucket: bucket(), created: BEGIN };
    assert_eq!(store.open_service(&bucket()).await, Ok(expected.clone()));
    world.pass(Duration::from_secs(1));
    assert_eq!(store.open_service(&bucket()).await, Ok(expected.clone()));
    assert_eq!(store.services().await, Ok(vec![expected.clone()]));
    let queues = store.queues(&bucket()).await.expect("the queues are read");
    let [queue] = &queues[..] else { panic!("one queue: {queues:?}") };
    assert_eq!((queue.name.as_str(), queue.paused), (Queue::FIRST_NAME, false));
    assert_eq!(queue.notify, Notify::default());
    assert_eq!((queue.jobs_waiting_max, queue.jobs_running_max), (1_000_000, 10_000));
    assert_eq!((queue.created, queue.updated), (BEGIN, BEGIN));

    let early = bucket_named("a");
    store.open_service(&early).await.expect("the service opens");
    let names: Vec<_> = store.services().await.expect("services").into_iter().map(|it| it.bucket).collect();
    assert_eq!(names, [early, bucket()], "by bucket name");
}

pub(crate) async fn a_queue_is_read_as_it_was_put(world: World) {
    let desk = world.open_ready().await;
    let first = desk.queue().await;
    let mq = MqTarget { region: "sh".into(), mode: MqMode::Queue, name: "done".into() };
    let second = Queue {
        id: QueueId::random(),
        name: "队列".into(),
        paused: true,
        notify: Notify {
            on: true,
            on_task_finish: false,
            on_workflow_finish: true,
            format: CallbackFormat::Json,
            address: Some(NotifyAddress::Mq(mq)),
        },
        jobs_waiting_max: 5,
        jobs_running_max: 6,
        updated: BEGIN.plus(Duration::from_secs(9)),
        ..first.clone()
    };
    desk.store.put_queue(second.clone()).await.expect("the queue is put");
    assert_eq!(desk.store.queues(&bucket()).await, Ok(vec![first.clone(), second.clone()]), "oldest first");
    let changed = Queue { name: "changed".into(), ..first };
    desk.store.put_queue(changed.clone()).await.expect("the queue is put");
    assert_eq!(desk.store.queues(&bucket()).await, Ok(vec![changed.clone(), second.clone()]));
    desk.store.clone().close().await;
    assert_eq!(world.open().await.queues(&bucket()).await, Ok(vec![changed, second]));
}

pub(crate) async fn a_queue_needs_an_open_service(world: World) {
    let desk = world.open_ready().await;
    let queue = desk.queue().await;
    let other = bucket_named("other");
    let elsewhere = Queue { bucket: other.clone(), id: QueueId::random(), ..queue.clone() };
    let refused = desk.store.put_queue(elsewhere).await.expect_err("the service is closed");
    assert_eq!(refused.kind, StoreErrorKind::Refused);
    desk.store.open_service(&other).await.expect("the service opens");
    let stolen = Queue { bucket: other, ..queue };
    let refused = desk.store.put_queue(stolen).await.expect_err("the id belongs to another bucket");
    assert_eq!(refused.kind, StoreErrorKind::Refused);
}

pub(crate) async fn a_new_queue_has_the_defaults_but_for_what_is_said(world: World) {
    let desk = world.open_ready().await;
    let first = desk.queue().await;
    let settings = QueueChange { name: Some("second".into()), jobs_running_max: Some(2), ..QueueChange::default() };
    let made =
        desk.store.create_queue(&bucket(), settings.clone()).await.expect("it is made").expect("the service is open");
    assert_ne!(made.id, first.id);
    assert_eq!(made, Queue { id: made.id, name: "second".into(), jobs_running_max: 2, ..first.clone() });
    assert_eq!(desk.store.queues(&bucket()).await, Ok(vec![first, made]));
    assert_eq!(desk.store.create_queue(&bucket_named("closed"), settings).await, Ok(None));
}

pub(crate) async fn a_change_of_a_queue_leaves_the_rest_as_it_is(world: World) {
    let desk = world.open_ready().await;
    let queue = desk.queue().await;
    world.pass(Duration::from_secs(9));
    let renamed = QueueChange { name: Some("renamed".into()), ..QueueChange::default() };
    let bounded = QueueChange { jobs_running_max: Some(3), ..QueueChange::default() };
    let store = &desk.store;
    let bucket_name = bucket();
    let (one, other) = tokio::join!(
        store.change_queue(&bucket_name, queue.id, renamed),
        store.change_queue(&bucket_name, queue.id, bounded)
    );
    assert!(one.is_ok_and(|it| it.is_some()) && other.is_ok_and(|it| it.is_some()));
    let changed = Queue {
        name: "renamed".into(),
        jobs_running_max: 3,
        updated: BEGIN.plus(Duration::from_secs(9)),
        ..queue.clone()
    };
    assert_eq!(desk.queue().await, changed);

    let unknown = desk.store.change_queue(&bucket(), QueueId::random(), QueueChange::default()).await;
    assert_eq!(unknown, Ok(None));
    desk.store.open_service(&bucket_named("other")).await.expect("the service opens");
    let elsewhere = desk.store.change_queue(&bucket_named("other"), queue.id, QueueChange::default()).await;
    assert_eq!(elsewhere, Ok(None));
    desk.store.close_service(&bucket()).await.expect("the service closes");
    assert_eq!(desk.store.change_queue(&bucket(), queue.id, QueueChange::default()).await, Ok(None));
}

pub(crate) async fn closing_a_service_cancels_what_waits_and_lets_finish_what_runs(world: World) {
    let desk = world.open_ready().await;
    let notify = Notify {
        on: true,
        on_task_finish: true,
        address: Some(NotifyAddress::Url("http://queue/".into())),
        ..Notify::default()
    };
    let queue = Queue { notify, ..desk.queue().await };
    desk.store.put_queue(queue.clone()).await.expect("the queue is put");
    let running = desk.submit_one().await;
    let delayed = desk.submit_one().await;
    let leases = desk.claim(Stage::Hash, 2).await;
    desk.settle(leases[1].token, again(10)).await;
    // More than one step of the closing.
    let waiting = desk.submit_many(&bucket(), 1_200).await;
    let late = desk.draft().await;
    desk.store.put_queue(Queue { paused: true, ..queue.clone() }).await.expect("the queue is put");

    assert_eq!(desk.store.close_service(&bucket()).await, Ok(true));
    assert_eq!(desk.store.close_service(&bucket()).await, Ok(false));
    assert_eq!(desk.store.queues(&bucket()).await, Ok(vec![]));
    assert_eq!(desk.store.services().await, Ok(vec![]));
    assert_eq!(desk.store.submit(late).await, Err(SubmitError::ServiceClosed));
    assert_eq!(desk.counts().await.cancelled, 1_201);
    for id in [delayed, waiting[0], waiting[1_199]] {
        assert_eq!(desk.job(id).await.state, JobState::Cancelled);
    }
    assert_eq!(desk.job(running).await.state, JobState::Running);
    assert_eq!(desk.settle(leases[0].token, Outcome::GivenBack).await, Settled::Stored);
    let lease = desk.claim_one(Stage::Hash).await;
    assert_eq!(lease.token.job, running, "what ran may run again");
    desk.settle(lease.token, hashed()).await;
    let job = desk.job(running).await;
    assert_eq!((job.state, job.request.queue), (JobState::Succeeded, queue.id));
    assert_eq!(job.target, None, "a queue that is gone names no target");
}

pub(crate) async fn a_service_opened_again_has_a_new_queue_and_its_old_jobs(world: World) {
    let desk = world.open_ready().await;
    let old = desk.finish_one().await;
    let former = desk.queue().await;
    desk.store.close_service(&bucket()).await.expect("the service closes");
    desk.store.open_service(&bucket()).await.expect("the service opens");
    assert_ne!(desk.queue().await.id, former.id);
    let new = desk.submit_one().await;
    assert_eq!(desk.list(&[]).await, [old, new]);
    let refused = desk.store.put_queue(former).await.expect_err("a queue of a closed service is gone");
    assert_eq!(refused.kind, StoreErrorKind::Refused);
}
