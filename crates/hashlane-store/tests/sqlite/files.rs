//! What the SQLite backend promises of its files: schema versions, what survives a cut, damage, and size.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hashlane_job::{BucketName, CallbackAddress, CallbackRequest, JobId, JobState, NewJob, Outcome, Stage};
use hashlane_store::{JobStore, StoreErrorKind};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::conformance::world::{BEGIN, Desk, World, broken, bucket, hashed, reply};

pub(crate) struct Files {
    pub(crate) folder: TempDir,
}

impl Files {
    pub(crate) fn new() -> Files {
        Files { folder: tempfile::tempdir().expect("a temporary folder is made") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("jobs.db")
    }

    pub(crate) fn world(&self) -> World {
        World::new(url(&self.path()), (), image)
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.path()).expect("the file opens")
    }

    /// What a dead machine would leave: the files as they are now, while the store is open.
    pub(crate) fn image(&self) -> Files {
        copy_files(self.folder.path())
    }
}

/// What a process leaves that is killed now, of the store at a URL.
pub(crate) fn image(store: &str) -> (String, Box<dyn Any + Send + Sync>) {
    let path = PathBuf::from(store.strip_prefix("sqlite:").expect("a URL of a file"));
    let folder = path.parent().expect("a file in a folder");
    let copy = copy_files(folder);
    (url(&copy.path()), Box::new(copy))
}

fn copy_files(folder: &Path) -> Files {
    let image = Files::new();
    for name in ["jobs.db", "jobs.db-wal"] {
        std::fs::copy(folder.join(name), image.folder.path().join(name)).expect("the file is copied");
    }
    image
}

pub(crate) fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[tokio::test]
async fn migrate_makes_a_store_and_says_from_and_to_which_version() {
    let files = Files::new();
    let url = url(&files.path());
    let Ok((0, newest)) = JobStore::migrate(&url).await else { panic!("a new store") };
    assert_eq!(JobStore::migrate(&url).await, Ok((newest, newest)));
    files.world().open_ready().await.submit_one().await;
}

/// Failure rule A23: what an older version wrote is read and worked on.
#[tokio::test]
async fn a_store_of_schema_1_opens_with_every_job_and_goes_on() {
    let files = Files::new();
    let old = files.connect();
    old.execute_batch(include_str!("../../src/sqlite/schema/0001.sql")).expect("the old schema is made");
    old.execute_batch(include_str!("old/1.sql")).expect("the old rows are written");
    old.pragma_update(None, "application_id", i32::from_be_bytes(*b"hshl")).expect("it is ours");
    old.pragma_update(None, "user_version", 1).expect("it is of version 1");
    drop(old);

    let world = files.world();
    let desk = Desk { store: world.open().await, world: &world };
    let photos = BucketName::parse("photos-1250000000").expect("a bucket name");
    let ids: Vec<JobId> =
        (1..=5).map(|n| JobId::from_bytes((0x01ee_82c3_d1e1_b800_8000_u128 << 48 | n).to_be_bytes())).collect();
    let jobs = desk.store.get(&photos, &ids).await.expect("the jobs are read");
    let states: Vec<JobState> = jobs.iter().map(|job| job.state).collect();
    use JobState::{Cancelled, Failed, Succeeded, Waiting};
    assert_eq!(states, [Waiting, Waiting, Succeeded, Failed, Cancelled], "the lease of the dead is released");
    let facts = jobs[2].facts.as_ref().expect("a result");
    assert_eq!(facts.digests[0].to_string(), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(jobs[3].delivery.attempts, 1);
    assert_eq!(jobs[0].request.submitter, None, "it was not kept then");

    let suspect = desk.claim_one(Stage::Hash).await;
    assert_eq!(suspect.token.job, ids[1], "what was leased is run alone");
    assert_eq!(suspect.attempt, 2, "attempts are remembered");
    desk.renew_with(suspect.token, 50, Some("so far")).await;
    assert_eq!(desk.claim_one(Stage::Hash).await.token.job, ids[0]);
    assert_eq!(desk.claim(Stage::Deliver, 10).await.len(), 1, "the callback is still due");
    desk.store.close().await;
    let told = JobStore::check(&url(&files.path()), |line| panic!("{line}")).await.expect("it is checked");
    assert_eq!(told.jobs, 5);
}
/// Failure rule A23.
#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_untouched() {
    let files = Files::new();
    files.world().open().await.close().await;
    files.connect().pragma_update(None, "user_version", 1_000).expect("the version is raised");
    let before = std::fs::read(files.path()).expect("the file is read");
    let error = JobStore::open(&url(&files.path()), files.world().options()).await.expect_err("it is too new");
    assert_eq!(error.kind, StoreErrorKind::TooNew);
    assert!(error.message.contains("schema 1000"), "{error}");
    assert_eq!(std::fs::read(files.path()).expect("the file is read"), before);
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_left_untouched() {
    let files = Files::new();
    files.connect().execute_batch("create table recipe (name text)").expect("a table is made");
    let before = std::fs::read(files.path()).expect("the file is read");
    let error = JobStore::open(&url(&files.path()), files.world().options()).await.expect_err("it is not ours");
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert_eq!(std::fs::read(files.path()).expect("the file is read"), before);

    let text = Files::new();
    std::fs::write(text.path(), "this is no database, but it is long enough to be looked at as one".repeat(20))
        .expect("a file is written");
    let error = JobStore::open(&url(&text.path()), text.world().options()).await.expect_err("it is no database");
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn a_url_that_names_no_store_is_refused() {
    let options = Files::new().world().options();
    for url in ["", "sqlite:", "jobs.db", "postgres://localhost/jobs"] {
        let error = JobStore::open(url, options.clone()).await.expect_err("no such store");
        assert_eq!(error.kind, StoreErrorKind::Refused, "{url}");
    }
    let folder = Files::new();
    let missing = folder.folder.path().join("no/such/folder/jobs.db");
    let error = JobStore::open(&url(&missing), options).await.expect_err("the folder is missing");
    assert!(error.message.contains("no/such/folder"), "{error}");
}

/// Failure rule A1: what was answered is in the files at that moment, not in a cache that a kill takes along.
/// Crash points K2, K7.
#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_is_in_an_image_of_the_files_taken_without_closing() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    let ids = desk.submit_many(&bucket(), 1_000).await;
    let lease = desk.claim(Stage::Hash, 1).await.remove(0);
    let image = files.image();
    desk.settle(lease.token, hashed()).await;
    let later = files.image();

    for (image, state) in [(image, JobState::Waiting), (later, JobState::Succeeded)] {
        let world = image.world();
        let store = world.open().await;
        let jobs = store.get(&bucket(), &ids).await.expect("the jobs are read");
        assert_eq!(jobs.len(), 1_000);
        let desk = Desk { world: &world, store };
        assert_eq!(desk.job(lease.token.job).await.state, state);
    }
}

/// T8: a write-ahead log whose end is torn off loses whole commits from the end, never a part of one and nothing before.
/// Crash points K1, K3.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_log_loses_whole_commits_from_its_end_only() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    let mut acknowledged = Vec::new();
    for _ in 0..12 {
        let id = desk.finish_one().await;
        acknowledged.push((id, std::fs::metadata(log(&files)).expect("the log is there").len()));
    }
    let end = acknowledged[11].1;
    for cut in (0..end).step_by(20_011) {
        let image = files.image();
        let torn = std::fs::OpenOptions::new().write(true).open(log(&image)).expect("the log opens");
        torn.set_len(cut).expect("the log is cut");
        let world = image.world();
        let desk = Desk { world: &world, store: world.open().await };
        for (id, written) in &acknowledged {
            let jobs = desk.store.get(&bucket(), &[*id]).await.expect("the store reads");
            if *written <= cut {
                assert_eq!(jobs[0].state, JobState::Succeeded);
            }
        }
        let counts = desk.counts().await;
        assert_eq!(desk.list(&[]).await.len() as u64, counts.succeeded + counts.waiting, "counts belong to the jobs");
        desk.store.ping().await.expect("the store writes");
    }
}

pub(crate) fn log(files: &Files) -> PathBuf {
    files.folder.path().join("jobs.db-wal")
}

/// Failure rule A22: a flipped bit in a result is an error for that job, not a wrong digest, and stops nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_result_is_never_told_and_stops_no_other_job() {
    for column in [
        "digest = x'00000000000000000000000000000000'",
        "etag = '\"other\"'",
        "size_bytes = 7",
        "modified_ms = 7",
        "key = 'other'",
    ] {
        let files = Files::new();
        let world = files.world();
        let desk = world.open_ready().await;
        let damaged = desk.submit_with_callback().await;
        desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
        desk.store.clone().close().await;
        let changed = files.connect().execute(&format!("update job set {column}"), []).expect("the row is damaged");
        assert_eq!(changed, 1);

        let desk = world.open_ready().await;
        let error = desk.store.get(&bucket(), &[damaged]).await.expect_err("the result is damaged");
        assert_eq!(error.kind, StoreErrorKind::DamagedJob(damaged));
        let healthy = desk.submit_with_callback().await;
        assert_eq!(desk.list(&[]).await, [healthy], "it hides no other job from a list");
        desk.settle(desk.claim_one(Stage::Hash).await.token, hashed()).await;
        assert_eq!(desk.claim_one(Stage::Deliver).await.token.job, healthy);
        assert_eq!(desk.job(healthy).await.state, JobState::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_itself_refuses_what_the_state_machine_does_not_have() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    desk.finish_one().await;
    desk.submit_one().await;
    desk.settle(desk.claim_one(Stage::Hash).await.token, Outcome::Failed(broken())).await;
    desk.submit_one().await;
    desk.claim_one(Stage::Hash).await;
    desk.submit_one().await;
    desk.store.clone().close().await;

    let connection = files.connect();
    for change in [
        "job set ended_ms = null where state = 'succeeded'",
        "job set ended_ms = 1 where state = 'open'",
        "job set ended_ms = started_ms - 1 where state = 'succeeded'",
        "job set digest = null where state = 'succeeded'",
        "job set etag = null where state = 'succeeded'",
        "job set checksum = null where state = 'succeeded'",
        "job set state = 'succeeded' where state = 'failed'",
        "job set error_code = null where state = 'failed'",
        "job set error_message = null where state = 'failed'",
        "job set error_code = 'internal', error_message = '' where state = 'succeeded'",
        "job set progress = 100 where state = 'failed'",
        "job set state = 'running' where state = 'open'",
        "job set delivery = 'due' where state = 'succeeded'",
        "job set target = 'url:http://host/' where state = 'succeeded'",
        "job set level = 3",
        "job set size_bytes = -1 where state = 'succeeded'",
        "live set secret = null, due_ms = null, stage = 'deliver'",
        "live set secret = 1, due_ms = null",
        "live set secret = 1, due_ms = 1, started_ms = null",
        "live set progress = 100",
        "live set stage = 'sleep'",
        "live set last_code = 'internal'",
        "queue set paused = 1, open = 0",
        "total set jobs = -1",
        "job set size_bytes = 'many' where state = 'succeeded'",
    ] {
        let error = connection.execute(&format!("update {change}"), []).expect_err(change);
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation), "{change}");
    }
}

/// The aim is under 500 bytes, with a key of some 30 bytes, an ETag of 34 and no callback.
#[tokio::test(flavor = "multi_thread")]
async fn a_finished_job_takes_less_than_500_bytes() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    let jobs = 4_000;
    desk.submit_many(&bucket(), jobs).await;
    let mut tasks = tokio::task::JoinSet::new();
    for lease in desk.claim(Stage::Hash, jobs).await {
        let store = desk.store.clone();
        tasks.spawn(async move { store.settle(lease.token, hashed()).await.expect("the result is stored") });
    }
    tasks.join_all().await;
    desk.store.clone().close().await;
    let bytes = std::fs::metadata(files.path()).expect("the file is there").len();
    let each = bytes / jobs as u64;
    assert!(each < 500, "{each} bytes per finished job");
    assert!(!log(&files).exists(), "closing leaves one file");
}

/// The usual record, one attempt that was taken at once, is two small numbers in a row that is written anyway.
#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_callback_that_was_taken_at_once_takes_less_than_eight_bytes() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    let jobs = 2_000;
    for number in 0..jobs {
        // Rows of many lengths, so that it does not depend on how many of one length fit a page.
        let callback = CallbackRequest { address: CallbackAddress::Url("http://receiver/".into()), format: None };
        desk.submit(NewJob { callback, user_data: Some("x".repeat(number % 97)), ..desk.draft().await }).await;
    }
    for stage in [Stage::Hash, Stage::Deliver] {
        let mut tasks = tokio::task::JoinSet::new();
        for lease in desk.claim(stage, jobs).await {
            let store = desk.store.clone();
            let outcome = if stage == Stage::Hash { hashed() } else { Outcome::Delivered(reply("200 OK")) };
            tasks.spawn(async move { store.settle(lease.token, outcome).await.expect("the outcome is stored") });
        }
        tasks.join_all().await;
    }
    desk.store.clone().close().await;
    let connection = files.connect();
    let pages = |statement: &str| -> i64 {
        connection.execute_batch(statement).expect("the file is rewritten");
        connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("pages are counted")
    };
    let with = pages("vacuum");
    let empty = "update job set delivery_status = null, delivery_took_ms = null, delivery_log = null; vacuum";
    let without = pages(empty);
    let each = (with - without) * 4096 / i64::try_from(jobs).expect("a small number");
    assert!(each < 8, "{each} bytes for each record");
}

/// Failure rule A25: without a stop, in small steps when nobody calls.
#[tokio::test(flavor = "multi_thread")]
async fn pruned_space_is_given_back_to_the_file_system() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    for _ in 0..5 {
        desk.submit_many(&bucket(), 4_000).await;
    }
    assert_eq!(desk.store.close_service(&bucket()).await, Ok(true), "which cancels what waits");
    desk.store.open_service(&bucket()).await.expect("the service opens");
    let kept = desk.finish_one().await;
    world.pass(Duration::from_secs(60));
    desk.submit_one().await;
    desk.store.clone().close().await;
    let bytes = || std::fs::metadata(files.path()).expect("the file is there").len();
    let before = bytes();
    assert!(before > 3_000_000, "{before} bytes are enough to see it");

    let desk = world.open_ready().await;
    let now = BEGIN.plus(Duration::from_secs(60));
    while desk.store.prune(now, 500).await.expect("old jobs are pruned") > 0 {}
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while bytes() > 1_500_000 {
        assert!(std::time::Instant::now() < deadline, "{before} bytes before, {} after", bytes());
        tokio::task::yield_now().await;
    }
    assert_eq!(desk.store.get(&bucket(), &[kept]).await.expect("the store reads"), []);
    assert_eq!(desk.counts().await.waiting, 1);
    assert_eq!(desk.claim(Stage::Hash, 10).await.len(), 1, "it goes on");
    desk.store.close().await;
    JobStore::check(&url(&files.path()), |line| panic!("{line}")).await.expect("it is checked");
}

/// Failure rule A15.
#[tokio::test]
async fn the_log_is_emptied_although_workers_go_on_asking_for_work() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    desk.finish_one().await;
    let log = files.path().with_extension("db-wal");
    let bytes = || std::fs::metadata(&log).expect("the log is there").len();
    assert!(bytes() > 0);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while bytes() > 0 {
        assert!(std::time::Instant::now() < deadline, "the log still has {} bytes", bytes());
        for stage in [Stage::Hash, Stage::Deliver] {
            assert_eq!(desk.claim(stage, 10).await, [], "there is no work");
        }
    }
}

/// Failure rule A15: what is written without a pause is more than the log ever holds.
#[tokio::test]
async fn the_log_does_not_grow_with_what_is_written() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    let draft = NewJob { user_data: Some("x".repeat(1_000)), ..desk.draft().await };
    let bytes = |suffix: &str| std::fs::metadata(files.path().with_extension(suffix)).expect("a file").len();
    // 16 MiB, and what is written between two looks at it: groups of at most a hundred of these jobs.
    let bound = 24 << 20;
    for _ in 0..300 {
        let mut submits = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let job = NewJob { id: world.ids.next(BEGIN), ..draft.clone() };
            let store = desk.store.clone();
            submits.spawn(async move { store.submit(job).await.expect("the job is accepted") });
        }
        submits.join_all().await;
        assert!(bytes("db-wal") < bound, "the log has {} bytes", bytes("db-wal"));
    }
    desk.store.close().await;
    assert!(bytes("db") > bound, "{} bytes are more than the log may hold", bytes("db"));
}
