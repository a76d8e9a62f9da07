//! The identity of one version of a local file: what must not change between the first and the last byte.
//!
//! It promises that two readings of the same path with equal identities saw the same file, and the same content as far as
//! the file system can tell. The change time (ctime) is not part of it, since our own writes of extended attributes move it
//! and leave object and ETag alone; `local/change_time.rs` watches it apart. What none of these times can tell: stores
//! through a shared memory map to pages that were dirty before, and a single write call that was under way for longer than
//! a tick of the clock when the file was opened, since the kernel stamps a write at its beginning.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use hashlane_job::Timestamp;

/// One version of a local file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The device of the file system.
    pub(crate) device: u64,
    /// The inode on that device.
    pub(crate) inode: u64,
    /// The length.
    pub(crate) size_bytes: u64,
    /// The modified time: seconds since the Unix epoch, rounded down.
    pub(crate) modified_seconds: i64,
    /// The modified time: nanoseconds within the second, 0 to 999,999,999.
    pub(crate) modified_nanos: i64,
}

impl Identity {
    /// The identity that these facts of the file system tell.
    pub(crate) fn of(metadata: &Metadata) -> Identity {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size_bytes: metadata.size(),
            modified_seconds: metadata.mtime(),
            modified_nanos: metadata.mtime_nsec(),
        }
    }

    /// The modified time, to the millisecond.
    pub(crate) fn modified(&self) -> Timestamp {
        let nanos = u64::try_from(self.modified_nanos).unwrap_or(0);
        Timestamp::from_unix_seconds(self.modified_seconds).plus(Duration::from_nanos(nanos))
    }
}

/// Whether a stamp of a file is so fresh that a later write could leave the same one, so that it would go unseen.
///
/// File systems stamp files with the kernel's coarse clock, which stands still for 1 to 10 ms, or keep whole seconds only.
/// A write that comes after this stamp was read is stamped no earlier than `coarse`, when that is what the coarse clock
/// showed *before* the stamp was read. So an older stamp proves that any later write will differ, and so does one that
/// lies further in the future than a stamp of now can, since nobody's clock gave it. Both are seconds and nanoseconds.
pub(crate) fn is_fresh(stamp: (i64, i64), coarse: (i64, i64)) -> bool {
    /// The longest tick of a Linux kernel is 10 ms; fine-grained stamps may run ahead of the coarse clock by one.
    const TICK_NANOS: i64 = 10_000_000;
    if stamp.1 == 0 && stamp.0 == coarse.0 {
        return true;
    }
    let seconds = stamp.0.saturating_sub(coarse.0);
    let ahead = seconds.saturating_mul(1_000_000_000).saturating_add(stamp.1 - coarse.1);
    (0..=TICK_NANOS).contains(&ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modified(modified_seconds: i64, modified_nanos: i64) -> Identity {
        Identity { device: 1, inode: 2, size_bytes: 3, modified_seconds, modified_nanos }
    }

    #[test]
    fn a_stamp_that_a_later_write_could_repeat_is_fresh() {
        for (stamp, coarse, fresh) in [
            ((100, 5), (100, 5), true),
            ((100, 4), (100, 5), false),
            ((100, 4_000_005), (100, 5), true),
            ((100, 999_999_999), (101, 3), false),
            ((101, 3), (100, 999_999_999), true),
            ((99, 5), (100, 4), false),
            ((2_000_000_000, 1), (100, 5), false),
            ((i64::MAX, 1), (i64::MIN, 5), false),
            // Whole seconds: the file system may keep no more.
            ((100, 0), (100, 900_000_000), true),
            ((99, 0), (100, 900_000_000), false),
        ] {
            assert_eq!(is_fresh(stamp, coarse), fresh, "{stamp:?} at {coarse:?}");
        }
    }

    #[test]
    fn times_before_the_epoch_are_told_too() {
        assert_eq!(modified(-1, 999_000_000).modified().unix_millis(), -1);
        assert_eq!(modified(1_700_000_000, 123_456_789).modified().unix_millis(), 1_700_000_000_123);
    }
}
