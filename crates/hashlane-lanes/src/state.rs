//! A running digest taken out of its lane: what is needed to go on later or elsewhere.
//!
//! What it promises: a message may be cut anywhere; the state of its first part and the bytes of the second give the digests
//! of the whole. The byte form is the same on every CPU and is read by every later version. Its reader takes no byte
//! on trust but cannot know whether chaining values are those of the message: bytes from a place that others can write need
//! a signature of their own. What is left out on purpose: a checksum, since states are kept where pages have one.
//!
//! Layout, integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 8 | bytes of the message so far |
//! | 1 | number of algorithms |
//! | for each: 1, n, m | length of its name, name, chaining value in the form of a digest |
//! | rest | the bytes since the last whole block of the algorithm with the longest one, where all chaining values stand |

use crate::{Algorithm, Digest};

/// The first byte of the byte form.
const VERSION: u8 = 1;

/// The algorithms define messages of fewer than 2^64 bits (FIPS 180-4 section 1).
const MESSAGE_BYTES_MAX: u64 = (1 << 61) - 1;

/// The running digests of one message by one or several algorithms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    message_bytes: u64,
    /// Chaining values in the form of digests.
    values: Vec<Digest>,
    rest: Vec<u8>,
}

impl State {
    /// `rest` is what follows the last whole block of the first `message_bytes` bytes.
    pub(crate) fn new(message_bytes: u64, values: Vec<Digest>, rest: &[u8]) -> State {
        debug_assert_eq!(rest_bytes(message_bytes, &values), rest.len() as u64);
        State { message_bytes, values, rest: rest.to_vec() }
    }

    /// How many bytes of the message it covers: where to read on.
    pub fn message_bytes(&self) -> u64 {
        self.message_bytes
    }

    /// The algorithms, in the order in which they were asked for.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.values.iter().map(Digest::algorithm)
    }

    pub(crate) fn values(&self) -> &[Digest] {
        &self.values
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// The byte form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.message_bytes.to_le_bytes());
        bytes.push(self.values.len() as u8);
        for value in &self.values {
            bytes.push(value.algorithm().name().len() as u8);
            bytes.extend(value.algorithm().name().as_bytes());
            bytes.extend(value.as_bytes());
        }
        bytes.extend(&self.rest);
        bytes
    }

    /// Reads the byte form. `None` when it is of another version, cut or too long, has no algorithm, one twice or one that
    /// is not known or not resumable here, or counts more bytes than a message may have.
    pub fn from_bytes(bytes: &[u8]) -> Option<State> {
        let (&[version], bytes) = bytes.split_first_chunk()?;
        let (message_bytes, bytes) = bytes.split_first_chunk()?;
        let (&[algorithms], mut bytes) = bytes.split_first_chunk()?;
        let message_bytes = u64::from_le_bytes(*message_bytes);
        if version != VERSION || message_bytes > MESSAGE_BYTES_MAX || algorithms == 0 {
            return None;
        }
        let mut values: Vec<Digest> = Vec::new();
        for _ in 0..algorithms {
            let (&[name_bytes], rest) = bytes.split_first_chunk()?;
            let (name, rest) = rest.split_at_checked(name_bytes.into())?;
            let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().as_bytes() == name)?;
            if !algorithm.resumable() || values.iter().any(|known| known.algorithm() == algorithm) {
                return None;
            }
            let (value, rest) = rest.split_at_checked(algorithm.digest_bytes())?;
            values.push(Digest::from_bytes(algorithm, value)?);
            bytes = rest;
        }
        if bytes.len() as u64 != rest_bytes(message_bytes, &values) {
            return None;
        }
        Some(State { message_bytes, values, rest: bytes.to_vec() })
    }
}

/// How many of so many bytes follow the last whole block of the algorithm with the longest one.
fn rest_bytes(message_bytes: u64, values: &[Digest]) -> u64 {
    let block_bytes = values.iter().map(|value| value.algorithm().block_bytes()).max().unwrap_or(1);
    message_bytes % block_bytes as u64
}
