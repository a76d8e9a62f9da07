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
//! | rest | the bytes since the last whole block |

use crate::Algorithm;
use crate::kernel::{BLOCK_BYTES, Chain, chain_bytes};

/// The first byte of the byte form.
const VERSION: u8 = 1;

/// The algorithms define messages of fewer than 2^64 bits (FIPS 180-4 section 1).
const MESSAGE_BYTES_MAX: u64 = (1 << 61) - 1;

/// The running digests of one message by one or several algorithms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    message_bytes: u64,
    chains: Vec<(Algorithm, Chain)>,
    rest: Vec<u8>,
}

impl State {
    /// `rest` is what follows the last whole block of the first `message_bytes` bytes.
    pub(crate) fn new(message_bytes: u64, chains: Vec<(Algorithm, Chain)>, rest: &[u8]) -> State {
        debug_assert_eq!(message_bytes % BLOCK_BYTES as u64, rest.len() as u64);
        State { message_bytes, chains, rest: rest.to_vec() }
    }

    /// How many bytes of the message it covers: where to read on.
    pub fn message_bytes(&self) -> u64 {
        self.message_bytes
    }

    /// The algorithms, in the order in which they were asked for.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.chains.iter().map(|(algorithm, _)| *algorithm)
    }

    pub(crate) fn chains(&self) -> &[(Algorithm, Chain)] {
        &self.chains
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// The byte form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.message_bytes.to_le_bytes());
        bytes.push(self.chains.len() as u8);
        for (algorithm, chain) in &self.chains {
            bytes.push(algorithm.name().len() as u8);
            bytes.extend(algorithm.name().as_bytes());
            bytes.extend(&chain_bytes(chain, algorithm.big_endian())[..algorithm.digest_bytes()]);
        }
        bytes.extend(&self.rest);
        bytes
    }

    /// Reads the byte form. `None` when it is of another version, cut or too long, has no algorithm, one twice or one that is
    /// not known here, or counts more bytes than a message may have.
    pub fn from_bytes(bytes: &[u8]) -> Option<State> {
        let (&[version], bytes) = bytes.split_first_chunk()?;
        let (message_bytes, bytes) = bytes.split_first_chunk()?;
        let (&[algorithms], mut bytes) = bytes.split_first_chunk()?;
        let message_bytes = u64::from_le_bytes(*message_bytes);
        if version != VERSION || message_bytes > MESSAGE_BYTES_MAX || algorithms == 0 {
            return None;
        }
        let mut chains: Vec<(Algorithm, Chain)> = Vec::new();
        for _ in 0..algorithms {
            let (&[name_bytes], rest) = bytes.split_first_chunk()?;
            let (name, rest) = rest.split_at_checked(name_bytes.into())?;
            let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().as_bytes() == name)?;
            if chains.iter().any(|(known, _)| *known == algorithm) {
                return None;
            }
            let (digest, rest) = rest.split_at_checked(algorithm.digest_bytes())?;
            let mut chain = [0; 8];
            for (word, four) in chain.iter_mut().zip(digest.as_chunks::<4>().0) {
                *word = if algorithm.big_endian() { u32::from_be_bytes(*four) } else { u32::from_le_bytes(*four) };
            }
            chains.push((algorithm, chain));
            bytes = rest;
        }
        if bytes.len() as u64 != message_bytes % BLOCK_BYTES as u64 {
            return None;
        }
        Some(State { message_bytes, chains, rest: bytes.to_vec() })
    }
}
