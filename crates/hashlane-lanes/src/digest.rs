//! A finished digest: the algorithm and its bytes.

use std::fmt;

use crate::Algorithm;

/// The longest digest of any algorithm (SHA-512), so that a digest is a plain value.
pub(crate) const BYTES_MAX: usize = 64;

/// The digest of one message. Prints as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; BYTES_MAX],
}

impl Digest {
    /// A digest from its bytes; `None` when their number is not the algorithm's.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
        if bytes.len() != algorithm.digest_bytes() {
            return None;
        }
        let mut all = [0; BYTES_MAX];
        all[..bytes.len()].copy_from_slice(bytes);
        Some(Digest { algorithm, bytes: all })
    }

    /// A digest from its bytes with zeros behind them.
    pub(crate) fn from_value(algorithm: Algorithm, bytes: [u8; BYTES_MAX]) -> Digest {
        Digest { algorithm, bytes }
    }

    /// A digest from hex of either case; `None` when it is not the algorithm's length in hex digits.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Digest> {
        let hex = hex.as_bytes();
        if hex.len() != algorithm.digest_bytes() * 2 {
            return None;
        }
        let mut bytes = [0; BYTES_MAX];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(Digest { algorithm, bytes })
    }

    /// The algorithm that made it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes, [`Algorithm::digest_bytes`] of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.digest_bytes()]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.algorithm)
    }
}
