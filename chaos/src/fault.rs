//! The faults: what each is called, and the order in which a seed brings them.
//!
//! Each fault is one file beneath: it breaks the service, ends the fault, and says what it found. A fault leaves a running
//! service behind.

mod deadly;
mod forget;
mod full;
mod io;
mod kill;
mod stop;
mod term;
mod torn;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rustix::process::Signal;

use crate::chance::Chance;
use crate::disk::Disk;
use crate::failure::Failure;
use crate::load::Load;
use crate::server::Server;

/// The service takes work again this long after a fault has ended (failure rule A14).
const RECOVERY_MAX: Duration = Duration::from_secs(5);
/// Beyond the recovery time the harness still waits, to tell a service that is late from one that is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// The log of the store is never longer (failure rule A15).
const LOG_MAX: u64 = 256 << 20;
/// How long a stop may be on its way.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// kill -9 at a random moment, and a new start.
    Kill,
    /// SIGTERM, and a new start.
    Term,
    /// SIGSTOP for three leases, a second start meanwhile, SIGCONT.
    Stop,
    /// The disk, or the size that files may have, is used up, and free again.
    Full,
    /// EIO, ENOSPC or EINTR from fdatasync, fsync and pwrite64.
    Io,
    /// Images of the store as a power cut may leave them, opened.
    Torn,
    /// Images of the store as a disk may have it that forgets what was not fsynced, opened.
    Forget,
    /// An object that ends whoever reads it; the binary must be built with --features failpoints.
    Deadly,
}

/// What came of the faults.
#[derive(Debug, Default)]
pub struct Totals {
    /// kill -9.
    pub kills: u64,
    /// SIGTERM.
    pub terms: u64,
    /// SIGSTOP past the lease.
    pub stops: u64,
    /// Leases that were held when it was stopped.
    pub leases_stopped: u64,
    /// Starts beside a living service that were refused.
    pub second_starts_refused: u64,
    /// Disk-full cycles on a full file system.
    pub full_disks: u64,
    /// Disk-full cycles by RLIMIT_FSIZE.
    pub full_limits: u64,
    /// Errors injected into calls of the system.
    pub injected_errors: u64,
    /// Images opened.
    pub images: u64,
    /// Processes all of whose writes were recorded.
    pub recorded: u64,
    /// Images opened that lack what was not fsynced, all of it or a part.
    pub forgetful_images: u64,
    /// Writes, lengths and names that were not fsynced at the moments of those images.
    pub unsynced: u64,
    /// Jobs that had been told to somebody at those moments, all of which had to be found.
    pub told: u64,
    /// Images that lack what was fsynced too; each must lack jobs, or the layer forgets nothing.
    pub false_images: u64,
    /// Jobs whose object ended every process that read it.
    pub deadly: u64,
    /// The processes that died of them.
    pub deaths: u64,
    /// The longest log of the store that was met before a fault, in bytes.
    pub log_longest: u64,
    /// The most memory that a process had, in KiB, as far as it was asked before a fault.
    pub memory_most: u64,
    /// The longest time from the end of a fault to an accepted submit.
    pub recovery_longest: Duration,
}

/// A running service with all that a fault needs of it.
#[derive(Debug)]
pub struct Victim {
    /// The service.
    pub server: Server,
    /// Its clients.
    pub load: Arc<Load>,
    /// Where its data directory is.
    pub disk: Disk,
    /// A folder for images.
    pub scratch: PathBuf,
    /// How long after its answer a job is surely still in the store.
    pub kept: Duration,
    /// How many images are made of one moment.
    pub images: usize,
    /// What came of it so far.
    pub totals: Totals,
    /// Promises that were not kept.
    pub violations: Vec<String>,
}

impl Victim {
    /// Brings one fault upon it.
    pub async fn suffer(&mut self, fault: Fault, chance: &mut Chance) -> Result<(), Failure> {
        if let Some(status) = self.server.has_ended() {
            self.violations.push(format!("the service ended by itself before a fault: {status}"));
            self.server.ended(Duration::ZERO).await?;
            self.server.start().await?;
        }
        self.server.count_joined().await;
        self.measure();
        match fault {
            Fault::Kill => kill::suffer(self, chance).await,
            Fault::Term => term::suffer(self, chance).await,
            Fault::Stop => stop::suffer(self, chance).await,
            Fault::Full => full::suffer(self, chance).await,
            Fault::Io => io::suffer(self, chance).await,
            Fault::Torn => torn::suffer(self, chance).await,
            Fault::Forget => forget::suffer(self, chance).await,
            Fault::Deadly => deadly::suffer(self).await,
        }
    }

    /// How long the log and how large the process is.
    pub fn measure(&mut self) {
        let log = std::fs::metadata(self.server.log()).map_or(0, |it| it.len());
        self.totals.log_longest = self.totals.log_longest.max(log);
        if log > LOG_MAX {
            self.violations.push(format!("the log of the store has {log} bytes"));
        }
        self.totals.memory_most = self.totals.memory_most.max(self.server.memory_kibibytes().unwrap_or(0));
    }

    /// Submits until one is accepted; later than it may be is a violation.
    pub async fn recovers_from(&mut self, fault: &str) -> Result<(), Failure> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.load.submit().await? {
                let took = began.elapsed();
                self.totals.recovery_longest = self.totals.recovery_longest.max(took);
                if took > RECOVERY_MAX {
                    self.violations.push(format!("{took:.1?} passed after {fault} until a job was accepted"));
                }
                return Ok(());
            }
        }
        self.violations.push(format!("no job was accepted within {PATIENCE:?} after {fault}"));
        Ok(())
    }

    /// Stops the process so that its files do not change.
    async fn freeze(&self) -> Result<(), Failure> {
        self.server.signal(Signal::STOP)?;
        self.is_stopped().await
    }

    /// Returns when a signal on its way has stopped every thread of the process.
    pub async fn is_stopped(&self) -> Result<(), Failure> {
        let status = format!("/proc/{}/stat", self.server.pid()?.as_raw_nonzero());
        let began = Instant::now();
        while began.elapsed() < STOPPED_WITHIN {
            let text = tokio::fs::read_to_string(&status).await?;
            if text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['T', 't'])) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(Failure::new("the service does not stop on SIGSTOP"))
    }
}

/// The faults of a run, one after the other: rounds in which each of the list comes once, in an order of its own.
#[derive(Debug)]
pub struct Schedule {
    faults: Vec<Fault>,
    round: Vec<Fault>,
    pause_max: Duration,
    chance: Chance,
    /// How many faults were given.
    pub given: u64,
}

impl Schedule {
    /// The schedule of a seed.
    pub fn of(seed: u64, faults: Vec<Fault>, pause_max: Duration) -> Schedule {
        Schedule { faults, round: Vec::new(), pause_max, chance: Chance::of(seed, 0x5c4e_d01e), given: 0 }
    }

    /// The next fault, the pause before it, and its own numbers.
    pub fn next(&mut self) -> (Duration, Fault, Chance) {
        if self.round.is_empty() {
            self.round = self.faults.clone();
            self.chance.shuffle(&mut self.round);
        }
        self.given += 1;
        let fault = self.round.pop().unwrap_or(Fault::Kill);
        let pause = self.chance.between(self.pause_max / 15, self.pause_max);
        let own = Chance::of(self.chance.next(), self.given);
        (pause, fault, own)
    }

    /// Whether a round has just ended, and how many have.
    pub fn rounds(&self) -> u64 {
        self.given / self.faults.len().max(1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_its_schedule() {
        let of = |seed| {
            let mut schedule = Schedule::of(seed, Fault::value_variants().to_vec(), Duration::from_secs(3));
            (0..100)
                .map(|_| schedule.next())
                .map(|(pause, fault, mut own)| (pause, fault, own.next()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }
}
