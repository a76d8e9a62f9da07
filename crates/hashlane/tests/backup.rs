//! `hashlane backup` and `hashlane check`: a restored backup serves what the store held.

mod support;

use std::fs;

use support::{Server, hashlane, run, stderr, stdout};

#[test]
fn a_backup_of_a_running_server_restores_to_what_was_answered_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--admin", "off"]);
    let objects = folder.path().join("hashlane-data/buckets/local-1250000000");
    fs::write(objects.join("a.txt"), "abc").expect("an object");
    let submitted = stdout(&run(folder.path(), &["job", "submit", "--algo", "md5", "a.txt"]));
    let id = submitted.trim();
    run(folder.path(), &["job", "wait", id]);

    let output = run(folder.path(), &["backup", "copy.db"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let again = run(folder.path(), &["backup", "copy.db"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("exists already"), "{}", stderr(&again));
    for args in [&["check"] as &[&str], &["check", "copy.db"]] {
        let output = run(folder.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).starts_with("fine: 1 jobs"), "{}", stdout(&output));
    }
    drop(server);

    let data = folder.path().join("hashlane-data");
    for name in ["hashlane.db", "hashlane.db-wal", "hashlane.db-shm"] {
        let _ = fs::remove_file(data.join(name));
    }
    fs::copy(folder.path().join("copy.db"), data.join("hashlane.db")).expect("restored");
    let _server = Server::start(folder.path(), &["--admin", "off"]);
    let job = stdout(&run(folder.path(), &["job", "get", "--json", id]));
    assert!(job.contains("900150983cd24fb0d6963f7d28e17f72"), "{job}");
}

#[test]
fn a_check_of_what_is_not_there_or_is_no_store_ends_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("text"), "no store, but long enough to be read as one ".repeat(30)).expect("a file");
    for args in [&["check", "missing.db"] as &[&str], &["check", "text"], &["check"], &["backup", "copy.db"]] {
        let output = hashlane(folder.path()).args(args).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}{}", stdout(&output), stderr(&output));
    }
    assert!(!folder.path().join("copy.db").exists());
    assert!(!folder.path().join("missing.db").exists());
}
