//! Room: the disk and the memory that must be free before a job is accepted (`limits.disk_free`, `limits.memory_free`).
//!
//! It promises that what cannot be kept is refused before anything is written, by 503 `SlowDown` with `Retry-After`, and that the
//! refusals end by themselves within half a second of there being room again. What is left out on purpose: the room of the buckets'
//! folders, which an upload finds out by itself and takes nothing from jobs.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::refusal::Refusal;

/// How long an answer of the system holds. Asking costs some microseconds, which is too much for each of thousands of jobs a second
/// and nothing twice a second.
const GLANCE: Duration = Duration::from_millis(500);

/// What must be free.
#[derive(Debug, Clone, Default)]
pub struct RoomLimits {
    /// A folder on the file system of the job store; none when the store is elsewhere.
    pub folder: Option<PathBuf>,
    /// Bytes that must be free there; 0 asks for none.
    pub disk_free_bytes: u64,
    /// Bytes of memory that must be available; 0 asks for none.
    pub memory_free_bytes: u64,
}

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Short {
    Disk,
    Memory,
}

/// Watches the limits.
pub(crate) struct Room {
    limits: RoomLimits,
    seen: Mutex<Option<(Instant, Option<Short>)>>,
}

impl Room {
    /// Nothing is asked for yet.
    pub(crate) fn new(limits: RoomLimits) -> Room {
        Room { limits, seen: Mutex::new(None) }
    }

    /// Whether a job may be accepted.
    ///
    /// # Errors
    /// 503 `SlowDown` when there is too little disk or memory. What cannot be asked for is not in the way.
    pub(crate) fn ask(&self) -> Result<(), Refusal> {
        let short = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            match *seen {
                Some((at, short)) if at.elapsed() < GLANCE => short,
                _ => {
                    let short = self.look();
                    *seen = Some((Instant::now(), short));
                    short
                }
            }
        };
        let (resource, message, cause) = match short {
            None => return Ok(()),
            Some(Short::Disk) => {
                let message = "the server has too little disk space to accept jobs, please try again later";
                (
                    "disk",
                    message,
                    "the file system of the data directory has less than limits.disk_free: free some space",
                )
            }
            Some(Short::Memory) => {
                let message = "the server has too little memory to accept jobs, please try again later";
                ("memory", message, "the machine has less memory available than limits.memory_free")
            }
        };
        metrics::counter!("hashlane_room_refusals_total", "resource" => resource).increment(1);
        Err(Refusal::slow_down(message, Some(cause.to_owned())))
    }

    fn look(&self) -> Option<Short> {
        let RoomLimits { folder, disk_free_bytes, memory_free_bytes } = &self.limits;
        let below = |free: Option<u64>, least: u64| least > 0 && free.is_some_and(|free| free < least);
        if *disk_free_bytes > 0 && below(folder.as_deref().and_then(disk_free), *disk_free_bytes) {
            return Some(Short::Disk);
        }
        if *memory_free_bytes > 0 && below(memory_free(), *memory_free_bytes) {
            return Some(Short::Memory);
        }
        None
    }
}

/// Bytes that a process without privileges may still write to the file system of a folder.
fn disk_free(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes of memory that the kernel says can be had without swapping: of the machine, or of the process's control group (version 2)
/// when that is less. File pages that nobody uses count as free in both.
fn memory_free() -> Option<u64> {
    let machine = available(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    Some(group_free().map_or(machine, |group| group.min(machine)))
}

/// `MemAvailable` of `/proc/meminfo` in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What the control group of this process may still take; none without a limit.
fn group_free() -> Option<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = Path::new("/sys/fs/cgroup").join(path);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    free_of_group(&read("memory.max")?, &read("memory.current")?, &read("memory.stat")?)
}

fn free_of_group(max: &str, current: &str, stat: &str) -> Option<u64> {
    let (max, current): (u64, u64) = (max.trim().parse().ok()?, current.trim().parse().ok()?);
    let idle_files = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let idle_files: u64 = idle_files.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0);
    Some(max.saturating_sub(current.saturating_sub(idle_files)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_of_memory_is_read_in_bytes() {
        let meminfo = "MemTotal:       24645924 kB\nMemFree:          100 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available(meminfo), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert_eq!(available("MemAvailable: 99999999999999999999 kB\n"), None);
    }

    #[test]
    fn file_pages_that_nobody_uses_are_free_in_a_control_group() {
        assert_eq!(free_of_group("1000\n", "900\n", "anon 1\ninactive_file 300\n"), Some(400));
        assert_eq!(free_of_group("1000\n", "1200\n", "anon 1\n"), Some(0));
        assert_eq!(free_of_group("max\n", "900\n", ""), None, "no limit");
    }
}
