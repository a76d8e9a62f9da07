//! What a store keeps that an earlier version wrote: everything.

use std::time::Duration;

use hashlane_job::{AttemptOutcome, Delivery, DeliveryState, JobId, Outcome, Stage, Timestamp};
use hashlane_store::{DeliveryQuery, JobStore, Replayed};
use rusqlite::Connection;

use crate::conformance::world::{BEGIN, Desk, World, bucket, reply};

/// A store as version 1 left it: an open service, and three failed jobs whose callbacks are given up, delivered, and to be
/// sent again.
const VERSION_1: &str = "
    pragma application_id = 1752393836;
    pragma user_version = 1;
    insert into bucket (number, name, service_created_ms) values (1, 'first-1250000000', 1700000000000);
    insert into queue (
      number, id, bucket, created_ms, open, name, paused, waiting_max, running_max, notify_on, notify_task_finish,
      notify_workflow_finish, notify_format, updated_ms
    ) values (1, 'p12345678901240008000000000000001', 1, 1700000000000, 1, 'q', 0, 10, 10, 0, 0, 0, 'xml', 1700000000000);
    insert into job (
      bucket, id, queue, key, algorithm, algorithm_as_given, add_to_header, level, callback, state, started_ms, ended_ms,
      error_code, error_message, target, target_format, delivery, delivery_attempts, delivery_said, delivery_ms
    ) values
      (1, ?1, 1, 'k', 'md5', 'MD5', 0, 0, 'url:http://receiver/', 'failed', 1700000000000, 1700000000000,
        'not-found', 'gone', 'url:http://receiver/', 'xml', 'failed', 10, '500 Oops', 1700000000500),
      (1, ?2, 1, 'k', 'md5', 'MD5', 0, 0, 'url:http://receiver/', 'failed', 1700000000000, 1700000000000,
        'not-found', 'gone', 'url:http://receiver/', 'xml', 'delivered', 1, '200 OK', 1700000000500),
      (1, ?3, 1, 'k', 'md5', 'MD5', 0, 0, 'url:http://receiver/', 'failed', 1700000000000, 1700000000000,
        'not-found', 'gone', 'url:http://receiver/', 'xml', 'due', 0, null, null);
    insert into live (id, bucket, queue, level, stage, due_ms, attempts, last_said, last_ms)
    values (?3, 1, 1, 0, 'deliver', 1700000000900, 2, '503 Later', 1700000000600);
    update total set jobs = 3 where state = 'failed';";

fn write_version_1(connection: &Connection, ids: &[JobId; 3]) {
    connection.execute_batch(include_str!("../../src/sqlite/schema/0001.sql")).expect("the schema of version 1");
    let mut sql = VERSION_1.to_owned();
    for (number, id) in (1..).zip(ids) {
        let hex: String = id.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        sql = sql.replace(&format!("?{number}"), &format!("x'{hex}'"));
    }
    connection.execute_batch(&sql).expect("the rows of version 1");
}

/// Failure rule A23.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_version_1_opens_and_its_callbacks_are_listed_replayed_and_delivered() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let path = folder.path().join("jobs.db");
    let url = format!("sqlite:{}", path.display());
    let world = World::new(url.clone(), folder, crate::files::image);
    let ids = [world.ids.next(BEGIN), world.ids.next(BEGIN), world.ids.next(BEGIN)];
    write_version_1(&Connection::open(&path).expect("the file opens"), &ids);
    assert_eq!(JobStore::migrate(&url).await.map(|(from, _)| from), Ok(1));

    world.pass(Duration::from_secs(1));
    let desk = Desk { world: &world, store: world.open().await };
    let [failed, delivered, due] = ids;
    let counts = desk.counts().await;
    assert_eq!((counts.failed, counts.deliveries_due, counts.deliveries_failed), (3, 1, 1));
    let given_up = Delivery {
        state: DeliveryState::Failed,
        attempts: 10,
        last: Some("500 Oops".into()),
        last_time: Some(Timestamp::from_unix_millis(1_700_000_000_500)),
    };
    assert_eq!(desk.job(failed).await.delivery, given_up);
    let query =
        |state| DeliveryQuery { state, bucket: None, created_from: None, created_to: None, after: None, limit: 10 };
    for (state, id) in
        [(DeliveryState::Failed, failed), (DeliveryState::Delivered, delivered), (DeliveryState::Due, due)]
    {
        let page = desk.store.list_deliveries(query(state)).await.expect("deliveries are listed");
        assert_eq!(page.deliveries.iter().map(|it| it.job.request.id).collect::<Vec<_>>(), [id]);
    }

    let lease = desk.claim_one(Stage::Deliver).await;
    assert_eq!((lease.token.job, lease.attempt), (due, 3));
    desk.settle(lease.token, Outcome::Delivered(reply("200 OK"))).await;
    let record = desk.store.delivery_record(&bucket(), due).await.expect("it is read").expect("it exists");
    let shown: Vec<_> = record.attempts.iter().map(|it| (it.number, it.outcome, it.took.is_some())).collect();
    assert_eq!(shown, [(2, AttemptOutcome::Retried, false), (3, AttemptOutcome::Delivered, true)]);

    let replayed = desk.store.replay(vec![(bucket(), failed)], None).await;
    assert_eq!(replayed, Ok(vec![Replayed::Due]));
    assert_eq!(desk.claim_one(Stage::Deliver).await.attempt, 1);
    let record = desk.store.delivery_record(&bucket(), failed).await.expect("it is read").expect("it exists");
    assert_eq!((record.attempts[0].number, record.attempts[0].said.as_str()), (10, "500 Oops"));
}
