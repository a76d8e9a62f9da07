//! CRC-32C, RFC 3720 appendix B.4: Castagnoli's polynomial reflected, register and result complemented.
//!
//! The crate crc-fast folds by carry-less multiplication, with the widest instructions that the CPU has. A CRC goes on from its
//! value alone.

use crc_fast::{CrcAlgorithm, Digest};

use crate::running::Value;
use crate::streamed::{Stream, value_of};

/// CRC-32C.
#[derive(Clone)]
pub(crate) struct Crc32c(Digest);

impl Stream for Crc32c {
    const NAME: &'static str = "crc32c";
    const DIGEST_BYTES: usize = size_of::<u32>();
    const RESUME: Option<fn(&[u8]) -> Self> = Some(|value| {
        let value = u32::from_be_bytes(*value.first_chunk().expect("the length of a digest"));
        // The register is the complement of the value.
        Crc32c(Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!value)))
    });

    fn new() -> Self {
        Crc32c(Digest::new(CrcAlgorithm::Crc32Iscsi))
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn value(&self) -> Value {
        value_of(&(self.0.finalize() as u32).to_be_bytes())
    }
}
