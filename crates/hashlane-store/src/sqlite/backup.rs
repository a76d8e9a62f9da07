//! `backup`: a consistent copy of a store, also while a server writes to it.
//!
//! It promises that the file of the given name is whole or not there, and that what was committed before the call is in it. It
//! leaves out how copies are kept and moved: that is the operator's.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{connection, schema};
use crate::{StoreError, StoreErrorKind};

/// Copies the store at `path` to the new file `to`.
///
/// The copy is one read transaction: the write-ahead log of a server that is running cannot start over until it is done.
pub(super) fn backup(path: &Path, to: &Path) -> Result<(), StoreError> {
    if to.try_exists().unwrap_or(false) {
        return Err(StoreError::new(
            StoreErrorKind::Refused,
            format!("{} exists already, name a file that does not", to.display()),
        ));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let source = connection::open_reader(path)?;
    schema::require(&source)?;
    let result = copy(&source, &partial).and_then(|()| publish(&partial, to));
    if result.is_err() {
        // Half a copy is of no use, and the next one would find it in its way.
        let _ = std::fs::remove_file(&partial);
    }
    result
}

fn copy(source: &rusqlite::Connection, partial: &Path) -> Result<(), StoreError> {
    let cannot = |error: std::io::Error| cannot_write(partial, &error);
    // Made here and not by SQLite, so that nobody else may read it: jobs hold addresses and user data. What an earlier backup
    // left that was killed goes.
    let options = OpenOptions::new().create(true).truncate(true).write(true).mode(connection::OWNER_ONLY).clone();
    options.open(partial).map_err(cannot)?;
    source.execute("vacuum into ?1", [partial.to_string_lossy()]).map_err(|error| StoreError {
        message: format!("cannot copy to {}: {error}", partial.display()),
        ..error.into()
    })?;
    // A copy that nobody has read is a hope.
    let problems = super::check::damage(&connection::open_reader(partial)?)?;
    match problems.first() {
        None => Ok(()),
        Some(problem) => Err(StoreError::corrupt(format!("the copy is damaged: {problem}"))),
    }
}

/// Makes the copy durable, then visible under its name.
fn publish(partial: &Path, to: &Path) -> Result<(), StoreError> {
    let cannot = |error: std::io::Error| cannot_write(to, &error);
    File::open(partial).and_then(|file| file.sync_all()).map_err(cannot)?;
    std::fs::rename(partial, to).map_err(cannot)?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(cannot)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::unavailable(format!("cannot write {}: {error}", path.display()))
}
