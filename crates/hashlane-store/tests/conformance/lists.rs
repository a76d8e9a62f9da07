//! Promises about lists.

use std::time::Duration;

use hashlane_job::{JobId, JobState, NewJob, Outcome, Queue, QueueId, Stage};
use hashlane_store::{ListQuery, ListState};

use super::world::{BEGIN, LEASE, World, again, broken, bucket, bucket_named, hashed, whole_list};

pub(crate) async fn a_list_holds_every_job_of_the_bucket_in_order_of_creation(world: World) {
    let desk = world.open_ready().await;
    let other = bucket_named("other");
    desk.store.open_service(&other).await.expect("the service opens");
    desk.submit_many(&other, 3).await;
    let mut ids = desk.submit_many(&bucket(), 5).await;
    assert_eq!(desk.list(&[]).await, ids);
    let page = desk.page(ListQuery { newest_first: true, ..whole_list() }).await;
    ids.reverse();
    assert_eq!(page.jobs.iter().map(|job| job.request.id).collect::<Vec<_>>(), ids);
    let page = desk.page(ListQuery { bucket: bucket_named("unknown"), ..whole_list() }).await;
    assert!(page.jobs.is_empty());
}

pub(crate) async fn each_state_lists_exactly_its_jobs(world: World) {
    let desk = world.open_ready().await;
    let succeeded = desk.finish_one().await;
    desk.submit_one().await;
    let failed = desk.claim_one(Stage::Hash).await;
    desk.settle(failed.token, Outcome::Failed(broken())).await;
    let cancelled = desk.submit_one().await;
    desk.store.cancel(&bucket(), cancelled).await.expect("the job is cancelled");
    let lapsed = desk.submit_one().await;
    desk.claim_one(Stage::Hash).await;
    world.pass(LEASE);
    // Claiming would take the lapsed job over, so that from here on only what is submitted last may be claimed.
    let delayed = desk.submit(NewJob { level: 2, ..desk.draft().await }).await;
    let leases = desk.store.claim(Stage::Hash, 1, LEASE).await.expect("the store is claimed from").leases;
    assert_eq!(leases[0].token.job, delayed);
    desk.settle(leases[0].token, again(10)).await;
    let running = desk.submit(NewJob { level: 2, ..desk.draft().await }).await;
    assert_eq!(desk.claim_ids(1).await, [running]);
    let ready = desk.submit(NewJob { level: 1, ..desk.draft().await }).await;

    let is = ListState::Is;
    let waiting = vec![lapsed, delayed, ready];
    for (states, expected) in [
        (vec![is(JobState::Succeeded)], vec![succeeded]),
        (vec![is(JobState::Failed)], vec![failed.token.job]),
        (vec![is(JobState::Cancelled)], vec![cancelled]),
        (vec![is(JobState::Running)], vec![running]),
        (vec![is(JobState::Waiting)], waiting.clone()),
        (vec![ListState::Paused], vec![]),
        (vec![is(JobState::Running), is(JobState::Succeeded)], vec![succeeded, running]),
    ] {
        assert_eq!(desk.list(&states).await, expected, "{states:?}");
    }
    let queue = Queue { paused: true, ..desk.queue().await };
    desk.store.put_queue(queue).await.expect("the queue is put");
    assert_eq!(desk.list(&[is(JobState::Waiting)]).await, []);
    assert_eq!(desk.list(&[ListState::Paused]).await, waiting);
    assert_eq!(desk.list(&[is(JobState::Running)]).await, [running]);
}

pub(crate) async fn paging_meets_every_job_once_while_jobs_come_and_end(world: World) {
    let desk = world.open_ready().await;
    let ids = desk.submit_many(&bucket(), 25).await;
    for newest_first in [false, true] {
        for states in [vec![], vec![ListState::Is(JobState::Waiting), ListState::Is(JobState::Succeeded)]] {
            let mut met: Vec<JobId> = Vec::new();
            let mut after = None;
            loop {
                let query = ListQuery { states: states.clone(), newest_first, after, limit: 4, ..whole_list() };
                let page = desk.page(query).await;
                assert!(page.jobs.len() <= 4);
                met.extend(page.jobs.iter().map(|job| job.request.id));
                // Between two pages a job comes, and one that was met or is still to come ends.
                desk.submit_one().await;
                let lease = desk.claim(Stage::Hash, 1).await.remove(0);
                desk.settle(lease.token, hashed()).await;
                after = page.next_after;
                if after.is_none() {
                    break;
                }
            }
            if newest_first {
                met.reverse();
            }
            assert!(met.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
            assert!(ids.iter().all(|id| met.contains(id)), "none is missing");
        }
    }
}

pub(crate) async fn a_list_is_bounded_by_creation_time_to_the_millisecond(world: World) {
    let desk = world.open_ready().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(desk.submit_one().await);
        world.pass(Duration::from_millis(1));
    }
    let at = |millis| Some(BEGIN.plus(Duration::from_millis(millis)));
    for states in [vec![], vec![ListState::Is(JobState::Waiting)]] {
        let query = ListQuery { created_from: at(1), created_to: at(3), states, ..whole_list() };
        let page = desk.page(query).await;
        assert_eq!(page.jobs.iter().map(|job| job.request.id).collect::<Vec<_>>(), ids[1..=3]);
    }
}

pub(crate) async fn a_list_of_one_queue_holds_only_its_jobs(world: World) {
    let desk = world.open_ready().await;
    let first = desk.queue().await;
    let second = Queue { id: QueueId::random(), name: "second".into(), ..first.clone() };
    desk.store.put_queue(second.clone()).await.expect("the queue is put");
    let mut ids = Vec::new();
    for queue in [first.id, second.id, first.id, second.id] {
        ids.push(desk.submit(NewJob { queue, ..desk.draft().await }).await);
    }
    for (queue, expected) in [(first.id, [ids[0], ids[2]]), (second.id, [ids[1], ids[3]])] {
        let page = desk.page(ListQuery { queue: Some(queue), ..whole_list() }).await;
        assert_eq!(page.jobs.iter().map(|job| job.request.id).collect::<Vec<_>>(), expected);
    }
    assert_eq!(desk.list(&[ListState::Is(JobState::Waiting)]).await, ids, "queues are merged in order of creation");
    let page = desk.page(ListQuery { queue: Some(QueueId::random()), ..whole_list() }).await;
    assert!(page.jobs.is_empty());
}
