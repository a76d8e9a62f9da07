//! One message and one algorithm: the plain way to a digest.
//!
//! What it promises: the fastest single-stream path of the CPU, and whole blocks hashed where they lie, without a copy. What
//! it leaves out on purpose: many messages at once, which is what [`Lanes`](crate::Lanes) is for.

use crate::kernel::{BLOCK_BYTES, Chain, Single, chain_bytes, pad};
use crate::{Algorithm, Digest, State};

/// The running digest of one message.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    run: Single,
    chain: Chain,
    message_bytes: u64,
    /// Begins with the bytes since the last whole block; two blocks long, so that the padding fits too.
    rest: [u8; 2 * BLOCK_BYTES],
}

impl Hasher {
    /// An empty message.
    pub fn new(algorithm: Algorithm) -> Hasher {
        Hasher {
            algorithm,
            run: algorithm.single(),
            chain: algorithm.initial(),
            message_bytes: 0,
            rest: [0; 2 * BLOCK_BYTES],
        }
    }

    /// The digest of a message that is at hand as a whole.
    pub fn digest(algorithm: Algorithm, message: &[u8]) -> Digest {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(message);
        hasher.finish()
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How many bytes the message has so far.
    pub fn message_bytes(&self) -> u64 {
        self.message_bytes
    }

    /// Appends bytes to the message.
    pub fn update(&mut self, mut bytes: &[u8]) {
        let rest_bytes = self.rest_bytes();
        self.message_bytes += bytes.len() as u64;
        if rest_bytes > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - rest_bytes));
            self.rest[rest_bytes..rest_bytes + now.len()].copy_from_slice(now);
            if rest_bytes + now.len() < BLOCK_BYTES {
                return;
            }
            (self.run)(&mut self.chain, &self.rest[..BLOCK_BYTES]);
            bytes = later;
        }
        let (blocks, rest) = bytes.split_at(bytes.len() - bytes.len() % BLOCK_BYTES);
        (self.run)(&mut self.chain, blocks);
        self.rest[..rest.len()].copy_from_slice(rest);
    }

    /// The digest of the message.
    pub fn finish(mut self) -> Digest {
        let rest_bytes = self.rest_bytes();
        let padded = pad(&mut self.rest, rest_bytes, self.message_bytes, self.algorithm.big_endian());
        (self.run)(&mut self.chain, &self.rest[..padded]);
        chain_digest(self.algorithm, &self.chain)
    }

    /// What is needed to go on with this message elsewhere.
    pub fn export(&self) -> State {
        State::new(self.message_bytes, vec![(self.algorithm, self.chain)], &self.rest[..self.rest_bytes()])
    }

    /// Goes on with a message; `None` when the state is not of one algorithm alone.
    pub fn import(state: &State) -> Option<Hasher> {
        let [(algorithm, chain)] = *state.chains() else { return None };
        let mut hasher = Hasher { chain, message_bytes: state.message_bytes(), ..Hasher::new(algorithm) };
        hasher.rest[..state.rest().len()].copy_from_slice(state.rest());
        Some(hasher)
    }

    fn rest_bytes(&self) -> usize {
        (self.message_bytes % BLOCK_BYTES as u64) as usize
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({}, {} bytes)", self.algorithm, self.message_bytes)
    }
}

/// The digest that a chaining value is once the padding has run.
pub(crate) fn chain_digest(algorithm: Algorithm, chain: &Chain) -> Digest {
    let bytes = chain_bytes(chain, algorithm.big_endian());
    Digest::from_bytes(algorithm, &bytes[..algorithm.digest_bytes()]).expect("the slice has the digest's length")
}
