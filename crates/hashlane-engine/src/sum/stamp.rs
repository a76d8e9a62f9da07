//! What a look at an open file tells of changes: its identity, its change time, and whether that time is to be trusted.
//!
//! A file is looked at once, after its last byte. A write after the opening is stamped no earlier than the coarse clock
//! was before the opening; so a change time that is earlier proves that nothing was written meanwhile, and one look does the
//! work of two. That argument needs stamps that come from this kernel's own clock and keep parts of a second, which is
//! known of the file systems listed here; on all others (network, FAT) a file is looked at before and after.

use std::fs::File;

use rustix::fs::{FileType, fstat, fstatfs};
use rustix::time::{ClockId, clock_gettime};

use crate::identity::{self, Identity};

/// File systems that stamp with the clock of this kernel, by their magic numbers (statfs(2)).
const STAMPED_HERE: [u64; 9] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683E, // btrfs
    0x0102_1994, // tmpfs
    0xF2F5_2010, // f2fs
    0x2FC1_2FC1, // zfs
    0x794C_7630, // overlayfs: the stamps of what lies beneath, which is local where it can be written
    0x7371_7368, // squashfs, read-only
    0xE0F5_E1E2, // erofs, read-only
];

/// Seconds since the Unix epoch and nanoseconds: what the kernel's coarse clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64, i64);

impl Moment {
    /// Now.
    pub(crate) fn now() -> Moment {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        Moment(now.tv_sec, now.tv_nsec)
    }
}

/// One look at an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) identity: Identity,
    changed: Moment,
    pub(crate) is_regular: bool,
    pub(crate) is_folder: bool,
}

impl Look {
    /// Looks.
    pub(crate) fn at(file: &File) -> std::io::Result<Look> {
        // Not `File::metadata`: that asks for the birth time too, which makes the call longer.
        let facts = fstat(file)?;
        let kind = FileType::from_raw_mode(facts.st_mode);
        let (modified_nanos, changed_nanos) = (facts.st_mtime_nsec as i64, facts.st_ctime_nsec as i64);
        Ok(Look {
            identity: Identity {
                device: facts.st_dev,
                inode: facts.st_ino,
                size_bytes: u64::try_from(facts.st_size).unwrap_or(0),
                modified_seconds: facts.st_mtime,
                modified_nanos,
            },
            changed: Moment(facts.st_ctime, changed_nanos),
            is_regular: kind == FileType::RegularFile,
            is_folder: kind == FileType::Directory,
        })
    }

    /// Whether the last change is proven to be older than that moment, where the file system's stamps come from here.
    pub(crate) fn is_older_than(&self, moment: Moment) -> bool {
        self.changed < moment && !self.is_fresh(moment)
    }

    /// Whether a change after that moment could leave the same stamp.
    pub(crate) fn is_fresh(&self, moment: Moment) -> bool {
        identity::is_fresh((self.changed.0, self.changed.1), (moment.0, moment.1))
    }
}

/// Which devices stamp with this kernel's clock, asked once for each.
#[derive(Debug, Default)]
pub(crate) struct Devices(Vec<(u64, bool)>);

impl Devices {
    /// Devices that are remembered: overlays make up a device for a file here and there.
    const REMEMBERED_MAX: usize = 64;

    /// Whether the device that this file is on is one of those.
    pub(crate) fn stamp_here(&mut self, file: &File, device: u64) -> bool {
        if let Some((_, here)) = self.0.iter().find(|(known, _)| *known == device) {
            return *here;
        }
        let magic = fstatfs(file).map(|facts| facts.f_type as u64 & 0xFFFF_FFFF);
        let here = magic.is_ok_and(|magic| STAMPED_HERE.contains(&magic));
        if self.0.len() == Devices::REMEMBERED_MAX {
            self.0.clear();
        }
        self.0.push((device, here));
        here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(seconds: i64, nanos: i64) -> Look {
        let identity = Identity { device: 1, inode: 2, size_bytes: 3, modified_seconds: 0, modified_nanos: 0 };
        Look { identity, changed: Moment(seconds, nanos), is_regular: true, is_folder: false }
    }

    #[test]
    fn a_stamp_proves_that_nothing_changed_only_when_it_is_older_than_the_opening() {
        let opening = Moment(100, 500);
        for (look, older) in [
            (changed(100, 499), true),
            (changed(99, 999_999_999), true),
            (changed(100, 500), false),
            (changed(100, 501), false),
            // Later than any tick, as after a write in a long reading, or by a clock that was set wrong.
            (changed(105, 0), false),
            // Whole seconds: the file system may keep no more.
            (changed(100, 0), false),
            (changed(99, 0), true),
        ] {
            assert_eq!(look.is_older_than(opening), older, "{look:?}");
        }
    }
}
