//! The plans of the SQLite backend: no verb scans, whatever the planner learns about the data.
//!
//! A queue on PostgreSQL once claimed 0.2 to 2 s because the planner preferred the primary key to a fitting index, and walked
//! over every finished job. Here each statement's plan is looked at in a store of many finished jobs, without and with ANALYZE.

use std::sync::Arc;

use hashlane_job::{ManualClock, Timestamp};
use hashlane_store::{JobStore, QueueDefaults, StoreOptions};
use rusqlite::Connection;

/// Each statement that reads or finds rows, and what its plan must use; the words must come in this order.
const PLANS: [(&str, &str, &[&str]); 36] = [
    ("claim", include_str!("../../src/sqlite/claim.sql"), &["SEARCH live USING INDEX live_ready (queue=?)"]),
    (
        "claim_due",
        include_str!("../../src/sqlite/claim_due.sql"),
        &["SEARCH live USING INDEX live_due (stage=? AND due_ms>? AND due_ms<?)"],
    ),
    (
        "claim_next",
        include_str!("../../src/sqlite/claim_next.sql"),
        &["SEARCH live USING COVERING INDEX live_due (stage=? AND due_ms>?)"],
    ),
    (
        "overdue",
        include_str!("../../src/sqlite/overdue.sql"),
        &["SEARCH live USING COVERING INDEX live_due (stage=? AND due_ms>? AND due_ms<?)"],
    ),
    ("claim_suspect", include_str!("../../src/sqlite/claim_suspect.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    (
        "recall",
        include_str!("../../src/sqlite/recall.sql"),
        &["SEARCH job USING COVERING INDEX job_version (version=?)"],
    ),
    ("cleared", include_str!("../../src/sqlite/cleared.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    ("claim_ready", include_str!("../../src/sqlite/claim_ready.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    ("claim_lease", include_str!("../../src/sqlite/claim_lease.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    ("claim_defer", include_str!("../../src/sqlite/claim_defer.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    ("renew", include_str!("../../src/sqlite/renew.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    ("settle_held", include_str!("../../src/sqlite/settle_held.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    ("settle_request", include_str!("../../src/sqlite/settle_request.sql"), &["SEARCH job USING PRIMARY KEY"]),
    ("settle_end", include_str!("../../src/sqlite/settle_end.sql"), &["SEARCH job USING PRIMARY KEY"]),
    ("settle_leave", include_str!("../../src/sqlite/settle_leave.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    (
        "settle_deliver_again",
        include_str!("../../src/sqlite/settle_deliver_again.sql"),
        &["SEARCH live USING PRIMARY KEY (id=?)", "SEARCH job USING PRIMARY KEY"],
    ),
    ("settle_delivery", include_str!("../../src/sqlite/settle_delivery.sql"), &["SEARCH job USING PRIMARY KEY"]),
    ("cancel", include_str!("../../src/sqlite/cancel.sql"), &["SEARCH job USING PRIMARY KEY"]),
    (
        "cancel_find",
        include_str!("../../src/sqlite/cancel_find.sql"),
        &["SEARCH job USING PRIMARY KEY (bucket=? AND id=?)", "SEARCH live USING PRIMARY KEY (id=?)"],
    ),
    (
        "get",
        include_str!("../../src/sqlite/get.sql"),
        &[
            "SEARCH job USING PRIMARY KEY (bucket=? AND id=?)",
            "SEARCH queue USING INTEGER PRIMARY KEY",
            "SEARCH live USING PRIMARY KEY (id=?)",
        ],
    ),
    (
        "list_all_asc",
        include_str!("../../src/sqlite/list_all_asc.sql"),
        &["SEARCH job USING PRIMARY KEY (bucket=? AND id>? AND id<?)"],
    ),
    (
        "list_all_desc",
        include_str!("../../src/sqlite/list_all_desc.sql"),
        &["SEARCH job USING PRIMARY KEY (bucket=? AND id>? AND id<?)"],
    ),
    (
        "list_ended_desc",
        include_str!("../../src/sqlite/list_ended_desc.sql"),
        &["USING INDEX job_ended (queue=? AND state=? AND id>? AND id<?)"],
    ),
    (
        "list_ready_asc",
        include_str!("../../src/sqlite/list_ready_asc.sql"),
        &["USING INDEX live_ready (queue=? AND level=? AND id>? AND id<?)"],
    ),
    (
        "list_held",
        include_str!("../../src/sqlite/list_held.sql"),
        &["SEARCH live USING COVERING INDEX live_due (stage=? AND due_ms>?)"],
    ),
    (
        "prune",
        include_str!("../../src/sqlite/prune.sql"),
        &["SEARCH job USING INDEX job_ended (queue=? AND state=? AND id<?)"],
    ),
    (
        "prune_job",
        include_str!("../../src/sqlite/prune_job.sql"),
        &["SEARCH job USING PRIMARY KEY (bucket=? AND id=?)"],
    ),
    (
        "claim_due_last",
        include_str!("../../src/sqlite/claim_due_last.sql"),
        &["SEARCH live USING INDEX live_due (stage=? AND due_ms>? AND due_ms<?)"],
    ),
    ("settle_past", include_str!("../../src/sqlite/settle_past.sql"), &["SEARCH live USING PRIMARY KEY (id=?)"]),
    (
        "settle_postponed",
        include_str!("../../src/sqlite/settle_postponed.sql"),
        &["SEARCH live USING PRIMARY KEY (id=?)"],
    ),
    (
        "delivery_record",
        include_str!("../../src/sqlite/delivery_record.sql"),
        &["SEARCH job USING PRIMARY KEY (bucket=? AND id=?)", "SEARCH live USING PRIMARY KEY (id=?)"],
    ),
    (
        "list_deliveries_failed",
        include_str!("../../src/sqlite/list_deliveries_failed.sql"),
        &["SEARCH job USING COVERING INDEX job_undelivered (id>? AND id<?)"],
    ),
    (
        "list_deliveries_delivered",
        include_str!("../../src/sqlite/list_deliveries_delivered.sql"),
        &["SEARCH job USING PRIMARY KEY (bucket=? AND id>? AND id<?)"],
    ),
    (
        "replay_find",
        include_str!("../../src/sqlite/replay_find.sql"),
        &["SEARCH job USING PRIMARY KEY (bucket=? AND id=?)"],
    ),
    ("replay", include_str!("../../src/sqlite/replay.sql"), &["SEARCH job USING PRIMARY KEY (bucket=? AND id=?)"]),
    (
        "close_waiting",
        include_str!("../../src/sqlite/close_waiting.sql"),
        &[
            "SEARCH live USING INDEX live_ready (queue=?)",
            "SEARCH live USING COVERING INDEX live_due (stage=? AND due_ms>?)",
        ],
    ),
];

const FINISHED: &str = "
    insert into bucket (number, name, service_created_ms) values (1, 'first-1250000000', 0);
    with recursive n (n) as (select 1 union all select n + 1 from n where n < 50000)
    insert into job (
      bucket, id, queue, key, algorithm, algorithm_as_given, add_to_header, level, state, progress, started_ms,
      ended_ms, size_bytes, etag, modified_ms, digest, checksum
    )
    select 1, unhex(format('%032x', n)), 1, 'key', 'md5', 'MD5', 0, 0, 'succeeded', 100, n, n, 1, '\"e\"', n, x'00', 1
    from n;
    with recursive n (n) as (select 50001 union all select n + 1 from n where n < 50100)
    insert into live (id, bucket, queue, level, stage, due_ms, secret, started_ms)
    select unhex(format('%032x', n)), 1, 1, n % 3, 'hash', iif(n % 2, n, null), iif(n % 4 = 1, n, null),
      iif(n % 4 = 1, n, null)
    from n;";

/// Failure rule A18.
#[tokio::test]
async fn no_verb_scans_in_a_store_of_many_finished_jobs_before_and_after_analyze() {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let path = folder.path().join("jobs.db");
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(1_700_000_000)));
    let queue_defaults = QueueDefaults { jobs_waiting_max: 10, jobs_running_max: 10 };
    let options = StoreOptions {
        wall: clock.clone(),
        steady: clock,
        queue_defaults,
        submit_twice_window: std::time::Duration::ZERO,
    };
    JobStore::open(&format!("sqlite:{}", path.display()), options).await.expect("the store opens").close().await;

    let connection = Connection::open(&path).expect("the file opens");
    connection.execute_batch(FINISHED).expect("finished jobs are inserted");
    assert_plans(&connection);
    connection.execute_batch("analyze").expect("the planner learns");
    assert_plans(&connection);
}

fn assert_plans(connection: &Connection) {
    let mut faults = String::new();
    for (verb, sql, expected) in PLANS {
        let plan = plan(connection, sql);
        let mut rest = Some(plan.as_str());
        for step in expected {
            rest = rest.and_then(|rest| Some(rest.split_once(step)?.1));
        }
        if rest.is_none() || plan.contains("SCAN") || plan.contains("TEMP B-TREE") {
            faults += &format!("{verb} should use {expected:?}, scan nothing and sort nothing, but:\n{plan}\n");
        }
    }
    assert_eq!(faults, "");

    // Two statements stand apart: one sorts, but only rows that are due in the same millisecond; one counts a whole index,
    // once when a store is opened, which holds nothing but what is counted.
    let due = plan(connection, include_str!("../../src/sqlite/list_deliveries_due.sql"));
    assert_eq!(
        due,
        "SEARCH live USING INDEX live_due (stage=? AND due_ms>?)\nUSE TEMP B-TREE FOR LAST TERM OF ORDER BY\n"
    );
    let undelivered = plan(connection, include_str!("../../src/sqlite/open_undelivered.sql"));
    assert_eq!(undelivered, "SCAN job USING COVERING INDEX job_undelivered\n");
}

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("explain query plan {sql}")).expect("the statement is prepared");
    let parameters = vec![1; statement.parameter_count()];
    let steps = statement
        .query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3))
        .expect("the statement is explained");
    steps.map(|step| step.expect("a step is read") + "\n").collect()
}
