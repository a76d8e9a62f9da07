//! `hashlane demo`: the first thing that people run.

mod support;

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use support::{Server, hashlane, run, stderr, stdout};

#[test]
fn the_demo_shows_three_digests_with_request_response_result_and_callback() {
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = tempfile::tempdir().expect("a folder");
    let output = hashlane(folder.path()).arg("demo").env("TMPDIR", temporary.path()).output().expect("runs");
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    for digest in [
        "f96b697d7cb7938d525a2f31aaf161d0",
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ] {
        // In the result, in the callback, and in the verdict.
        assert!(out.matches(digest).count() >= 3, "{digest} in\n{out}");
    }
    for (part, times) in [
        ("-- request: POST /file_jobs\n", 3),
        ("-- response: 200\n", 3),
        ("-- query: GET /file_jobs/f", 3),
        ("<FileHashCodeResult>", 6),
        ("-- callback: POST http://127.0.0.1:", 3),
        ("<EventName>TaskFinish</EventName>", 3),
        (" as application/xml\n", 3),
    ] {
        assert_eq!(out.matches(part).count(), times, "{part:?} in\n{out}");
    }
    assert_eq!(err, "", "nothing to complain about");
    for place in [&folder, &temporary] {
        let left: Vec<_> = fs::read_dir(place.path()).expect("readable").collect();
        assert!(left.is_empty(), "the demo leaves {left:?} behind");
    }
}

#[test]
fn two_demos_at_once_do_not_meet() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = std::thread::spawn({
        let path = folder.path().to_owned();
        move || run(&path, &["demo"])
    });
    assert_eq!(run(folder.path(), &["demo"]).status.code(), Some(0));
    assert_eq!(other.join().expect("runs").status.code(), Some(0));
}

#[test]
fn a_kept_demo_goes_on_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = tempfile::tempdir().expect("a folder");
    let mut child = hashlane(folder.path())
        .args(["demo", "--keep"])
        .env("TMPDIR", temporary.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("runs");
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert!(std::io::BufRead::read_line(&mut out, &mut line).expect("readable") > 0, "{lines:?}");
        let last = line.starts_with("hashlane job submit --data ");
        lines.push(line);
        if last {
            break;
        }
    }
    // The printed line works as it stands.
    let line = lines.last().expect("the line").trim_end().replacen("hashlane", env!("CARGO_BIN_EXE_hashlane"), 1);
    let pasted = std::process::Command::new("sh").args(["-c", &line]).output().expect("a shell");
    assert_eq!(pasted.status.code(), Some(0), "{line}: {}", stderr(&pasted));
    assert!(stdout(&pasted).contains("sha256:"), "{}", stdout(&pasted));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).expect("the process takes signals");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(fs::read_dir(temporary.path()).expect("readable").count(), 0);
}

#[test]
fn the_printed_curl_line_submits_a_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--admin", "off"]);
    let endpoint = server.url("api").expect("an api");
    // The lines are on stderr, which is complete once the first server has ended.
    let (_, _, err) = server.end_by(Signal::TERM);
    let line = err.lines().find(|line| line.starts_with("curl ")).expect("a curl line");
    let _server = Server::start_command(hashlane(folder.path()).args([
        "serve",
        "--admin",
        "off",
        "--listen",
        endpoint.trim_start_matches("http://"),
    ]));
    match std::process::Command::new("sh").args(["-c", line]).output() {
        Ok(output) if output.status.success() => {
            assert!(stdout(&output).contains("<State>Submitted</State>"), "{}", stdout(&output));
        }
        // Without curl on the machine there is nothing to paste into.
        other => assert!(!Path::new("/usr/bin/curl").exists(), "{other:?}"),
    }
}
