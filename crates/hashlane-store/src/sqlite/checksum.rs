//! The checksum over a job's result: a bit that flipped on the disk is found before a wrong digest is told.
//!
//! CRC-32 of IEEE 802.3, reflected, as in gzip. It guards against accidents, not against people with the file in their hands.

use hashlane_job::{FileFacts, JobId};
use hashlane_lanes::Algorithm;

/// The checksum of a result and of what it belongs to. Lengths stand before texts, so that no two results read the same.
pub(super) fn result_checksum(id: JobId, key: &str, algorithm: Algorithm, facts: &FileFacts) -> i64 {
    let mut crc = Crc(!0);
    crc.add(&id.to_bytes());
    for text in [key, algorithm.name(), &facts.etag] {
        crc.add(&(text.len() as u64).to_le_bytes());
        crc.add(text.as_bytes());
    }
    crc.add(&facts.size_bytes.to_le_bytes());
    crc.add(&facts.modified.unix_millis().to_le_bytes());
    for digest in &facts.digests {
        crc.add(digest.as_bytes());
    }
    i64::from(!crc.0)
}

struct Crc(u32);

impl Crc {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 >> 8) ^ TABLE[usize::from((self.0 as u8) ^ byte)];
        }
    }
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::Crc;

    #[test]
    fn the_check_value_of_crc_32_is_met() {
        // The catalogue value of CRC-32/ISO-HDLC for these nine bytes.
        let mut crc = Crc(!0);
        crc.add(b"123456789");
        assert_eq!(!crc.0, 0xcbf4_3926);
    }
}
