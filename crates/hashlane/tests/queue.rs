//! `hashlane queue`, `job list` and `job cancel` against a running `hashlane serve`.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Server, run, stderr, stdout};

fn lines(output: &std::process::Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn queues(folder: &Path) -> Vec<Value> {
    lines(&run(folder, &["queue", "list", "--json"]))
}

fn id(queue: &Value) -> String {
    queue["queue_id"].as_str().expect("an id").to_owned()
}

fn update(folder: &Path, queue: &str, args: &[&str]) -> Value {
    let all = [&["queue", "update", queue, "--json"], args].concat();
    lines(&run(folder, &all)).remove(0)
}

#[test]
fn a_queue_is_listed_changed_and_given_bounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "127.0.0.1:0"]);
    let first = queues(folder.path()).remove(0);
    assert_eq!((&first["name"], &first["state"]), (&"queue-file-process-1".into(), &"Active".into()));
    assert_eq!((&first["max_size"], &first["max_concurrent"]), (&10_000_000.into(), &10_000.into()));
    assert_eq!(first["notify"], serde_json::json!({ "state": "Off", "format": "XML" }));
    let queue = id(&first);
    let text = run(folder.path(), &["queue", "list"]);
    assert!(stdout(&text).starts_with(&format!("{queue}  Active  10000000 waiting")), "{}", stdout(&text));

    // Each change leaves the rest as it was.
    let named = update(folder.path(), &queue, &["--name", "快"]);
    assert_eq!((&named["name"], &named["max_size"]), (&"快".into(), &10_000_000.into()));
    let bound = update(folder.path(), &queue, &["--max-size", "5", "--max-concurrent", "2"]);
    assert_eq!((&bound["name"], &bound["max_size"], &bound["max_concurrent"]), (&"快".into(), &5.into(), &2.into()));
    let told = update(folder.path(), &queue, &["--callback", "http://127.0.0.1:9/?a&b", "--callback-format", "json"]);
    let expected = serde_json::json!({
        "state": "On", "event": "TaskFinish", "type": "Url", "format": "JSON", "url": "http://127.0.0.1:9/?a&b"
    });
    assert_eq!((&told["notify"], &told["max_size"]), (&expected, &5.into()));
    let paused = update(folder.path(), &queue, &["--state", "paused"]);
    assert_eq!((&paused["state"], &paused["notify"]), (&"Paused".into(), &expected));
    let silent = update(folder.path(), &queue, &["--callback", "no", "--state", "active"]);
    assert_eq!((&silent["notify"]["state"], &silent["notify"]["url"]), (&"Off".into(), &expected["url"]));
    let mq = update(folder.path(), &queue, &["--mq-region", "gz", "--mq-name", "done", "--mq-mode", "topic"]);
    assert_eq!((&mq["notify"]["type"], &mq["notify"]["mq_mode"]), (&"TDMQ".into(), &"Topic".into()));
    assert_eq!(queues(folder.path()), [mq]);
}

#[test]
fn a_queue_is_made_and_takes_jobs() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "127.0.0.1:0"]);
    let made = run(folder.path(), &["queue", "create", "night", "--max-size", "7"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let queue = stdout(&made).trim().to_owned();
    let second = lines(&run(folder.path(), &["queue", "create", "other", "--json"])).remove(0);
    assert_eq!((&second["name"], &second["max_size"]), (&"other".into(), &10_000_000.into()));
    let listed = queues(folder.path());
    let names: Vec<&Value> = listed.iter().map(|queue| &queue["name"]).collect();
    assert_eq!(names, ["queue-file-process-1", "night", "other"]);
    assert_eq!((id(&listed[1]), &listed[1]["max_size"]), (queue.clone(), &7.into()));

    let submitted = lines(&run(folder.path(), &["job", "submit", "--queue", &queue, "--json", "absent"]));
    assert_eq!(submitted[0]["queue_id"], queue);
}

#[test]
fn what_cannot_be_done_with_queues_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "off"]);
    let queue = id(&queues(folder.path())[0]);
    for (args, code, expected) in [
        (&["queue", "create", "q"] as &[&str], 2, "it needs the admin listener; give --admin-endpoint"),
        (&["queue", "update", &queue, "--max-size", "1"], 2, "it needs the admin listener"),
        (&["queue", "update", "p00000000000040008000000000000000", "--name", "q"], 1, "the bucket has no queue p0000"),
        (&["queue", "update", &queue, "--name", "a b"], 2, "--name: Name must be"),
        (&["queue", "update", &queue, "--callback", "ftp://x"], 2, "the callback that you ask for cannot be sent"),
        (&["queue", "create", "q", "--admin-endpoint", "http://127.0.0.1:1"], 2, "cannot ask the admin listener"),
    ] {
        let output = run(folder.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?} says\n{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{args:?}");
    }
    let unchanged = &queues(folder.path())[0];
    assert_eq!(unchanged["name"], "queue-file-process-1");
}

#[test]
fn a_bound_that_is_not_allowed_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "127.0.0.1:0"]);
    let before = queues(folder.path());
    let queue = id(&before[0]);
    let output = run(folder.path(), &["queue", "update", &queue, "--name", "q", "--max-concurrent", "0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("max_concurrent must be from 1 to"), "{}", stderr(&output));
    assert_eq!(queues(folder.path()), before);
}

#[test]
fn jobs_are_held_listed_and_cancelled() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "off"]);
    let ended = run(folder.path(), &["job", "submit", "--wait", "absent"]);
    assert_eq!(ended.status.code(), Some(1), "{}", stderr(&ended));
    let queue = id(&queues(folder.path())[0]);
    update(folder.path(), &queue, &["--state", "paused"]);
    // One command for each, since the submits of one are under way together.
    let submit = |key: &&str| stdout(&run(folder.path(), &["job", "submit", key])).trim().to_owned();
    let ids: Vec<String> = ["a", "b", "c"].iter().map(submit).collect();

    let list = |args: &[&str]| -> Vec<String> {
        let listed = lines(&run(folder.path(), &[&["job", "list", "--json"], args].concat()));
        listed.iter().map(|job| job["object"].as_str().expect("a key").to_owned()).collect()
    };
    assert_eq!(list(&[]), ["c", "b", "a", "absent"]);
    assert_eq!(list(&["--oldest-first"]), ["absent", "a", "b", "c"]);
    assert_eq!(list(&["--state", "pause,running"]), ["c", "b", "a"]);
    assert_eq!(list(&["--state", "Failed", "--queue", &queue, "--all"]), ["absent"]);
    assert_eq!(list(&["--until", "2020-01-01T00:00:00+0000"]), [""; 0]);
    assert_eq!(list(&["--since", "2020-01-01T00:00:00+0000", "--limit", "1"]), ["c"]);
    let some = run(folder.path(), &["job", "list", "--limit", "2"]);
    assert_eq!((stdout(&some).lines().count(), some.status.code()), (2, Some(0)));
    assert!(stdout(&some).contains("Pause") && stderr(&some).contains("--all"), "{}{}", stdout(&some), stderr(&some));

    let cancelled = run(folder.path(), &["job", "cancel", &ids[0], &ids[1], &ids[0]]);
    assert_eq!((cancelled.status.code(), stdout(&cancelled)), (Some(0), format!("{0}\n{1}\n{0}\n", ids[0], ids[1])));
    let shown = lines(&run(folder.path(), &["job", "cancel", "--json", &ids[2]]));
    assert_eq!((&shown[0]["job_id"], &shown[0]["state"]), (&ids[2].as_str().into(), &"Cancel".into()));
    assert_eq!(list(&["--state", "cancel"]), ["c", "b", "a"]);

    let failed = lines(&run(folder.path(), &["job", "list", "--json", "--state", "failed"]));
    let failed = failed[0]["job_id"].as_str().expect("an id").to_owned();
    for (id, expected) in
        [(failed.as_str(), "has ended already"), ("f93984788066911ed89ed352d4d9d2084", "does not exist")]
    {
        let output = run(folder.path(), &["job", "cancel", id]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()), "{id}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}
