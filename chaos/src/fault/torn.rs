//! Power cuts: the files of one moment with the end of the log torn, each opened as a store.
//!
//! The service is stopped while they are copied, so that they are of one moment. Promised of each image: it opens, a check
//! finds no problem, and it holds exactly the jobs of the last whole commit before the tear. Promised of the untorn one: it
//! holds every job that was accepted before.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rustix::process::Signal;
use tokio::runtime::Handle;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::fault::Victim;
use crate::image;
use crate::wal::commit_ends;

/// The tears are this far apart: what a disk writes as one.
const SECTOR: usize = 512;
/// How far back from its end the log is torn.
const TAIL: usize = 64 << 10;

pub(super) async fn suffer(victim: &mut Victim, chance: &mut Chance) -> Result<(), Failure> {
    let accepted = victim.load.accepted(victim.kept);
    victim.freeze().await?;
    let (database, log) = (victim.server.database(), victim.server.log());
    let copied =
        tokio::task::spawn_blocking(move || Ok::<_, std::io::Error>((std::fs::read(database)?, std::fs::read(log)?)));
    let copied = copied.await;
    victim.server.signal(Signal::CONT)?;
    let (database, log) = copied.map_err(|error| Failure::new(error.to_string()))??;

    let moment = Moment { scratch: victim.scratch.join("image"), database, ends: commit_ends(&log), log };
    let (images, mut own) = (victim.images, chance.clone());
    let runtime = Handle::current();
    let examined = tokio::task::spawn_blocking(move || {
        let mut violations = Vec::new();
        let images = moment.examine(&runtime, &accepted, images, &mut own, &mut violations)?;
        Ok::<_, Failure>((images, violations))
    });
    let (images, violations) = examined.await.map_err(|error| Failure::new(error.to_string()))??;
    victim.totals.images += images;
    victim.violations.extend(violations);
    Ok(())
}

/// The files of one moment.
struct Moment {
    scratch: PathBuf,
    database: Vec<u8>,
    log: Vec<u8>,
    ends: Vec<usize>,
}

impl Moment {
    fn examine(
        &self,
        runtime: &Handle,
        accepted: &[String],
        images: usize,
        chance: &mut Chance,
        violations: &mut Vec<String>,
    ) -> Result<u64, Failure> {
        let end = self.ends.last().copied().unwrap_or(0);
        let whole = self.jobs_at(end)?;
        let lost: Vec<&String> = accepted.iter().filter(|id| !whole.contains(*id)).collect();
        if !lost.is_empty() {
            violations.push(format!("{} accepted jobs are not in an image of the files: {:?}", lost.len(), lost[0]));
        }
        let mut tears: Vec<usize> = (0..TAIL / SECTOR).filter_map(|at| end.checked_sub(at * SECTOR)).collect();
        chance.shuffle(&mut tears);
        let mut count = 0;
        for tear in tears.into_iter().take(images.div_ceil(2)) {
            let commit = self.ends.iter().rev().find(|end| **end <= tear).copied().unwrap_or(0);
            let expected = if commit == end { whole.clone() } else { self.jobs_at(commit)? };
            let mut zeroed = self.log.clone();
            zeroed[tear..end].fill(0);
            for (how, log) in [("cut", &self.log[..tear]), ("zeroed", &zeroed)] {
                count += 1;
                if let Err(why) = self.open(runtime, log, &expected) {
                    let keep = self.scratch.with_extension(format!("bad-{tear}-{how}"));
                    let _ = std::fs::rename(&self.scratch, &keep);
                    violations
                        .push(format!("an image whose log was {how} at byte {tear} of {end}: {why} (kept: {keep:?})"));
                }
            }
        }
        Ok(count)
    }

    fn write(&self, log: &[u8]) -> Result<PathBuf, Failure> {
        let _ = std::fs::remove_dir_all(&self.scratch);
        std::fs::create_dir_all(&self.scratch)?;
        let path = self.scratch.join("hashlane.db");
        std::fs::write(&path, &self.database)?;
        std::fs::write(self.scratch.join("hashlane.db-wal"), log)?;
        Ok(path)
    }

    /// The jobs that SQLite alone finds when the log ends with this commit.
    fn jobs_at(&self, commit: usize) -> Result<BTreeSet<String>, Failure> {
        image::jobs(&self.write(&self.log[..commit])?)
    }

    fn open(&self, runtime: &Handle, log: &[u8], expected: &BTreeSet<String>) -> Result<(), Failure> {
        let found = image::open(runtime, &self.write(log)?)?;
        if found != *expected {
            return Err(Failure::new(format!("{} jobs instead of {}", found.len(), expected.len())));
        }
        Ok(())
    }
}
