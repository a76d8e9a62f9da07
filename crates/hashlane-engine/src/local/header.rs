//! A digest as user metadata of a local file: the extended attribute `user.x-cos-meta-<algorithm>`, and beside it
//! `user.hashlane.digest-<algorithm>`, which tells the version of the content that it belongs to.
//!
//! It promises that the attribute is written to the very file that was hashed, and stays only when that file is still the
//! version that was hashed and still has its key. Other attributes, the content, the ETag and the modified time stay as
//! they are; only the change time moves.

use hashlane_job::JobError;
use hashlane_lanes::Digest;
use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

use super::{OpenFile, attributes, failure};
use crate::etag;

/// Our values are hex digests of at most 128 digits; a longer one is not ours.
const VALUE_BYTES_MAX: usize = 256;

impl OpenFile {
    /// Stores the digest beside the file.
    pub(crate) fn write_header(&self, digest: &Digest) -> Result<(), JobError> {
        let name = format!("user.x-cos-meta-{}", digest.algorithm());
        let owner = attributes::owner(digest.algorithm());
        let before = [self.attribute(&name), self.attribute(&owner)];
        self.verify()?;
        let owned = etag::stored_form(&digest.to_string(), self.identity());
        // Writing it again would only move the change time, upon which nobody knows the version again.
        if before == [Some(digest.to_string().into_bytes()), Some(owned.clone().into_bytes())] {
            return Ok(());
        }
        // First, so that a crash in between leaves no digest that nobody can tell the version of.
        set(self, &owner, owned.as_bytes()).map_err(failure::at_header)?;
        set(self, &name, digest.to_string().as_bytes()).map_err(failure::at_header)?;
        // A writer that came in between would leave the digest of the old content at the new one.
        self.verify().inspect_err(|_| {
            for (name, before) in [&name, &owner].into_iter().zip(before) {
                let undone = match before {
                    Some(before) => set(self, name, &before),
                    None => self.write_attribute(|file| fremovexattr(file, name.as_str())),
                };
                if let Err(errno) = undone {
                    tracing::warn!(attribute = name, %errno, "a digest of an object that changed could not be taken back");
                }
            }
        })
    }

    fn attribute(&self, name: &str) -> Option<Vec<u8>> {
        let mut value = vec![0; VALUE_BYTES_MAX];
        let length = fgetxattr(self.file(), name, &mut value[..]).ok()?;
        value.truncate(length);
        Some(value)
    }
}

fn set(file: &OpenFile, name: &str, value: &[u8]) -> Result<(), Errno> {
    file.write_attribute(|file| fsetxattr(file, name, value, XattrFlags::empty()))
}
