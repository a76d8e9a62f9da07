//! The everyday runs: half a minute of faults under load, and a disk that forgets, from a new seed each time.
//!
//! The binary is HASHLANE_BIN, else the release build of this checkout. HASHLANE_TEST_SEED repeats a run. Leaves out injected
//! errors of the disk and deadly objects, which tests beside the service have.

use std::path::PathBuf;
use std::process::Command;

/// Runs the harness to its end and gives what it says; a promise that was not kept is a panic.
fn run(arguments: &[&str]) -> String {
    let release = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/release/hashlane");
    let binary = std::env::var_os("HASHLANE_BIN").map_or(release, PathBuf::from);
    let mut harness = Command::new(env!("CARGO_BIN_EXE_hashlane-chaos"));
    harness.arg("--binary").arg(binary).args(arguments);
    if let Ok(seed) = std::env::var("HASHLANE_TEST_SEED") {
        harness.args(["--seed", &seed]);
    }
    let output = harness.output().expect("the harness starts");
    let told = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{told}");
    assert!(output.status.success(), "{told}");
    told
}

/// Failure rules A1, A4, A11, A14.
#[test]
fn kills_stops_a_full_disk_and_torn_logs_lose_nothing_and_leave_no_wrong_digest() {
    let told = run(&[
        "--faults=kill,kill,kill,kill,kill,term,stop,full,torn",
        "--pause=1.5",
        "--rate=150",
        "--images=48",
        "--disk=64",
    ]);
    assert!(told.contains("| kills (SIGKILL) | 5 |"), "{told}");
}

/// Failure rule A1: a cut of the power at any moment, after which the disk lacks what was not fsynced.
#[test]
fn a_disk_that_forgets_what_was_not_fsynced_has_every_job_that_was_accepted() {
    // A machine without strace, or where nobody may trace, cannot tell.
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        return println!("skipped: strace is not installed or may not trace");
    }
    let told = run(&["--faults=forget", "--pause=0.5", "--rate=150", "--images=24"]);
    assert!(told.contains("| images without writes that were not fsynced, opened | 24 |"), "{told}");
}
