//! What is promised of backups and of the check: a copy made beside a writer is whole, and damage is found.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hashlane_job::{JobState, Outcome, Stage};
use hashlane_store::{Checked, JobStore, StoreError, StoreErrorKind};
use rusqlite::Connection;

use crate::conformance::world::{Desk, World, bucket, hashed};

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// A check, and the lines it told.
async fn check(path: &Path) -> (Result<Checked, StoreError>, Vec<String>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = lines.clone();
    let checked =
        JobStore::check(&url(path), move |line| told.lock().expect("not poisoned").push(line.to_owned())).await;
    let lines = lines.lock().expect("not poisoned").clone();
    (checked, lines)
}

/// A store with a job in every state, and one whose callback is due; it stays open.
async fn mixed(desk: &Desk<'_>) {
    desk.submit_many(&bucket(), 6).await;
    let leases = desk.claim(Stage::Hash, 3).await;
    desk.settle(leases[0].token, hashed()).await;
    desk.settle(leases[1].token, Outcome::GivenBack).await;
    let cancelled = desk.submit_one().await;
    desk.store.cancel(&bucket(), cancelled).await.expect("the job is cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_beside_a_writer_opens_and_holds_every_job_answered_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jobs.db");
    let world = World::new(url(&path), (), crate::files::image);
    let desk = world.open_ready().await;
    mixed(&desk).await;
    let ids = desk.submit_many(&bucket(), 2_000).await;

    // The writer goes on while the copy is made.
    let copy = folder.path().join("copy.db");
    let (source, bucket_name) = (url(&path), bucket());
    let (backed_up, _) = tokio::join!(JobStore::backup(&source, copy.clone()), desk.submit_many(&bucket_name, 500));
    backed_up.expect("the copy is made");

    let restored = World::new(url(&copy), (), crate::files::image);
    let (checked, lines) = check(&copy).await;
    assert_eq!(lines, [] as [&str; 0]);
    assert!(checked.expect("the copy is checked").jobs >= 2_007);
    let desk = Desk { store: restored.open().await, world: &restored };
    let jobs = desk.store.get(&bucket(), &ids).await.expect("the jobs are read");
    assert_eq!(jobs.len(), ids.len());
    assert!(jobs.iter().all(|job| job.state == JobState::Waiting));
    assert!(!desk.claim(Stage::Hash, 10).await.is_empty(), "work goes on in the copy");
}

#[tokio::test]
async fn a_backup_is_private_and_never_replaces_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jobs.db");
    let world = World::new(url(&path), (), crate::files::image);
    world.open_ready().await.submit_one().await;
    let copy = folder.path().join("copy.db");
    JobStore::backup(&url(&path), copy.clone()).await.expect("the copy is made");
    assert_eq!(std::fs::metadata(&copy).expect("it is there").permissions().mode() & 0o777, 0o600);

    let before = std::fs::read(&copy).expect("the copy is read");
    let error = JobStore::backup(&url(&path), copy.clone()).await.expect_err("it exists");
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert_eq!(std::fs::read(&copy).expect("the copy is read"), before);

    let nowhere = folder.path().join("no/such/folder/copy.db");
    let error = JobStore::backup(&url(&path), nowhere).await.expect_err("there is no such folder");
    assert!(error.message.contains("no/such/folder"), "{error}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("the folder").map(|e| e.expect("a name").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".partial")), "{left:?}");
}

#[tokio::test]
async fn what_is_no_store_of_this_version_is_neither_copied_nor_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.db");
    Connection::open(&path).and_then(|c| c.execute_batch("create table recipe (name text)")).expect("a table is made");
    let copy = folder.path().join("copy.db");
    let error = JobStore::backup(&url(&path), copy.clone()).await.expect_err("it is not ours");
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert_eq!(check(&path).await.0.expect_err("it is not ours").kind, StoreErrorKind::Refused);
    let missing = folder.path().join("missing.db");
    assert!(JobStore::backup(&url(&missing), copy.clone()).await.is_err());
    assert!(check(&missing).await.0.is_err());
    assert!(!copy.exists() && !missing.exists());
}

#[tokio::test]
async fn a_check_finds_nothing_wrong_with_a_store_in_use_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jobs.db");
    let world = World::new(url(&path), (), crate::files::image);
    let desk = world.open_ready().await;
    mixed(&desk).await;
    let before = std::fs::read(&path).expect("the file is read");
    let (checked, lines) = check(&path).await;
    assert_eq!(lines, [] as [&str; 0]);
    let checked = checked.expect("it is checked");
    assert_eq!((checked.jobs, checked.problems), (7, 0));
    assert_eq!(std::fs::read(&path).expect("the file is read"), before);
    desk.submit_one().await;
}

/// Failure rule A22: a flipped bit of a result is found, and said of which job.
#[tokio::test]
async fn a_check_names_what_is_damaged() {
    for (damage, told) in [
        ("update job set digest = zeroblob(16) where state = 'succeeded'", "checksum"),
        ("update job set size_bytes = size_bytes + 1 where state = 'succeeded'", "checksum"),
        ("update job set algorithm = 'md6' where state = 'succeeded'", "algorithm"),
        ("update job set queue = 99 where state = 'succeeded'", "its queue is missing"),
        ("delete from job where state = 'open'", "has no job"),
        ("delete from live", "its live row"),
        ("update total set jobs = 7 where state = 'succeeded'", "1 jobs succeeded, and the store remembers 7"),
        ("update live set stage = 'deliver', due_ms = 1, started_ms = null", "a callback is to be delivered"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jobs.db");
        let world = World::new(url(&path), (), crate::files::image);
        let desk = world.open_ready().await;
        mixed(&desk).await;
        desk.store.close().await;
        let connection = Connection::open(&path).expect("the file opens");
        assert!(connection.execute(damage, []).expect("the damage is done") > 0, "{damage}");
        drop(connection);
        let (checked, lines) = check(&path).await;
        assert!(lines.iter().any(|line| line.contains(told)), "{damage}: {lines:?}");
        assert_eq!(checked.expect("it is checked").problems, lines.len() as u64);
    }
}

#[tokio::test]
async fn a_check_finds_a_damaged_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jobs.db");
    let world = World::new(url(&path), (), crate::files::image);
    let desk = world.open_ready().await;
    desk.submit_many(&bucket(), 2_000).await;
    desk.store.close().await;
    let mut bytes = std::fs::read(&path).expect("the file is read");
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 512].fill(0xa5);
    std::fs::write(&path, bytes).expect("the file is written");
    let (checked, lines) = check(&path).await;
    assert!(checked.is_err() || !lines.is_empty(), "{checked:?}");
    let copy = folder.path().join("copy.db");
    JobStore::backup(&url(&path), copy.clone()).await.expect_err("a damaged store gives no backup");
    assert!(!copy.exists());
}
