//! The objects and their digests, by implementations that are not ours.
//!
//! What an object holds follows from the seed and its number. The digests are of the crates md-5, sha1 and sha2, computed
//! before the service sees anything.

use std::path::Path;

use hashlane_lanes::Algorithm;
use sha2::Digest;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::plan::DEADLY_KEY;

/// Sizes in bytes: around the blocks of the algorithms, small ones that end between two faults, large ones that do not.
const SIZES: [usize; 14] = [0, 1, 55, 56, 64, 119, 4096, 4096, 4096, 4097, 100_000, 1 << 20, 8 << 20, 64 << 20];
/// The algorithms of the wire.
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256];

/// The objects of a run.
#[derive(Debug)]
pub struct Truth {
    /// In the order of [`SIZES`], each with its digests in the order of [`ALGORITHMS`].
    digests: Vec<[String; 3]>,
}

impl Truth {
    /// Writes the objects into the folder of the bucket.
    pub fn write(seed: u64, folder: &Path) -> Result<Truth, Failure> {
        std::fs::write(folder.join(DEADLY_KEY), [])?;
        let mut digests = Vec::new();
        for (number, size) in SIZES.into_iter().enumerate() {
            let content = content(seed, number, size);
            std::fs::write(folder.join(key(number)), &content)?;
            digests.push([
                hex(&md5::Md5::digest(&content)),
                hex(&sha1::Sha1::digest(&content)),
                hex(&sha2::Sha256::digest(&content)),
            ]);
        }
        Ok(Truth { digests })
    }

    /// The digest of an object in hex.
    pub fn digest(&self, object: usize, algorithm: Algorithm) -> &str {
        let index = ALGORITHMS.iter().position(|it| *it == algorithm).unwrap_or_default();
        &self.digests[object][index]
    }
}

/// How many objects there are.
pub const OBJECTS: usize = SIZES.len();
/// The object that takes the longest to hash.
pub const LARGEST: usize = OBJECTS - 1;

/// The key of an object.
pub fn key(number: usize) -> String {
    format!("object-{number}")
}

fn content(seed: u64, number: usize, size: usize) -> Vec<u8> {
    let mut chance = Chance::of(seed, 0x0b1e_c700 + number as u64);
    let mut content = Vec::with_capacity(size + 8);
    while content.len() < size {
        content.extend(chance.next().to_le_bytes());
    }
    content.truncate(size);
    content
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
