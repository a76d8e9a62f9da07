//! CRC-64/NVME: the polynomial of the NVM Express NVM Command Set Specification, reflected, register and result complemented.
//!
//! The crate crc-fast folds by carry-less multiplication, with the widest instructions that the CPU has. A CRC goes on from its
//! value alone.

use crc_fast::{CrcAlgorithm, Digest};

use crate::running::Value;
use crate::streamed::{Stream, value_of};

/// CRC-64/NVME.
#[derive(Clone)]
pub(crate) struct Crc64Nvme(Digest);

impl Stream for Crc64Nvme {
    const NAME: &'static str = "crc64nvme";
    const DIGEST_BYTES: usize = size_of::<u64>();
    const RESUME: Option<fn(&[u8]) -> Self> = Some(|value| {
        let value = u64::from_be_bytes(*value.first_chunk().expect("the length of a digest"));
        // The register is the complement of the value.
        Crc64Nvme(Digest::new_with_init_state(CrcAlgorithm::Crc64Nvme, !value))
    });

    fn new() -> Self {
        Crc64Nvme(Digest::new(CrcAlgorithm::Crc64Nvme))
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn value(&self) -> Value {
        value_of(&self.0.finalize().to_be_bytes())
    }
}
