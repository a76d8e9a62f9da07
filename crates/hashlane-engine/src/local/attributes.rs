//! What is kept beside a local file, in extended attributes: ETag, CRC-64, standard headers, user metadata.
//!
//! It promises that ETag and CRC die with the content they belong to, and that what is read is fit for the headers of an
//! answer: whoever may write the file may write its attributes. User metadata is `user.x-cos-meta-<name>`, so that digests
//! that jobs add stand with it.

use std::fmt::Display;
use std::fs::File;

use hashlane_job::Timestamp;
use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

use crate::etag;
use crate::identity::Identity;
use crate::storage::{Attributes, StorageError, StorageFault};

const CRC64: &str = "user.hashlane.crc64";
const HEADERS: &str = "user.hashlane.headers";
const OWNER: &str = "user.hashlane.digest-";
const METADATA: &str = "user.x-cos-meta-";
/// On a folder: its key is an object, made at that time in milliseconds.
const MARKER: &str = "user.hashlane.folder";

/// Linux keeps no longer value, and no longer list of names.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// What is kept beside a file.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    pub(super) etag: Option<&'a str>,
    pub(super) crc64: Option<u64>,
    pub(super) attributes: &'a Attributes,
}

/// Writes all of it to a new file. Where the file system keeps no attributes, that is an error only when `needed`: without
/// them the object has an ETag made from its identity, which is good enough to be stored.
pub(super) fn write(file: &File, identity: &Identity, kept: &Kept<'_>, needed: bool) -> Result<(), StorageError> {
    let written = (|| {
        if let Some(etag) = kept.etag {
            set(file, etag::XATTR, &etag::stored_form(etag, identity))?;
        }
        if let Some(crc64) = kept.crc64 {
            set(file, CRC64, &etag::stored_form(&crc64.to_string(), identity))?;
        }
        write_given(file, kept.attributes)
    })();
    match written {
        Err(Errno::NOTSUP) if !needed => Ok(()),
        written => written.map_err(failure),
    }
}

/// Marks a folder as an object of its own.
pub(super) fn mark(dir: &File, now: Timestamp, attributes: &Attributes) -> Result<(), StorageError> {
    unmark(dir);
    let marked = set(dir, MARKER, &now.unix_millis().to_string()).and_then(|()| write_given(dir, attributes));
    marked.map_err(failure)
}

/// Takes everything of ours from a folder.
pub(super) fn unmark(dir: &File) {
    let own = |name: &&String| name.starts_with(METADATA) || [MARKER, HEADERS].contains(&name.as_str());
    for name in names(dir).iter().filter(own) {
        // One that stays shows metadata at most.
        let _ = fremovexattr(dir, name.as_str());
    }
}

/// When a folder was marked, if it was.
pub(super) fn marked(dir: &File) -> Option<Timestamp> {
    value(dir, MARKER)?.parse().ok().map(Timestamp::from_unix_millis)
}

/// The CRC of this version of the file, if it came through us.
pub(super) fn crc64(file: &File, identity: &Identity) -> Option<u64> {
    let stored = value(file, CRC64)?;
    etag::from_stored(stored.as_bytes(), identity)?.trim_matches('"').parse().ok()
}

/// The attribute that tells to which version of the content a digest belongs that we added to the metadata.
pub(super) fn owner(algorithm: impl Display) -> String {
    format!("{OWNER}{algorithm}")
}

/// Whether a digest in the metadata is one of ours, of another version of the content than this.
fn is_outdated(file: &File, name: &str, digest: &str, identity: &Identity) -> bool {
    let Some(owned) = value(file, &owner(name)) else { return false };
    // A client may have given the same name another value since.
    owned.rsplit(' ').next() == Some(digest) && etag::from_stored(owned.as_bytes(), identity).is_none()
}

/// What a client gave with the file, and the digests that jobs added to it, as long as the content is that of this identity.
pub(super) fn given(file: &File, identity: &Identity) -> Attributes {
    let mut attributes = given_with_all_digests(file);
    attributes.metadata.retain(|name, digest| !is_outdated(file, name, digest, identity));
    attributes
}

/// What is kept with the marker of a folder, whose content never changes.
pub(super) fn given_with_all_digests(file: &File) -> Attributes {
    let mut attributes = Attributes::default();
    for name in names(file) {
        if let Some(short) = name.strip_prefix(METADATA).filter(|short| !short.is_empty()) {
            if let Some(value) = value(file, &name) {
                attributes.metadata.insert(short.to_ascii_lowercase(), value);
            }
        } else if name == HEADERS {
            let lines = value(file, HEADERS).unwrap_or_default();
            let headers = lines.lines().filter_map(|line| line.split_once(": "));
            attributes.headers.extend(headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
    }
    attributes
}

fn write_given(file: &File, attributes: &Attributes) -> Result<(), Errno> {
    if !attributes.headers.is_empty() {
        let lines: String = attributes.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        set(file, HEADERS, &lines)?;
    }
    for (name, value) in &attributes.metadata {
        set(file, &format!("{METADATA}{name}"), value)?;
    }
    Ok(())
}

fn set(file: &File, name: &str, value: &str) -> Result<(), Errno> {
    fsetxattr(file, name, value.as_bytes(), XattrFlags::empty())
}

/// A value that is text; others are not for headers.
fn value(file: &File, name: &str) -> Option<String> {
    // Nearly all values are short, and asking for the length first would double the calls.
    let mut short = [0; 512];
    let bytes = match fgetxattr(file, name, &mut short[..]) {
        Ok(length) => short[..length].to_vec(),
        Err(Errno::RANGE) => {
            let mut long = vec![0; VALUE_BYTES_MAX];
            let length = fgetxattr(file, name, &mut long[..]).ok()?;
            long.truncate(length);
            long
        }
        Err(_) => return None,
    };
    String::from_utf8(bytes).ok()
}

fn names(file: &File) -> Vec<String> {
    let mut list = vec![0; 1024];
    let length = match flistxattr(file, &mut list[..]) {
        Err(Errno::RANGE) => {
            list.resize(VALUE_BYTES_MAX, 0);
            flistxattr(file, &mut list[..])
        }
        listed => listed,
    };
    // A file system without attributes has none.
    let list = &list[..length.unwrap_or(0)];
    list.split(|byte| *byte == 0)
        .filter_map(|name| String::from_utf8(name.to_vec()).ok())
        .filter(|name| !name.is_empty())
        .collect()
}

fn failure(errno: Errno) -> StorageError {
    match errno {
        Errno::NOTSUP => StorageError::new(
            StorageFault::Unsupported,
            "the file system of the bucket keeps no extended attributes, which this needs",
        ),
        // A full block of attributes looks like a full disk.
        Errno::NOSPC | Errno::TOOBIG | Errno::RANGE | Errno::INVAL => StorageError::new(
            StorageFault::AttributesTooLarge,
            "the metadata is more than the file system of the bucket keeps with a file",
        ),
        other => super::failure::at_write(other),
    }
}
