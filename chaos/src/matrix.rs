//! The fault matrix: each place at which a crash may fall, with each fault, on a service of its own.
//!
//! The binary is built with the feature `failpoints`: it waits at the place until the fault has come. Each combination ends
//! with the comparison that ends a run. Inside a checkpoint there is no place to wait, since SQLite makes it in one call: the
//! service waits before it, and strace brings the fault at the second page that is written into the database.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::process::{Child, Command};

use crate::checker;
use crate::disk::Disk;
use crate::failure::Failure;
use crate::fault::{Totals, Victim};
use crate::load::Load;
use crate::model::Model;
use crate::receiver::Receivers;
use crate::run;
use crate::server::{LEASE, Server, Settings};
use crate::store_rows;
use crate::truth::Truth;

/// The places, in the words of the fail points, and what they are.
const PLACES: [(&str, &str); 10] = [
    ("submit-before-commit", "before the commit of a submit"),
    ("submit-before-answer", "after its commit, before its answer"),
    ("claim", "after a claim"),
    ("object", "in the middle of an object"),
    ("digest", "after the digest, before its settle"),
    ("callback", "after the settle, before the callback"),
    ("called-back", "after the callback, before its settle"),
    ("prune", "during prune"),
    ("migration", "during a migration"),
    ("checkpoint", "during a checkpoint of the log"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Term,
    Stop,
    Full,
    Io,
}

const FAULTS: [(Fault, &str); 5] = [
    (Fault::Kill, "kill -9"),
    (Fault::Term, "SIGTERM"),
    (Fault::Stop, "SIGSTOP past the lease"),
    (Fault::Full, "file size limit"),
    (Fault::Io, "EIO"),
];

/// How long it may take until the place is reached.
const REACHED_WITHIN: Duration = Duration::from_secs(30);
/// Jobs before and beside the one that is held.
const JOBS: usize = 12;
/// The calls by which a store becomes durable.
const WRITES: &str = "fdatasync,fsync,pwrite64";
/// What strace did, in the folder for images.
const TRACE: &str = "strace.txt";
/// A store of an old schema is this one with no job in it.
const SCHEMA_1: &str = include_str!("../../crates/hashlane-store/src/sqlite/schema/0001.sql");
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"hshl");

/// Runs every combination whose place contains `only`, and gives the record and whether every promise was kept.
pub async fn run(binary: &Path, folder: &Path, seed: u64, only: &str) -> Result<(String, bool), Failure> {
    let mut text = String::from("| crash point |");
    FAULTS.iter().for_each(|(_, name)| text.push_str(&format!(" {name} |")));
    text.push_str("\n|---|---|---|---|---|---|\n");
    let mut wrong = String::new();
    for (number, (place, what)) in PLACES.iter().enumerate().filter(|(_, (place, _))| place.contains(only)) {
        text.push_str(&format!("| {what} |"));
        for (fault, name) in FAULTS {
            let own = folder.join(format!("{place}-{fault:?}"));
            let seed = seed.wrapping_add(number as u64 * 100 + fault as u64);
            let combination = Combination { place, fault };
            let violations = match combination.run(binary, &own, seed).await {
                Ok(violations) => violations,
                Err(failure) => vec![format!("it could not be brought about: {failure}")],
            };
            eprintln!("{place} x {name}: {}", if violations.is_empty() { "kept" } else { "NOT KEPT" });
            text.push_str(if violations.is_empty() { " kept |" } else { " NOT KEPT |" });
            violations.iter().for_each(|it| wrong.push_str(&format!("\n- {what}, {name}: {it}")));
        }
        text.push('\n');
    }
    let is_clean = wrong.is_empty();
    Ok((format!("seed {seed}\n\n{text}{wrong}"), is_clean))
}

struct Combination {
    place: &'static str,
    fault: Fault,
}

impl Combination {
    async fn run(&self, binary: &Path, folder: &Path, seed: u64) -> Result<Vec<String>, Failure> {
        let is_pruned = self.place == "prune";
        std::fs::create_dir_all(folder.join("scratch"))?;
        let mut settings = Settings::default();
        if is_pruned {
            settings.retention = "1s".to_owned();
        }
        let mut server = Server::prepare(binary, folder, &settings)?;
        let truth = Truth::write(seed, &server.objects)?;
        let model = Model::create(&folder.join("model.jsonl"))?;
        let receivers = Receivers::listen(seed).await?;
        receivers.calm_down();
        let gate = folder.join("gate");
        server.environment = vec![
            ("HASHLANE_FAILPOINT".to_owned(), self.place.to_owned()),
            ("HASHLANE_FAILPOINT_GATE".to_owned(), gate.display().to_string()),
        ];
        // The first start makes the credentials, before anything is held.
        server.start().await?;
        let urls = receivers.urls.clone();
        let load = Load::new(seed, model.clone(), server.client()?, urls, 1, 0);
        let mut victim = Victim {
            server,
            load: load.clone(),
            disk: Disk::plain(),
            scratch: folder.join("scratch"),
            kept: Duration::MAX,
            images: 0,
            totals: Totals::default(),
            violations: Vec::new(),
        };
        if self.place == "migration" {
            self.hold_migration(&mut victim, &gate).await?;
        } else {
            self.hold_service(&mut victim, &gate).await?;
        }
        for _ in 0..JOBS {
            load.submit().await?;
        }
        run::come_to_rest(&mut victim).await?;
        let (callbacks, wrong_callbacks, _) = receivers.record();
        let (_, unequal) = checker::check(seed, &truth, &model, &callbacks, &victim.server.database(), is_pruned)?;
        let mut violations = victim.violations;
        violations.extend(load.violations());
        violations.extend(wrong_callbacks);
        violations.extend(unequal);
        violations.extend(victim.server.panics());
        Ok(violations)
    }

    /// Holds a service that works at the place and brings the fault there.
    async fn hold_service(&self, victim: &mut Victim, gate: &Path) -> Result<(), Failure> {
        let load = victim.load.clone();
        for _ in 0..JOBS {
            load.submit().await?;
        }
        // The place is reached by a job that is submitted when nothing else is under way.
        at_rest(victim).await?;
        std::fs::write(gate.with_extension("arm"), [])?;
        let more = tokio::spawn(submit_until_reached(load, gate.with_extension("reached")));
        reached(gate).await?;
        let strace = if self.place == "checkpoint" { self.strace_checkpoint(victim).await? } else { None };
        self.bring(victim, gate, strace).await?;
        more.await.map_err(|error| Failure::new(error.to_string()))??;
        victim.recovers_from("the fault").await
    }

    /// Holds the start of a service on a store of the first schema, before it is ready.
    async fn hold_migration(&self, victim: &mut Victim, gate: &Path) -> Result<(), Failure> {
        victim.server.signal(Signal::TERM)?;
        victim.server.ended(Duration::from_secs(20)).await?;
        let database = victim.server.database();
        for suffix in ["db", "db-wal", "db-shm"] {
            let _ = std::fs::remove_file(database.with_extension(suffix));
        }
        let connection = Connection::open(&database)?;
        connection.execute_batch("pragma journal_mode = wal;")?;
        connection.execute_batch(SCHEMA_1)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", 1)?;
        drop(connection);
        std::fs::write(gate.with_extension("arm"), [])?;
        victim.server.launch()?;
        reached(gate).await?;
        self.bring(victim, gate, None).await?;
        if matches!(self.fault, Fault::Stop) {
            victim.server.await_ready().await?;
        }
        victim.recovers_from("the fault").await
    }

    /// The fault, from the moment at which the place is held until the service may work again.
    async fn bring(&self, victim: &mut Victim, gate: &Path, strace: Option<Child>) -> Result<(), Failure> {
        let go = || std::fs::write(gate.with_extension("go"), []);
        let is_starting = self.place == "migration";
        let is_inside = self.place == "checkpoint";
        match self.fault {
            Fault::Kill => {
                if is_inside {
                    go()?;
                    match victim.server.ended(REACHED_WITHIN).await? {
                        Some(status) if status.signal() == Some(Signal::KILL.as_raw()) => {}
                        other => return Err(Failure::new(format!("nothing was written; it ended as {other:?}"))),
                    }
                } else {
                    victim.server.kill().await?;
                }
                victim.server.start().await?;
            }
            Fault::Term => {
                if !is_inside {
                    victim.server.signal(Signal::TERM)?;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                go()?;
                match victim.server.ended(Duration::from_secs(20)).await? {
                    Some(status) if status.success() || is_starting => {}
                    other => victim.violations.push(format!("SIGTERM ended the service as {other:?}")),
                }
                victim.server.start().await?;
            }
            Fault::Stop => {
                if is_inside {
                    go()?;
                    victim.is_stopped().await?;
                } else {
                    victim.server.signal(Signal::STOP)?;
                }
                tokio::time::sleep(LEASE * 3 + LEASE / 2).await;
                if !victim.server.is_second_refused().await? {
                    victim.violations.push("a second service was not refused".to_owned());
                }
                go()?;
                end_strace(strace).await?;
                victim.server.signal(Signal::CONT)?;
                return Ok(());
            }
            Fault::Full => {
                let limit = |bytes| {
                    let limit = Rlimit { current: bytes, maximum: None };
                    prlimit(Some(victim.server.pid()?), Resource::Fsize, limit).map_err(Failure::from)
                };
                limit(Some(4096))?;
                go()?;
                tokio::time::sleep(Duration::from_secs(2)).await;
                if is_starting {
                    return self.start_again(victim).await;
                }
                if victim.load.submit().await? {
                    victim.violations.push("a job was accepted although no file could be written".to_owned());
                }
                limit(None)?;
            }
            Fault::Io => {
                let strace = match strace {
                    Some(strace) => Some(strace),
                    None => Some(self.strace_errors(victim).await?),
                };
                go()?;
                tokio::time::sleep(Duration::from_secs(2)).await;
                end_strace(strace).await?;
                let trace = std::fs::read_to_string(victim.scratch.join(TRACE))?;
                if !trace.contains("(INJECTED)") {
                    return Err(Failure::new("no call of the system was made that could fail"));
                }
                if is_starting {
                    return self.start_again(victim).await;
                }
                return Ok(());
            }
        }
        end_strace(strace).await
    }

    /// A start that met a fault gives up and says so; the next one succeeds.
    async fn start_again(&self, victim: &mut Victim) -> Result<(), Failure> {
        match victim.server.ended(Duration::from_secs(20)).await? {
            Some(status) if status.code() == Some(2) => {}
            other => victim.violations.push(format!("a start whose migration failed ended as {other:?}")),
        }
        victim.server.start().await
    }

    /// Errors of the disk from the next call on; in the middle of an object its reads fail too.
    async fn strace_errors(&self, victim: &Victim) -> Result<Child, Failure> {
        if self.place != "object" {
            return attach(victim, WRITES, "error=EIO:when=1+1", &[]).await;
        }
        let mut paths = vec![victim.server.database(), victim.server.log()];
        for entry in std::fs::read_dir(&victim.server.objects)? {
            paths.push(entry?.path());
        }
        attach(victim, &format!("read,{WRITES}"), "error=EIO:when=1+1", &paths).await
    }

    /// The fault between two pages of a checkpoint.
    async fn strace_checkpoint(&self, victim: &Victim) -> Result<Option<Child>, Failure> {
        let (calls, what) = match self.fault {
            Fault::Kill => ("pwrite64", "signal=SIGKILL:when=2"),
            Fault::Term => ("pwrite64", "signal=SIGTERM:when=2"),
            Fault::Stop => ("pwrite64", "signal=SIGSTOP:when=2"),
            // Counted for each call by itself.
            Fault::Io => (WRITES, "error=EIO:when=2+1"),
            // In force before the first page: the second one does not fit.
            Fault::Full => return Ok(None),
        };
        attach(victim, calls, what, &[]).await.map(Some)
    }
}

/// Submits one job after the other until the place is reached; the one that is held may be lost or refused.
async fn submit_until_reached(load: Arc<Load>, reached: PathBuf) -> Result<(), Failure> {
    let began = Instant::now();
    while !reached.exists() && began.elapsed() < REACHED_WITHIN {
        load.submit().await?;
        tokio::time::sleep(Duration::from_millis(if load.accepted_count() > 3 * JOBS { 1500 } else { 20 })).await;
    }
    Ok(())
}

async fn reached(gate: &Path) -> Result<(), Failure> {
    let began = Instant::now();
    while !gate.with_extension("reached").exists() {
        if began.elapsed() > REACHED_WITHIN {
            return Err(Failure::new("the place was not reached: is the binary built with the feature failpoints?"));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // The next process is not held.
    Ok(std::fs::remove_file(gate.with_extension("arm"))?)
}

async fn at_rest(victim: &Victim) -> Result<(), Failure> {
    let began = Instant::now();
    while !matches!(store_rows::live(&victim.server.database()), Ok((0, _))) {
        if began.elapsed() > REACHED_WITHIN {
            return Err(Failure::new("the first jobs do not end"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Attaches strace and returns when it holds every thread. `calls` are brought to `what`, those on the files of `paths` if
/// there are any.
async fn attach(victim: &Victim, calls: &str, what: &str, paths: &[PathBuf]) -> Result<Child, Failure> {
    let pid = victim.server.pid()?.as_raw_nonzero().to_string();
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{what}"), "-p", &pid, "-o"])
        .arg(victim.scratch.join(TRACE))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    for path in paths {
        strace.arg("-P").arg(path);
    }
    let strace = strace.spawn()?;
    for _ in 0..1000 {
        let mut threads = std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
        let is_traced = |status: String| !status.lines().any(|line| line == "TracerPid:\t0");
        if threads.all(|it| std::fs::read_to_string(it.path().join("status")).is_ok_and(is_traced)) {
            return Ok(strace);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Err(Failure::new("strace does not attach"))
}

async fn end_strace(strace: Option<Child>) -> Result<(), Failure> {
    let Some(mut strace) = strace else { return Ok(()) };
    if let Some(pid) = strace.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        // It may have ended with the service.
        let _ = kill_process(pid, Signal::INT);
    }
    strace.wait().await?;
    Ok(())
}
