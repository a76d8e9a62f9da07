//! One message and one algorithm: the plain way to a digest.
//!
//! What it promises: the fastest single-stream path of the CPU, and whole blocks hashed where they lie, without a copy. What
//! it leaves out on purpose: many messages at once, which is what [`Lanes`](crate::Lanes) is for.

use crate::running::Running;
use crate::slot::Slot;
use crate::word::BLOCK_BYTES_MAX;
use crate::{Algorithm, Digest, State};

/// The only slot there is.
const SLOT: Slot = Slot(0);

/// The running digest of one message.
pub struct Hasher {
    algorithm: Algorithm,
    running: Box<dyn Running>,
    message_bytes: u64,
    /// Begins with the bytes since the last whole block; two blocks long, so that the padding fits too.
    rest: [u8; 2 * BLOCK_BYTES_MAX],
}

impl Hasher {
    /// An empty message.
    pub fn new(algorithm: Algorithm) -> Hasher {
        Hasher { algorithm, running: algorithm.alone(), message_bytes: 0, rest: [0; 2 * BLOCK_BYTES_MAX] }
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
        let (rest_bytes, block_bytes) = (self.rest_bytes(), self.algorithm.block_bytes());
        self.message_bytes += bytes.len() as u64;
        if rest_bytes > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(block_bytes - rest_bytes));
            self.rest[rest_bytes..rest_bytes + now.len()].copy_from_slice(now);
            if rest_bytes + now.len() < block_bytes {
                return;
            }
            self.running.run_one(SLOT, &self.rest[..block_bytes]);
            bytes = later;
        }
        let (blocks, rest) = bytes.split_at(bytes.len() - self.rest_bytes());
        self.running.run_one(SLOT, blocks);
        self.rest[..rest.len()].copy_from_slice(rest);
    }

    /// The digest of the message.
    pub fn finish(mut self) -> Digest {
        let rest_bytes = self.rest_bytes();
        let padded = self.algorithm.pad(&mut self.rest, rest_bytes, self.message_bytes);
        self.running.run_one(SLOT, &self.rest[..padded]);
        self.value()
    }

    /// What is needed to go on with this message elsewhere; `None` when the algorithm is not
    /// [resumable](Algorithm::resumable).
    pub fn export(&self) -> Option<State> {
        let rest = &self.rest[..self.rest_bytes()];
        self.algorithm.resumable().then(|| State::new(self.message_bytes, vec![self.value()], rest))
    }

    /// Goes on with a message; `None` when the state is not of one algorithm alone.
    pub fn import(state: &State) -> Option<Hasher> {
        let [value] = state.values() else { return None };
        let mut hasher = Hasher { message_bytes: state.message_bytes(), ..Hasher::new(value.algorithm()) };
        hasher.running.resume(SLOT, value.as_bytes());
        hasher.rest[..state.rest().len()].copy_from_slice(state.rest());
        Some(hasher)
    }

    /// The running digest: final once the padding was run.
    fn value(&self) -> Digest {
        Digest::from_value(self.algorithm, self.running.value(SLOT))
    }

    /// How many bytes there are since the last whole block.
    fn rest_bytes(&self) -> usize {
        self.message_bytes as usize & (self.algorithm.block_bytes() - 1)
    }
}

impl Clone for Hasher {
    fn clone(&self) -> Hasher {
        Hasher { running: self.running.duplicate(), ..*self }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({}, {} bytes)", self.algorithm, self.message_bytes)
    }
}
