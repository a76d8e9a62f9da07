//! CRC-64/XZ, the one that COS reports: the polynomial of ECMA-182 reflected, register and result complemented.
//!
//! The crate crc-fast folds by carry-less multiplication, with the widest instructions that the CPU has. A CRC goes on from its
//! value alone.

use crc_fast::{CrcAlgorithm, Digest};

use crate::running::Value;
use crate::streamed::{Stream, value_of};

/// CRC-64/XZ.
#[derive(Clone)]
pub(crate) struct Crc64(Digest);

impl Stream for Crc64 {
    const NAME: &'static str = "crc64";
    const DIGEST_BYTES: usize = size_of::<u64>();
    const RESUME: Option<fn(&[u8]) -> Self> = Some(|value| {
        let value = u64::from_be_bytes(*value.first_chunk().expect("the length of a digest"));
        // The register is the complement of the value.
        Crc64(Digest::new_with_init_state(CrcAlgorithm::Crc64Xz, !value))
    });

    fn new() -> Self {
        Crc64(Digest::new(CrcAlgorithm::Crc64Xz))
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn value(&self) -> Value {
        value_of(&self.0.finalize().to_be_bytes())
    }
}
