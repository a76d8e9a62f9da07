//! What the tests compare with: the RustCrypto crates, and a small generator of bytes and choices.
#![allow(dead_code, reason = "each test file uses a part of it")]

use hashlane_lanes::{Algorithm, Digest};
use md5::Digest as _;

/// The digest of a message by an implementation that is not ours.
pub(crate) fn digest(algorithm: Algorithm, message: &[u8]) -> Digest {
    match algorithm {
        Algorithm::Md5 => Digest::from_bytes(algorithm, &md5::Md5::digest(message)),
        Algorithm::Sha1 => Digest::from_bytes(algorithm, &sha1::Sha1::digest(message)),
        Algorithm::Sha256 => Digest::from_bytes(algorithm, &sha2::Sha256::digest(message)),
    }
    .unwrap()
}

/// A generator that gives the same for the same seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end` - 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// At least one algorithm, none twice, in any order.
    pub(crate) fn algorithms(&mut self) -> Vec<Algorithm> {
        let mut all = Algorithm::ALL.to_vec();
        let asked = 1 + self.below(all.len());
        (0..asked).map(|_| all.swap_remove(self.below(all.len()))).collect()
    }
}
