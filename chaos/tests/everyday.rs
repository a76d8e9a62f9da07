//! The everyday run: half a minute of faults under load, from a new seed each time.
//!
//! The binary is HASHLANE_BIN, else the release build of this checkout. HASHLANE_TEST_SEED repeats a run. Leaves out injected
//! errors of the disk, which need strace and its permissions.

use std::path::PathBuf;
use std::process::Command;

/// Failure rules A1, A4, A11, A14.
#[test]
fn kills_stops_a_full_disk_and_torn_logs_lose_nothing_and_leave_no_wrong_digest() {
    let release = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/release/hashlane");
    let binary = std::env::var_os("HASHLANE_BIN").map_or(release, PathBuf::from);
    let mut harness = Command::new(env!("CARGO_BIN_EXE_hashlane-chaos"));
    harness
        .arg("--binary")
        .arg(binary)
        .args(["--faults", "kill,kill,kill,kill,kill,term,stop,full,torn"])
        .args(["--rounds", "1", "--pause", "1.5", "--rate", "150", "--images", "48", "--disk", "64"]);
    if let Ok(seed) = std::env::var("HASHLANE_TEST_SEED") {
        harness.args(["--seed", &seed]);
    }
    let output = harness.output().expect("the harness starts");
    let told = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{told}");
    assert!(output.status.success(), "{told}");
    assert!(told.contains("| kills (SIGKILL) | 5 |"), "{told}");
}
