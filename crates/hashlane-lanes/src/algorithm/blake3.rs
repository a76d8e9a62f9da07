//! BLAKE3 with 256 bits, unkeyed (the paper "BLAKE3: one function, fast everywhere", 2020).
//!
//! The crate blake3 runs the chunks of one message side by side, with the widest instructions that the CPU has. Its running
//! state cannot be taken out, so a message cannot go on elsewhere.

use crate::running::Value;
use crate::streamed::{Stream, value_of};

/// BLAKE3.
#[derive(Clone)]
pub(crate) struct Blake3(blake3::Hasher);

impl Stream for Blake3 {
    const NAME: &'static str = "blake3";
    const DIGEST_BYTES: usize = blake3::OUT_LEN;
    const RESUME: Option<fn(&[u8]) -> Self> = None;

    fn new() -> Self {
        Blake3(blake3::Hasher::new())
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn value(&self) -> Value {
        value_of(self.0.finalize().as_bytes())
    }
}
