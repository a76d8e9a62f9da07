//! `hashlane job` against a running `hashlane serve`.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::Value;
use support::{Server, credential, hashlane, run, stderr, stdout};

fn store(folder: &Path, key: &str, body: &str) {
    let path = folder.join("hashlane-data/buckets/local-1250000000").join(key);
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, body).expect("written");
}

fn json(output: &std::process::Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

#[test]
fn a_job_is_submitted_waited_for_and_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "127.0.0.1:0"]);
    store(folder.path(), "a b/中文+%.txt", "abc");
    store(folder.path(), "empty", "");

    let submitted = run(folder.path(), &["job", "submit", "--algo", "MD5", "a b/中文+%.txt", "empty"]);
    assert_eq!(submitted.status.code(), Some(0), "{}", stderr(&submitted));
    let ids: Vec<String> = stdout(&submitted).lines().map(str::to_owned).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| id.len() == 33 && id.starts_with('f')), "{ids:?}");

    let waited = run(folder.path(), &["job", "wait", &ids[0], &ids[1], &ids[0]]);
    assert_eq!(waited.status.code(), Some(0), "{}", stderr(&waited));
    assert_eq!(stdout(&waited).lines().count(), 2);
    assert_eq!(stderr(&waited), "", "no bar where there is no terminal");

    let got = run(folder.path(), &["job", "get", "--json", &ids[0], &ids[1]]);
    let jobs = json(&got);
    assert_eq!(jobs[0]["state"], "Success");
    assert_eq!(jobs[0]["object"], "a b/中文+%.txt");
    assert_eq!(jobs[0]["progress"], 100);
    assert_eq!(jobs[0]["result"]["digests"]["md5"], "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(jobs[0]["result"]["size_bytes"], 3);
    assert_eq!(jobs[0]["delivery"]["state"], "none");
    assert_eq!(jobs[1]["result"]["digests"]["md5"], "d41d8cd98f00b204e9800998ecf8427e");
}

#[test]
fn every_flag_of_submit_arrives_at_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "off"]);
    store(folder.path(), "a", "abc");
    let args = [
        "job",
        "submit",
        "-a",
        "sha1",
        "--user-data",
        "mine <&>",
        "--level",
        "2",
        "--callback",
        "no",
        "--wait",
        "--json",
        "a",
    ];
    let output = run(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let job = &json(&output)[0];
    assert_eq!((&job["user_data"], &job["level"], &job["algorithm"]), (&"mine <&>".into(), &2.into(), &"SHA1".into()));
    assert_eq!(job["result"]["digests"]["sha1"], "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(job.get("delivery"), None, "without an admin listener nobody can tell");

    let tdmq = ["job", "submit", "--callback-type", "tdmq", "--mq-region", "gz", "--mq-name", "q", "--json", "a"];
    assert_eq!(run(folder.path(), &tdmq).status.code(), Some(0));
    let queue = run(folder.path(), &["job", "submit", "--queue", "p00000000000000000000000000000000", "a"]);
    assert_eq!(queue.status.code(), Some(2));
    assert!(stderr(&queue).contains("QueueNotFound"), "{}", stderr(&queue));
}

#[test]
fn a_job_that_fails_or_does_not_exist_is_a_no() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "off"]);
    let failed = run(folder.path(), &["job", "submit", "--wait", "missing"]);
    assert_eq!(failed.status.code(), Some(1), "{}", stderr(&failed));
    assert!(stdout(&failed).contains("Failed") && stdout(&failed).contains("ResourceNotFound"), "{}", stdout(&failed));

    for command in ["get", "wait"] {
        let unknown = run(folder.path(), &["job", command, "f00000000000011eda000000000000000"]);
        assert_eq!(unknown.status.code(), Some(1), "{}", stderr(&unknown));
        assert!(stderr(&unknown).contains("has no job f0000"), "{}", stderr(&unknown));
    }
}

#[test]
fn what_cannot_be_asked_ends_with_2_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = run(folder.path(), &["job", "get", "f1"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(stderr(&nobody).contains("HASHLANE_ENDPOINT") && stderr(&nobody).contains("--data"), "{}", stderr(&nobody));

    let with = |endpoint: &str, id: &str| {
        let mut command = hashlane(folder.path());
        command.args(["job", "get", "f1"]).env("HASHLANE_ENDPOINT", endpoint).env("HASHLANE_SECRET_ID", id);
        command.env("HASHLANE_SECRET_KEY", "hunter2").env("HASHLANE_BUCKET", "local-1250000000");
        command.output().expect("runs")
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let unreachable = with(&format!("http://{closed}"), "AKID");
    assert_eq!(unreachable.status.code(), Some(2));
    assert!(stderr(&unreachable).contains("is `hashlane serve` running there?"), "{}", stderr(&unreachable));

    let server = Server::start(folder.path(), &["--admin", "off"]);
    let endpoint = server.url("api").expect("an api");
    for (id, expected) in [
        ("AKIDunknown", "InvalidAccessKeyId"),
        (&credential(folder.path(), "secret_id").expect("an id"), "SignatureDoesNotMatch"),
    ] {
        let refused = with(&endpoint, id);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains(expected), "{}", stderr(&refused));
        assert!(!stderr(&refused).contains("hunter2"));
    }
}

#[test]
fn the_outcome_of_a_callback_shows_in_the_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "127.0.0.1:0"]);
    store(folder.path(), "a", "abc");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/here", listener.local_addr().expect("an address"));
    let receiver = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a callback");
        let mut got = Vec::new();
        let mut chunk = [0; 4096];
        while !String::from_utf8_lossy(&got).contains("</Response>") {
            let read = stream.read(&mut chunk).expect("readable");
            assert!(read > 0, "the callback ended early");
            got.extend_from_slice(&chunk[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("written");
    });
    let submitted = run(folder.path(), &["job", "submit", "--callback", &url, "a"]);
    let id = stdout(&submitted).trim().to_owned();
    receiver.join().expect("the callback came");
    // The receiver's answer is recorded after it was given: ask until it is.
    let delivery = loop {
        let job = json(&run(folder.path(), &["job", "get", "--json", &id])).remove(0);
        if job["delivery"]["state"] != "due" {
            break job["delivery"].clone();
        }
    };
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&"delivered".into(), &1.into()), "{delivery}");
}

#[test]
fn a_key_that_was_given_is_never_joined_with_a_secret_of_somebody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let _server = Server::start(folder.path(), &["--admin", "off"]);
    let output = hashlane(folder.path()).args(["job", "get", "f1"]).env("HASHLANE_SECRET_ID", "AKIDother").output();
    let output = output.expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no SECRET_KEY: give HASHLANE_SECRET_KEY"), "{}", stderr(&output));
}
