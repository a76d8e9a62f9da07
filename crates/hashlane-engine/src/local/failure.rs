//! System errors at local files, as a client is told of them.
//!
//! It promises a code that says what to do, and a message without paths of the server.

use hashlane_job::{FailureCode, JobError};
use rustix::io::Errno;

use crate::storage::{StorageError, StorageFault};

/// What an error at opening a key's path says of the object.
pub(crate) fn at_open(errno: Errno) -> JobError {
    let (code, message) = match errno {
        Errno::NOENT | Errno::NOTDIR => (FailureCode::NotFound, "the object does not exist"),
        Errno::NAMETOOLONG => {
            (FailureCode::NotFound, "the object does not exist: its key is longer than the bucket's file system allows")
        }
        Errno::INVAL | Errno::ILSEQ => (
            FailureCode::NotFound,
            "the object does not exist: its key is not a name that the bucket's file system allows",
        ),
        // How openat2 says that a link or `..` leads out of the folder.
        Errno::XDEV => (FailureCode::Denied, "the key leaves the bucket's folder"),
        Errno::LOOP => (FailureCode::Denied, "the key leads through links that go in a circle or to no file"),
        // Sockets and devices without a driver cannot even be opened.
        Errno::NXIO | Errno::NODEV => (FailureCode::Denied, NOT_A_REGULAR_FILE),
        Errno::ACCESS | Errno::PERM => (FailureCode::Denied, "the server may not read the object"),
        other => return at_read(&other.into()),
    };
    JobError::permanent(code, message)
}

/// The message for folders, pipes, sockets and devices.
pub(crate) const NOT_A_REGULAR_FILE: &str = "the object is not a regular file";

/// What an error at reading or looking at an open file says.
pub(crate) fn at_read(error: &std::io::Error) -> JobError {
    let errno = Errno::from_io_error(error);
    let message = match errno {
        Some(Errno::MFILE | Errno::NFILE) => "the server has too many files open".to_owned(),
        Some(errno) => format!("reading the object failed: {}", reason(errno)),
        None => "reading the object failed".to_owned(),
    };
    JobError::temporary(FailureCode::Unreadable, message)
}

/// The object is not what it was when its reading began.
pub(crate) fn changed() -> JobError {
    JobError::temporary(FailureCode::Changed, "the object changed while it was read")
}

/// What an error at writing an extended attribute says.
pub(crate) fn at_header(errno: Errno) -> JobError {
    let message = match errno {
        Errno::NOTSUP => "the file system of the bucket keeps no extended attributes".to_owned(),
        Errno::ACCESS | Errno::PERM => "the server may not write to the object".to_owned(),
        Errno::ROFS => "the file system of the bucket is read-only".to_owned(),
        Errno::NOSPC | Errno::DQUOT | Errno::TOOBIG => {
            "there is no space for another attribute of the object".to_owned()
        }
        other => format!("writing the attribute failed: {}", reason(other)),
    };
    JobError::permanent(FailureCode::HeaderDenied, format!("the digest could not be stored: {message}"))
}

/// What an error at storing, deleting or listing says.
pub(crate) fn at_write(errno: Errno) -> StorageError {
    let (fault, message) = match errno {
        Errno::NOTDIR => {
            (StorageFault::Conflict, "a part of the key before a slash is an object, so it cannot be a folder")
        }
        Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST => {
            (StorageFault::Conflict, "there are objects whose keys begin with this key and a slash, so it is a folder")
        }
        Errno::NAMETOOLONG => (StorageFault::InvalidKey, "the key is longer than the bucket's file system allows"),
        Errno::INVAL | Errno::ILSEQ => {
            (StorageFault::InvalidKey, "the key is not a name that the bucket's file system allows")
        }
        Errno::XDEV => {
            (StorageFault::Denied, "the key leaves the bucket's folder, or its folder is on another file system")
        }
        Errno::LOOP => (StorageFault::Denied, "the key leads through links that go in a circle or to no folder"),
        Errno::ACCESS | Errno::PERM => (StorageFault::Denied, "the server may not write to the bucket's folder"),
        Errno::ROFS => (StorageFault::Denied, "the file system of the bucket is read-only"),
        Errno::NOSPC | Errno::DQUOT => (StorageFault::Full, "the file system of the bucket is full"),
        Errno::FBIG => (StorageFault::Full, "the object is larger than the bucket's file system allows"),
        Errno::MFILE | Errno::NFILE => (StorageFault::Unavailable, "the server has too many files open"),
        other => {
            let message = format!("the storage of the bucket failed: {}", reason(other));
            return StorageError::new(StorageFault::Unavailable, message);
        }
    };
    StorageError::new(fault, message)
}

/// The text of the system, without the number that Rust adds.
fn reason(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_can_be_done() {
        for (errno, code, may_retry) in [
            (Errno::NOENT, FailureCode::NotFound, false),
            (Errno::NOTDIR, FailureCode::NotFound, false),
            (Errno::NAMETOOLONG, FailureCode::NotFound, false),
            (Errno::XDEV, FailureCode::Denied, false),
            (Errno::LOOP, FailureCode::Denied, false),
            (Errno::NXIO, FailureCode::Denied, false),
            (Errno::ACCESS, FailureCode::Denied, false),
            (Errno::IO, FailureCode::Unreadable, true),
            (Errno::STALE, FailureCode::Unreadable, true),
            (Errno::MFILE, FailureCode::Unreadable, true),
            (Errno::AGAIN, FailureCode::Unreadable, true),
        ] {
            let error = at_open(errno);
            assert_eq!((error.code, error.may_retry), (code, may_retry), "{errno:?}");
        }
    }

    #[test]
    fn messages_are_plain_words() {
        assert_eq!(at_open(Errno::IO).message, "reading the object failed: input/output error");
        assert_eq!(
            at_header(Errno::NOTSUP).message,
            "the digest could not be stored: the file system of the bucket keeps no extended attributes"
        );
    }
}
