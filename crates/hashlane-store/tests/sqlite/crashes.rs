//! The crash points of docs/store.md that are about files: what is seen when a machine dies in the middle of a step.

use std::fs;

use hashlane_job::{JobState, Stage};
use hashlane_store::JobStore;
use rusqlite::Connection;

use crate::conformance::world::{Desk, bucket, hashed};
use crate::files::{Files, log, url};

/// Every migration, as the store applies them.
const MIGRATIONS: [&str; 6] = [
    include_str!("../../src/sqlite/schema/0001.sql"),
    include_str!("../../src/sqlite/schema/0002.sql"),
    include_str!("../../src/sqlite/schema/0003.sql"),
    include_str!("../../src/sqlite/schema/0004.sql"),
    include_str!("../../src/sqlite/schema/0005.sql"),
    include_str!("../../src/sqlite/schema/0006.sql"),
];
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"hshl");

/// A file with the first `version` migrations, in the mode of a store.
fn store_of_version(files: &Files, version: usize) -> Connection {
    let connection = files.connect();
    connection.pragma_update(None, "auto_vacuum", "incremental").expect("the file is empty");
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).expect("it gets a log");
    if version > 0 {
        MIGRATIONS[..version].iter().for_each(|sql| connection.execute_batch(sql).expect("an old migration"));
        connection.pragma_update(None, "application_id", APPLICATION_ID).expect("it is ours");
        connection.pragma_update(None, "user_version", version as u32).expect("it has a version");
    }
    connection
}

/// Failure rule A23.
/// Crash point K15.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_cut_anywhere_is_made_whole_at_the_next_open() {
    let newest = {
        let files = Files::new();
        JobStore::migrate(&url(&files.path())).await.expect("a new store").1
    };
    assert_eq!(MIGRATIONS.len() as u32, newest, "every migration is cut below");
    for (from, migration) in MIGRATIONS.iter().enumerate() {
        let files = Files::new();
        let connection = store_of_version(&files, from);
        // Every page goes to the log before the commit, as in a migration that is larger than memory.
        connection.execute_batch("pragma cache_size = 1; begin immediate").expect("a transaction opens");
        connection.execute_batch(migration).expect("the migration runs");
        connection.execute_batch("create table spilled (bytes blob)").expect("a table is made");
        connection.execute("insert into spilled values (zeroblob(1000000))", []).expect("it is written");
        let uncommitted = files.image();
        assert!(fs::metadata(log(&uncommitted)).expect("the log is there").len() > 1_000_000, "it was in the middle");
        connection.execute_batch("drop table spilled").expect("the table is dropped");
        connection.pragma_update(None, "application_id", APPLICATION_ID).expect("it is ours");
        connection.pragma_update(None, "user_version", from as u32 + 1).expect("it has a version");
        connection.execute_batch("commit").expect("it is committed");
        let committed = files.image();

        for (image, version) in [(uncommitted, from as u32), (committed, from as u32 + 1)] {
            assert_eq!(JobStore::migrate(&url(&image.path())).await, Ok((version, newest)));
            let world = image.world();
            let desk = world.open_ready().await;
            desk.finish_one().await;
            desk.store.close().await;
            let told = JobStore::check(&url(&image.path()), |line| panic!("{line}")).await.expect("it is checked");
            assert_eq!(told.jobs, 1);
        }
    }
}

/// A checkpoint copies pages of the log into the database, in any order, and the log stays whole until all are there.
///
/// Crash point K16.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_checkpoint_change_nothing() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    let mut finished = desk.submit_many(&bucket(), 300).await;
    for lease in desk.claim(Stage::Hash, 300).await {
        desk.settle(lease.token, hashed()).await;
    }
    let before = files.image();
    // Closing copies the whole log.
    desk.store.close().await;
    let after = fs::read(files.path()).expect("the database is read");
    finished.sort();

    const PAGE: usize = 4096;
    for part in 0..8 {
        let image = before.image();
        let mut mixed = fs::read(image.path()).expect("the database is read");
        mixed.resize(after.len(), 0);
        for (number, page) in after.chunks(PAGE).enumerate() {
            // Each part is another half of the pages; the first is none, the second all.
            let is_copied = match part {
                0 => false,
                1 => true,
                seed => (number * 2_654_435_761) >> seed & 1 == 1,
            };
            if is_copied {
                mixed[number * PAGE..][..page.len()].copy_from_slice(page);
            }
        }
        fs::write(image.path(), mixed).expect("the database is written");
        let world = image.world();
        let desk = Desk { world: &world, store: world.open().await };
        let jobs = desk.store.get(&bucket(), &finished).await.expect("the jobs are read");
        assert_eq!(jobs.iter().filter(|job| job.state == JobState::Succeeded).count(), 300, "part {part}");
        desk.finish_one().await;
        desk.store.close().await;
        JobStore::check(&url(&image.path()), move |line| panic!("part {part}: {line}")).await.expect("it is checked");
    }
}

/// Crash point K13.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_closing_was_cut_is_closed_and_what_still_waits_runs_to_its_end() {
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    let jobs = 3_000;
    desk.submit_many(&bucket(), jobs).await;
    let closing = tokio::spawn({
        let store = desk.store.clone();
        async move { store.close_service(&bucket()).await }
    });
    while desk.counts().await.cancelled == 0 {
        tokio::task::yield_now().await;
    }
    let image = files.image();
    assert_eq!(closing.await.expect("it ran"), Ok(true));

    let world = image.world();
    let desk = Desk { world: &world, store: world.open().await };
    assert_eq!(desk.store.services().await, Ok(vec![]));
    let counts = desk.counts().await;
    assert!(counts.cancelled > 0);
    assert_eq!(counts.cancelled + counts.waiting, jobs as u64);
    for lease in desk.claim(Stage::Hash, jobs).await {
        desk.settle(lease.token, hashed()).await;
    }
    assert_eq!(desk.counts().await.succeeded, counts.waiting);
}
