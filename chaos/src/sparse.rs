//! One object that takes minutes, and a service that is killed on the way: each process goes on where the last checkpoint of
//! the one before it was, and the digest is the truth.
//!
//! The object is sparse, zeros with a few bytes that follow from the seed in each GiB, so that it needs no space and a part
//! that is left out, read twice or put in another place shows. How much is read says the kernel: `rchar` of `/proc/PID/io`,
//! which counts what a process reads besides as well.

use std::fmt::Write;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use hashlane_job::{CallbackAddress, CallbackRequest};
use hashlane_lanes::{Algorithm, State};
use hashlane_wire::SubmitRequest;
use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use sha2::Digest;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::server::{Server, Settings};
use crate::truth::hex;

/// The object's key.
const KEY: &str = "sparse";
/// After so many bytes the service stores its running digest: the default.
const CHECKPOINT_BYTES: u64 = 256 << 20;
/// One place with bytes in each of these.
const GIBIBYTE: u64 = 1 << 30;
/// So many bytes at each of the places.
const PLACE_BYTES: usize = 4096;
/// Reading stands still no longer than this.
const STILL_MAX: Duration = Duration::from_secs(120);
/// What lies before a checkpoint in the engine's layout: a version and the length of the identity; and the seal after it.
const HEAD_BYTES: usize = 3;
const SEAL_BYTES: usize = 8;

/// What one killed process did.
struct Killed {
    /// Where it began, in bytes of the object.
    began: u64,
    /// What it read.
    read: u64,
    /// Where the next one begins.
    spared: u64,
}

impl Killed {
    fn position(&self) -> u64 {
        self.began + self.read
    }

    fn again(&self) -> u64 {
        self.position().saturating_sub(self.spared)
    }
}

/// Hashes an object of so many bytes while the service is killed so often; gives the record and whether the promises were kept.
pub async fn run(binary: &Path, folder: &Path, seed: u64, bytes: u64, kills: u64) -> Result<(String, bool), Failure> {
    let mut server = Server::prepare(binary, folder, &Settings { checkpoint: "256MiB", ..Settings::default() })?;
    let places = places(seed, bytes);
    let file = File::create_new(server.objects.join(KEY))?;
    file.set_len(bytes)?;
    places.iter().try_for_each(|(at, content)| file.write_all_at(content, *at))?;
    file.sync_all()?;
    let truth = tokio::task::spawn_blocking(move || truth(bytes, &places));

    server.start().await?;
    let began = Instant::now();
    let client = server.client()?;
    let (job, _) = client.submit(&request()).await?;
    let mut chance = Chance::of(seed, 0x5bac_5e00);
    let mut killed: Vec<Killed> = Vec::new();
    let stretch = bytes / (kills + 1);
    for number in 0..kills {
        let begins = killed.last().map_or(0, |it| it.spared);
        let target = stretch * number + stretch / 2 + chance.below((stretch / 2) as usize) as u64;
        read_until(&server, target.saturating_sub(begins)).await?;
        server.signal(Signal::STOP)?;
        // Nothing more is read when the count stands still.
        let mut read = read_bytes(&server)?;
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            match read_bytes(&server)? {
                now if now == read => break,
                now => read = now,
            }
        }
        server.kill().await?;
        let spared = checkpoint(&server.database())?;
        killed.push(Killed { began: begins, read, spared });
        let it = killed.last().map_or(0, Killed::again);
        eprintln!("kill {} at {target} bytes: {spared} spared, {it} to be read again", number + 1);
        server.start().await?;
    }
    let mut last_read = 0;
    let detail = loop {
        // What was read is asked for first: a job that ended has read it all.
        last_read = read_bytes(&server)?.max(last_read);
        let (jobs, ..) = client.describe(std::slice::from_ref(&job.job_id)).await?;
        match jobs.into_iter().next() {
            Some(detail) if detail.is_final() => break detail,
            Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            None => return Err(Failure::new("the job is not known any more")),
        }
    };
    last_read = read_bytes(&server)?.max(last_read);
    let took = began.elapsed();
    server.signal(Signal::TERM)?;
    server.ended(Duration::from_secs(30)).await?;
    let truth = truth.await.map_err(|error| Failure::new(error.to_string()))?;

    let mut violations = Vec::new();
    let digest = detail.result.and_then(|it| it.digests.into_iter().next()).map(|(_, hex)| hex).unwrap_or_default();
    if detail.state != "Success" || digest != truth {
        violations.push(format!("the job ended as {} with {digest:?} instead of {truth}", detail.state));
    }
    let read: u64 = killed.iter().map(|it| it.read).sum::<u64>() + last_read;
    let again_max = killed.iter().map(Killed::again).max().unwrap_or(0);
    if again_max > CHECKPOINT_BYTES {
        violations.push(format!("{again_max} bytes are read again after a kill"));
    }
    if read.saturating_sub(bytes) > kills * CHECKPOINT_BYTES {
        violations.push(format!("{} bytes were read again in all", read.saturating_sub(bytes)));
    }
    violations.extend(server.panics().into_iter().map(|line| format!("the service panicked: {line}")));
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let rows = [
        ("seed", seed.to_string()),
        ("object, bytes, sparse", bytes.to_string()),
        ("kills (SIGKILL) on the way", killed.len().to_string()),
        ("SHA-256 by the service", digest),
        ("SHA-256 by the crate sha2", truth),
        ("read by all processes, MiB", mebibytes(read)),
        ("of these more than the object has, MiB", mebibytes(read.saturating_sub(bytes))),
        ("most read again after a kill, MiB", mebibytes(again_max)),
        ("from the submit to the end", format!("{:.1} s", took.as_secs_f64())),
        ("violations", violations.len().to_string()),
    ];
    let mut text = String::from("| | |\n|---|---:|\n");
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text.push_str("\n| kill | at MiB | next begins at MiB | read again, MiB |\n|---:|---:|---:|---:|\n");
    for (number, it) in killed.iter().enumerate() {
        let (at, spared, again) = (mebibytes(it.position()), mebibytes(it.spared), mebibytes(it.again()));
        let _ = writeln!(text, "| {} | {at} | {spared} | {again} |", number + 1);
    }
    for it in &violations {
        let _ = write!(text, "\n- {it}\n");
    }
    Ok((text, violations.is_empty()))
}

fn request() -> SubmitRequest {
    SubmitRequest {
        object: KEY.to_owned(),
        algorithm: Algorithm::Sha256,
        algorithm_as_given: "SHA256".to_owned(),
        add_to_header: false,
        user_data: None,
        level: 0,
        queue: None,
        callback: CallbackRequest { address: CallbackAddress::Silent, format: None },
    }
}

/// Where the object has bytes, in order.
fn places(seed: u64, bytes: u64) -> Vec<(u64, Vec<u8>)> {
    let mut chance = Chance::of(seed, 0x5bac_5e01);
    let mut places = Vec::new();
    let mut begin = 0;
    while begin < bytes {
        let room = (bytes - begin).min(GIBIBYTE).saturating_sub(PLACE_BYTES as u64);
        let at = begin + chance.below(room as usize + 1) as u64;
        let content = (0..PLACE_BYTES / 8).flat_map(|_| chance.next().to_le_bytes()).collect();
        places.push((at, content));
        begin += GIBIBYTE;
    }
    places
}

/// The digest of zeros with these bytes at their places.
fn truth(bytes: u64, places: &[(u64, Vec<u8>)]) -> String {
    let zeros = vec![0; 64 << 10];
    let mut digest = sha2::Sha256::new();
    let mut at = 0;
    let mut zeros_until = |digest: &mut sha2::Sha256, end: u64| {
        while at < end {
            let step = (end - at).min(zeros.len() as u64);
            digest.update(&zeros[..step as usize]);
            at += step;
        }
        at += PLACE_BYTES as u64;
    };
    for (place, content) in places {
        zeros_until(&mut digest, *place);
        digest.update(content);
    }
    zeros_until(&mut digest, bytes);
    hex(&digest.finalize())
}

/// How many bytes the process has read since it started.
fn read_bytes(server: &Server) -> Result<u64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{}/io", server.pid()?.as_raw_nonzero()))?;
    let value = text.lines().find_map(|line| line.strip_prefix("rchar: ")).and_then(|it| it.parse().ok());
    value.ok_or_else(|| Failure::new("the kernel does not tell what a process reads"))
}

async fn read_until(server: &Server, target: u64) -> Result<(), Failure> {
    let (mut read, mut changed) = (0, Instant::now());
    while read < target {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = read_bytes(server)?;
        if now > read {
            (read, changed) = (now, Instant::now());
        } else if changed.elapsed() > STILL_MAX {
            return Err(Failure::new(format!("nothing is read for {STILL_MAX:?} after {read} bytes")));
        }
    }
    Ok(())
}

/// How much the checkpoint of the only job spares the next process.
fn checkpoint(database: &Path) -> Result<u64, Failure> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let stored: Option<Vec<u8>> = connection.query_row("select checkpoint from live", [], |row| row.get(0))?;
    let Some(stored) = stored else { return Ok(0) };
    let state = (|| {
        let identity = u16::from_le_bytes([*stored.get(1)?, *stored.get(2)?]);
        State::from_bytes(stored.get(HEAD_BYTES + usize::from(identity)..stored.len().checked_sub(SEAL_BYTES)?)?)
    })();
    Ok(state.ok_or_else(|| Failure::new("the stored checkpoint cannot be read"))?.message_bytes())
}
