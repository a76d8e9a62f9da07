//! A disk that forgets: a process whose every write is recorded, and the store as it may be after a cut of the power at any
//! moment of it.
//!
//! What the data directory holds when the process starts is on the disk. strace tells its writes and fsyncs, and what it says
//! over sockets, in one order. Promised of each image, in which nothing or any part of what was not fsynced is left: it
//! opens, a check finds no problem, and it holds every job that anybody had been told of.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::runtime::Handle;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::fault::Victim;
use crate::image;
use crate::layer::{Files, Kept, Layer};
use crate::trace::{Call, Reader, Step};

/// The files of the store. SQLite makes its index of the log, the fourth, anew.
const NAMES: [&str; 3] = ["hashlane.db", "hashlane.db-wal", "hashlane.db-journal"];
/// The log is copied into the database when nothing happens for a moment; waited for so long.
const EMPTY_WITHIN: Duration = Duration::from_secs(4);
/// strace writes down the rest within this time of the end of a process.
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// A job that was accepted before must still be in the store when the recording ends.
const RECORDING_MAX: Duration = Duration::from_secs(20);
/// So much of the end of a trace is looked at for the end of the process: the ends of a hundred threads.
const TAIL_BYTES: u64 = 4096;
/// The length of a job's id in bytes.
const ID_BYTES: usize = 33;

pub(super) async fn suffer(victim: &mut Victim, chance: &mut Chance) -> Result<(), Failure> {
    let trace = victim.scratch.join("forget.txt");
    let _ = std::fs::remove_file(&trace);
    victim.server.kill().await?;
    let (before, files, of_it) = {
        let load = victim.load.clone();
        let _held_up = load.hold_up().await;
        let before = load.accepted(victim.kept.saturating_sub(RECORDING_MAX));
        let files = files_on_disk(&victim.server.data)?;
        victim.server.start_traced(&trace).await?;
        (before, files, load.accepted_count())
    };
    let leader = victim.server.pid()?.as_raw_nonzero().get();

    // Work, a moment of rest in which the log is emptied, and work again.
    tokio::time::sleep(chance.between(Duration::from_millis(800), Duration::from_millis(2500))).await;
    {
        let load = victim.load.clone();
        let _held_up = load.hold_up().await;
        let began = Instant::now();
        while tokio::fs::metadata(victim.server.log()).await.is_ok_and(|it| it.len() > 0)
            && began.elapsed() < EMPTY_WITHIN
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    tokio::time::sleep(chance.between(Duration::from_millis(300), Duration::from_millis(1500))).await;
    if chance.per_mille(300) {
        victim.server.signal(Signal::TERM)?;
        match victim.server.ended(Duration::from_secs(60)).await? {
            Some(status) if status.success() => {}
            other => victim.violations.push(format!("SIGTERM ended a recorded service as {other:?}")),
        }
    } else {
        victim.server.kill().await?;
    }
    let accepted = {
        let load = victim.load.clone();
        let _held_up = load.hold_up().await;
        load.accepted(Duration::MAX).split_off(of_it)
    };
    victim.server.start().await?;

    is_complete(&trace, leader).await?;
    let folder = victim.server.data.canonicalize()?;
    let recording = Recording {
        steps: read(&trace, &folder)?,
        files,
        before: before.into_iter().collect(),
        accepted: accepted.into_iter().collect(),
        scratch: victim.scratch.join("image"),
    };
    let (images, mut own, runtime) = (victim.images, chance.clone(), Handle::current());
    let examined = tokio::task::spawn_blocking(move || recording.examine(&runtime, images, &mut own));
    let found = examined.await.map_err(|error| Failure::new(error.to_string()))??;
    victim.totals.recorded += 1;
    victim.totals.forgetful_images += found.images;
    victim.totals.unsynced += found.unsynced;
    victim.totals.told += found.told;
    victim.totals.false_images += found.false_images;
    victim.violations.extend(found.violations);
    victim.recovers_from("a start after a recording").await
}

/// What the files of the store hold, once it is on the disk. Nobody may be using them.
fn files_on_disk(folder: &Path) -> Result<Files, Failure> {
    let mut files = Files::new();
    for name in NAMES {
        let path = folder.join(name);
        if path.exists() {
            File::open(&path)?.sync_all()?;
            files.insert(name.to_owned(), std::fs::read(path)?);
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(files)
}

/// Waits until strace has told the end of the process.
async fn is_complete(trace: &Path, leader: i32) -> Result<(), Failure> {
    let (began, leader) = (Instant::now(), leader.to_string());
    while began.elapsed() < TOLD_WITHIN {
        let is_end = |line: &str| line.split_once(' ').is_some_and(|(it, what)| it == leader && what.contains("+++ "));
        if end_of(trace)?.lines().any(is_end) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failure::new("strace did not tell the end of the service"))
}

/// The last lines of a trace, the first of them perhaps cut. It has hundreds of megabytes.
fn end_of(trace: &Path) -> Result<String, Failure> {
    let mut file = File::open(trace)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

fn read(trace: &Path, folder: &Path) -> Result<Vec<Step>, Failure> {
    let folder = folder.to_str().ok_or_else(|| Failure::new("the data directory is not named in UTF-8"))?;
    let mut reader = Reader::of(folder, &NAMES);
    let mut steps = Vec::new();
    for line in BufReader::new(File::open(trace)?).lines() {
        steps.extend(reader.line(&line?)?);
    }
    Ok(steps)
}

/// What one process did, from its start to its end.
struct Recording {
    steps: Vec<Step>,
    /// What was on the disk when it started.
    files: Files,
    /// The jobs that were accepted by then.
    before: HashSet<String>,
    /// The jobs that it accepted.
    accepted: HashSet<String>,
    scratch: PathBuf,
}

#[derive(Default)]
struct Found {
    images: u64,
    unsynced: u64,
    told: u64,
    false_images: u64,
    violations: Vec<String>,
}

impl Recording {
    /// Makes and opens so many images of moments of it, two of each.
    fn examine(&self, runtime: &Handle, images: usize, chance: &mut Chance) -> Result<Found, Failure> {
        let moments = self.moments(images.div_ceil(2), chance);
        let mut found = Found::default();
        let mut disk = Player::of(self.files.clone());
        let mut at = 0;
        for moment in moments {
            self.steps[at..moment].iter().try_for_each(|step| disk.play(step))?;
            at = moment;
            let expected = self.expected(&disk.told);
            for kept in [Kept::Nothing, Kept::PerMille(50 + chance.below(900))] {
                found.images += 1;
                found.told += expected.len() as u64;
                found.unsynced += disk.layer.unsynced(None) as u64;
                let verdict = self.lost(runtime, &disk.layer.image(kept, chance), &expected);
                if let Some(why) = verdict.map_or_else(|why| Some(why.to_string()), lost_text) {
                    let keep = self.scratch.with_extension(format!("forgot-{moment}-{}", found.images));
                    let _ = std::fs::rename(&self.scratch, &keep);
                    let steps = self.steps.len();
                    let what = format!("an image of step {moment} of {steps}, {kept:?} of the unsynced left");
                    found.violations.push(format!("{what}: {why} (kept: {keep:?})"));
                }
            }
        }
        self.steps[at..].iter().try_for_each(|step| disk.play(step))?;
        let silent = self.accepted.iter().filter(|id| !disk.told.contains(*id)).count();
        if silent > 0 {
            return Err(Failure::new(format!("the recording lacks the answers of {silent} accepted jobs")));
        }
        // A layer that forgets what was fsynced too must lose what the process accepted.
        if !self.accepted.is_empty() {
            let lost = self.lost(runtime, &self.files, &self.expected(&disk.told))?;
            if lost.is_empty() {
                return Err(Failure::new("an image without any write of the process holds every job that it accepted"));
            }
            found.false_images += 1;
        }
        Ok(found)
    }

    /// Where the power is cut, in order: anywhere, and as often in the middle of a copy of the log into the database.
    fn moments(&self, count: usize, chance: &mut Chance) -> Vec<usize> {
        let writes = |step: &Step| matches!(step, Step::Begins(_, Call::Write { name, .. }) if name == NAMES[0]);
        let copied: Vec<usize> = (0..self.steps.len()).filter(|at| writes(&self.steps[*at])).collect();
        let mut moments: Vec<usize> = (0..count)
            .map(|number| match number % 2 {
                0 if !copied.is_empty() => copied[chance.below(copied.len())] + 1 + chance.below(4),
                _ => chance.below(self.steps.len() + 1),
            })
            .map(|at| at.min(self.steps.len()))
            .collect();
        moments.sort_unstable();
        moments
    }

    fn expected(&self, told: &HashSet<String>) -> BTreeSet<String> {
        let known = |id: &&String| self.before.contains(*id) || self.accepted.contains(*id);
        self.before.iter().chain(told.iter().filter(known)).cloned().collect()
    }

    /// Which of the jobs are not in an image that opens and is sound.
    fn lost(&self, runtime: &Handle, files: &Files, expected: &BTreeSet<String>) -> Result<Vec<String>, Failure> {
        let _ = std::fs::remove_dir_all(&self.scratch);
        std::fs::create_dir_all(&self.scratch)?;
        for (name, content) in files {
            std::fs::write(self.scratch.join(name), content)?;
        }
        let jobs = image::open(runtime, &self.scratch.join(NAMES[0]))?;
        Ok(expected.difference(&jobs).cloned().collect())
    }
}

fn lost_text(lost: Vec<String>) -> Option<String> {
    lost.first().map(|id| format!("{} accepted jobs are lost, such as {id}", lost.len()))
}

/// The disk at a moment of a recording.
struct Player {
    layer: Layer,
    /// The ids of jobs that somebody was told of.
    told: HashSet<String>,
    /// The calls that threads are in, each with the moment at which it began.
    under_way: HashMap<u32, (Call, u64)>,
}

impl Player {
    fn of(files: Files) -> Player {
        Player { layer: Layer::of(files), told: HashSet::new(), under_way: HashMap::new() }
    }

    fn play(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Begins(thread, call) => {
                // Somebody may have heard it before the call returns.
                if let Call::Tell { bytes } = call {
                    let words = bytes.split(|byte| !byte.is_ascii_alphanumeric());
                    let ids = words.filter(|word| word.len() == ID_BYTES).flat_map(|word| std::str::from_utf8(word));
                    self.told.extend(ids.map(str::to_owned));
                }
                self.under_way.insert(*thread, (call.clone(), self.layer.now()));
            }
            Step::Fails(thread) => drop(self.under_way.remove(thread)),
            Step::Ends(thread, returned) => {
                let Some((call, began)) = self.under_way.remove(thread) else { return Ok(()) };
                let is_known = match call {
                    Call::Make { name } => {
                        self.layer.make(&name);
                        true
                    }
                    Call::Write { name, at, mut bytes } => {
                        bytes.truncate(*returned as usize);
                        self.layer.write(&name, at, bytes)
                    }
                    Call::Length { name, length } => self.layer.set_length(&name, length),
                    Call::Sync { name } => {
                        self.layer.sync(&name, began);
                        true
                    }
                    Call::SyncFolder => {
                        self.layer.sync_folder(began);
                        true
                    }
                    Call::Remove { name } => {
                        self.layer.remove(&name);
                        true
                    }
                    Call::Tell { .. } => true,
                };
                if !is_known {
                    return Err(Failure::new("a file was written that the recording did not see opened"));
                }
            }
        }
        Ok(())
    }
}
