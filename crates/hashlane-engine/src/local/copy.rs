//! Bytes from one local file to another, inside the kernel where it can: a file system that shares blocks copies nothing.
//!
//! It promises that just that range arrives or there is an error, and that a copy which nobody waits for any more stops
//! within a step. What is left out on purpose: digests; whoever copies knows them from before.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

/// How much is copied between two looks whether it is still wanted.
const STEP_BYTES: u64 = 16 * 1024 * 1024;
/// How much is in memory where the kernel does not copy itself.
const BUFFER_BYTES: usize = 256 * 1024;

/// Whether a copy is still wanted; it is not when its [`Wish`] was dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted(Arc<AtomicBool>);

/// Held by whoever waits for a copy.
#[derive(Debug)]
pub(crate) struct Wish(Wanted);

impl Wanted {
    /// A copy that is wanted as long as the wish is held.
    pub(crate) fn while_held() -> (Wanted, Wish) {
        let wanted = Wanted::default();
        (wanted.clone(), Wish(wanted))
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Copies `bytes` of `from`, beginning at `from_at`, to `to_at` of another file.
///
/// # Errors
/// `CANCELED` when it is not wanted any more, `NODATA` when the source ends before; else those of reading and writing.
pub(super) fn range(
    (from, mut from_at): (&File, u64),
    (to, mut to_at): (&File, u64),
    bytes: u64,
    wanted: &Wanted,
) -> Result<(), Errno> {
    let (end, mut in_kernel) = (from_at + bytes, true);
    while from_at < end {
        if wanted.0.load(Ordering::Relaxed) {
            return Err(Errno::CANCELED);
        }
        let step = STEP_BYTES.min(end - from_at);
        if in_kernel {
            let step = usize::try_from(step).unwrap_or(BUFFER_BYTES);
            match rustix::fs::copy_file_range(from, Some(&mut from_at), to, Some(&mut to_at), step) {
                // Some file systems say so of files that they cannot copy.
                Ok(0) => in_kernel = false,
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::BADF) => {
                    in_kernel = false;
                }
                Err(errno) => return Err(errno),
            }
            continue;
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut left = step;
        while left > 0 {
            let piece = &mut buffer[..usize::try_from(left).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES))];
            from.read_exact_at(piece, from_at).map_err(|error| of_read(&error))?;
            to.write_all_at(piece, to_at).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            let copied = piece.len() as u64;
            (from_at, to_at, left) = (from_at + copied, to_at + copied, left - copied);
        }
    }
    Ok(())
}

fn of_read(error: &std::io::Error) -> Errno {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Errno::NODATA,
        _ => Errno::from_io_error(error).unwrap_or(Errno::IO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> File {
        let file = tempfile::tempfile().expect("a temporary file");
        file.write_all_at(content, 0).expect("written");
        file
    }

    #[test]
    fn a_range_arrives_at_its_place_and_nothing_else_changes() {
        let (from, to) = (file(b"0123456789"), file(b"abcdefgh"));
        range((&from, 2), (&to, 3), 4, &Wanted::default()).expect("copied");
        let mut read = [0; 8];
        to.read_exact_at(&mut read, 0).expect("read");
        assert_eq!(&read, b"abc2345h");
        assert_eq!(range((&from, 8), (&to, 0), 3, &Wanted::default()), Err(Errno::NODATA));
    }

    #[test]
    fn a_copy_that_nobody_wants_any_more_stops() {
        let (wanted, wish) = Wanted::while_held();
        let (from, to) = (file(b"0123456789"), file(b""));
        range((&from, 0), (&to, 0), 10, &wanted).expect("it is wanted");
        drop(wish);
        assert_eq!(range((&from, 0), (&to, 0), 10, &wanted), Err(Errno::CANCELED));
    }
}
