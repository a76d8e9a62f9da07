//! The demo's objects and their digests as others published them.

use std::fs;
use std::path::Path;

use hashlane_lanes::Algorithm;

use crate::failure::Failure;

/// One object and one of its digests.
pub(super) struct Sample {
    /// The object's key.
    pub(super) key: &'static str,
    /// What is in it, in words.
    pub(super) content: &'static str,
    unit: &'static str,
    times: usize,
    /// The algorithm.
    pub(super) algorithm: Algorithm,
    /// The digest.
    pub(super) digest: &'static str,
    /// Who published it.
    pub(super) source: &'static str,
}

/// One for each algorithm: short, exactly a block with its padding, and many blocks.
pub(super) const SAMPLES: [Sample; 3] = [
    Sample {
        key: "rfc1321/message digest.txt",
        content: "the text \"message digest\"",
        unit: "message digest",
        times: 1,
        algorithm: Algorithm::Md5,
        digest: "f96b697d7cb7938d525a2f31aaf161d0",
        source: "RFC 1321, appendix A.5",
    },
    Sample {
        key: "fips180/448 bits.txt",
        content: "the 56 letters of the two-block example",
        unit: "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        times: 1,
        algorithm: Algorithm::Sha1,
        digest: "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        source: "FIPS 180-2, appendix A.2",
    },
    Sample {
        key: "fips180/一百万 × a.txt",
        content: "the letter a, a million times",
        unit: "a",
        times: 1_000_000,
        algorithm: Algorithm::Sha256,
        digest: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        source: "FIPS 180-2, appendix B.3",
    },
];

/// Writes the objects into the bucket's folder: a local bucket is its folder.
pub(super) fn store(folder: &Path) -> Result<(), Failure> {
    for sample in &SAMPLES {
        let path = folder.join(sample.key);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = made.and_then(|()| fs::write(&path, sample.unit.repeat(sample.times)));
        written.map_err(|error| Failure::cannot(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}
