//! Errors of the disk: strace, attached to the service, lets calls of the system fail without being made.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::fault::Victim;

const ERRORS: [&str; 6] = ["EIO", "EIO", "EIO", "EIO", "ENOSPC", "EINTR"];
const CALLS: [&str; 4] = ["fdatasync,fsync", "fdatasync,fsync", "pwrite64", "fdatasync,fsync,pwrite64"];

pub(super) async fn suffer(victim: &mut Victim, chance: &mut Chance) -> Result<(), Failure> {
    let calls = CALLS[chance.below(CALLS.len())];
    let error = ERRORS[chance.below(ERRORS.len())];
    // Counted in each thread by itself: the first that fails, and then every so many.
    let (first, step) = (1 + chance.below(10), 1 + chance.below(8));
    let length = chance.between(Duration::from_millis(1500), Duration::from_millis(5000));
    let trace = victim.scratch.join("strace.txt");
    let mut strace = Command::new("strace")
        .args(["-f", "-qq", "-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:error={error}:when={first}+{step}")])
        .arg("-o")
        .arg(&trace)
        .args(["-p", &victim.server.pid()?.as_raw_nonzero().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            Failure::new(format!("cannot start strace: {error}; install it, or leave out the fault io"))
        })?;
    tokio::time::sleep(length).await;
    // On SIGINT it lets go of the service and ends.
    if let Some(pid) = strace.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        kill_process(pid, Signal::INT)?;
    }
    strace.wait().await?;
    let text = tokio::fs::read_to_string(&trace).await.unwrap_or_default();
    victim.totals.injected_errors += text.matches("(INJECTED)").count() as u64;
    victim.recovers_from("injected errors").await
}
