//! Objects that end the process that reads them, against a service that is started anew whenever it has died.

mod support;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use serde_json::Value;
use support::{Server, hashlane, run, stderr, stdout};

/// Good jobs beside the deadly ones; `HASHLANE_TEST_JOBS` asks for more.
const GOOD: usize = 300;
/// The address space of the service: an object that asks for memory reaches the end of it at once.
const ADDRESS_SPACE_KIB: usize = 6 << 20;
/// Far more starts than three deadly jobs may cause.
const STARTS_MAX: usize = 40;

fn store(folder: &Path, key: &str, content: &[u8]) {
    fs::write(folder.join("hashlane-data/buckets/local-1250000000").join(key), content).expect("written");
}

/// The service, or how it ended before it was ready: a deadly job may be taken up before that.
fn start(folder: &Path) -> Result<Server, (ExitStatus, String)> {
    let program = hashlane(folder).get_program().to_owned();
    let script =
        format!("ulimit -v {ADDRESS_SPACE_KIB} && ulimit -c 0 && exec \"$0\" serve --listen 127.0.0.1:0 --admin off");
    let mut command = Command::new("/bin/sh");
    command.env_clear().env("HASHLANE_DEADLY_OBJECTS", "1").current_dir(folder);
    Server::start_or_end(command.arg("-c").arg(script).arg(program))
}

fn jobs(folder: &Path, ids: &[String]) -> Vec<Value> {
    let mut args = vec!["job", "get", "--json"];
    args.extend(ids.iter().map(String::as_str));
    let output = run(folder, &args);
    stdout(&output).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn submit(folder: &Path, keys: &[String]) -> Vec<String> {
    let mut args = vec!["job", "submit", "--algo", "MD5"];
    args.extend(keys.iter().map(String::as_str));
    let output = run(folder, &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output).lines().map(str::to_owned).collect()
}

/// Failure rule A9: jobs whose object aborts the process, uses up its memory, or makes it panic.
#[test]
fn deadly_objects_fail_their_own_jobs_after_three_deaths_each_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let good_jobs = std::env::var("HASHLANE_TEST_JOBS").map_or(GOOD, |it| it.parse().expect("a number"));
    let mut started = start(folder);
    assert!(started.is_ok(), "there is nothing yet that it could die of");
    store(folder, "good", b"abc");
    let deadly_keys = ["first.abort", "second.memory", "third.panic"].map(str::to_owned);
    deadly_keys.iter().for_each(|key| store(folder, key, b"abc"));
    let queue =
        stdout(&run(folder, &["queue", "list"])).split_whitespace().find(|it| it.starts_with('p')).map(str::to_owned);
    let queue = queue.expect("the bucket has a queue");
    let set_state = |state: &str| run(folder, &["queue", "update", &queue, "--state", state]);
    assert_eq!(set_state("paused").status.code(), Some(0), "{}", stderr(&set_state("paused")));
    let good = vec!["good".to_owned(); good_jobs / 2];
    let mut ids = submit(folder, &good);
    let deadly = submit(folder, &deadly_keys);
    ids.extend(submit(folder, &good));
    // It may die before it answers.
    set_state("active");

    let mut log = String::new();
    let mut deaths = 0;
    let all_failed = || jobs(folder, &deadly).iter().filter(|it| it["state"] == "Failed").count() == deadly.len();
    let server = loop {
        let (status, said) = match started {
            Ok(mut server) => match server.await_end_or(all_failed) {
                Some(ended) => ended,
                None => break server,
            },
            Err(ended) => ended,
        };
        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{said}");
        deaths += 1;
        log += &said;
        assert!(deaths < STARTS_MAX, "it dies on: {log}");
        started = start(folder);
    };
    for ids in ids.chunks(40) {
        let args: Vec<&str> = ["job", "wait"].into_iter().chain(ids.iter().map(String::as_str)).collect();
        let waited = run(folder, &args);
        assert_eq!(waited.status.code(), Some(0), "every good job succeeds: {}", stderr(&waited));
        for job in jobs(folder, ids) {
            assert_eq!(
                (&job["state"], &job["result"]["digests"]["md5"]),
                (&"Success".into(), &"900150983cd24fb0d6963f7d28e17f72".into())
            );
        }
    }
    let failed = jobs(folder, &deadly);
    for (job, said) in failed.iter().zip(["died 3 times", "died 3 times", "by a mistake of the server"]) {
        assert!(job["message"].as_str().is_some_and(|it| it.contains(said)), "{job}");
    }
    let (status, _, rest) = server.end_by(Signal::TERM);
    assert!(status.success(), "it is alive at the end and stops in order");
    log += &rest;
    for (id, key) in deadly.iter().zip(&deadly_keys).take(2) {
        let is_named = |line: &&str| line.contains("the job is stopped") && line.contains(id) && line.contains(key);
        assert!(log.lines().any(|line| is_named(&line) && line.contains("deaths=3")), "{log}");
    }
    println!("{good_jobs} good jobs beside three deadly ones, {deaths} deaths");
    assert!(deaths <= 3 * 5, "{deaths} deaths of three jobs");
}
