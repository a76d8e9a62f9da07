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
        Algorithm::Sha512 => Digest::from_bytes(algorithm, &sha2::Sha512::digest(message)),
        // The polynomials' bits reversed.
        Algorithm::Crc64 => Digest::from_bytes(algorithm, &crc(message, 64, 0xc96c_5795_d787_0f42)),
        Algorithm::Crc64Nvme => Digest::from_bytes(algorithm, &crc(message, 64, 0x9a6c_9329_ac4b_c9b5)),
        Algorithm::Crc32c => Digest::from_bytes(algorithm, &crc(message, 32, 0x82f6_3b78)),
        Algorithm::Xxh3 => Digest::from_bytes(algorithm, &xxhash_rust::xxh3::xxh3_128(message).to_be_bytes()),
        // No second implementation: what is checked is that nothing is lost on the way. Vectors are in `hasher.rs`.
        Algorithm::Blake3 => Digest::from_bytes(algorithm, blake3::hash(message).as_bytes()),
    }
    .unwrap()
}

/// A reflected CRC whose register and result are complemented, bit by bit.
fn crc(message: &[u8], bits: u32, polynomial: u64) -> Vec<u8> {
    let mask = u64::MAX >> (64 - bits);
    let mut register = mask;
    for byte in message {
        register ^= u64::from(*byte);
        for _ in 0..8 {
            register = (register >> 1) ^ if register & 1 == 1 { polynomial } else { 0 };
        }
    }
    (register ^ mask).to_be_bytes()[8 - bits as usize / 8..].to_vec()
}

/// The algorithms whose running digests can be taken out.
pub(crate) fn resumable() -> Vec<Algorithm> {
    Algorithm::ALL.into_iter().filter(|algorithm| algorithm.resumable()).collect()
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
