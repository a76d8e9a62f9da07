//! A digest as user metadata of a local file: the extended attribute `user.x-cos-meta-<algorithm>`.
//!
//! It promises that the attribute is written to the very file that was hashed, and stays only when that file is still the
//! version that was hashed and still has its key. Other attributes, the content, the ETag and the modified time stay as
//! they are; only the change time moves.

use hashlane_job::JobError;
use hashlane_lanes::Digest;
use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

use super::{OpenFile, failure};

/// Our values are hex digests of at most 128 digits; a longer one is not ours.
const VALUE_BYTES_MAX: usize = 256;

impl OpenFile {
    /// Stores the digest beside the file.
    pub(crate) fn write_header(&self, digest: &Digest) -> Result<(), JobError> {
        let name = format!("user.x-cos-meta-{}", digest.algorithm());
        let mut before = [0; VALUE_BYTES_MAX];
        let before = match fgetxattr(self.file(), &*name, &mut before[..]) {
            Ok(length) => Some(&before[..length]),
            Err(_) => None,
        };
        self.verify()?;
        set(self, &name, digest.to_string().as_bytes()).map_err(failure::at_header)?;
        // A writer that came in between would leave the digest of the old content at the new one.
        self.verify().inspect_err(|_| {
            let undone = match before {
                Some(before) => set(self, &name, before),
                None => self.write_attribute(|file| fremovexattr(file, &*name)),
            };
            if let Err(errno) = undone {
                tracing::warn!(attribute = name, %errno, "a digest of an object that changed could not be taken back");
            }
        })
    }
}

fn set(file: &OpenFile, name: &str, value: &[u8]) -> Result<(), Errno> {
    file.write_attribute(|file| fsetxattr(file, name, value, XattrFlags::empty()))
}
