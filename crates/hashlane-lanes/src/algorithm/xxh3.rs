//! XXH3 with 128 bits, as `xxhsum -H2` prints it: the canonical form, big-endian, without a seed.
//!
//! The crate twox-hash chooses its instructions at run time, where others take what the compiler was told. Its running state
//! cannot be taken out, so a message cannot go on elsewhere.

use twox_hash::xxhash3_128::{RawHasher, SecretBuffer};

use crate::running::Value;
use crate::streamed::{Stream, value_of};

/// XXH3-128.
#[derive(Clone)]
pub(crate) struct Xxh3(RawHasher<&'static [u8; 192]>);

impl Stream for Xxh3 {
    const NAME: &'static str = "xxh3";
    const DIGEST_BYTES: usize = size_of::<u128>();
    const RESUME: Option<fn(&[u8]) -> Self> = None;

    fn new() -> Self {
        Xxh3(RawHasher::new(SecretBuffer::default()))
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn value(&self) -> Value {
        value_of(&self.0.finish_128().to_be_bytes())
    }
}
