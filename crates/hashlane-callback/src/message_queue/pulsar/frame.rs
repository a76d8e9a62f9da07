//! The bytes of Pulsar's binary protocol: commands in Protocol Buffers, and frames around them.
//!
//! A command is a `BaseCommand` with its type in field 1 and its body in the field of the type's own number. Only what a
//! producer needs is here. Reading never panics: what does not fit is `None`, and fields that are not known are skipped.

use bytes::{BufMut, Bytes, BytesMut};
use crc_fast::CrcAlgorithm;

/// Types of commands, which are the numbers of their fields too.
pub(super) mod kind {
    pub(crate) const CONNECT: u64 = 2;
    pub(crate) const CONNECTED: u64 = 3;
    pub(crate) const PRODUCER: u64 = 5;
    pub(crate) const SEND: u64 = 6;
    pub(crate) const SEND_RECEIPT: u64 = 7;
    pub(crate) const SEND_ERROR: u64 = 8;
    pub(crate) const ERROR: u64 = 14;
    pub(crate) const CLOSE_PRODUCER: u64 = 15;
    pub(crate) const PRODUCER_SUCCESS: u64 = 17;
    pub(crate) const PING: u64 = 18;
    pub(crate) const PONG: u64 = 19;
    pub(crate) const PARTITIONED_METADATA: u64 = 21;
    pub(crate) const PARTITIONED_METADATA_RESPONSE: u64 = 22;
    pub(crate) const LOOKUP: u64 = 23;
    pub(crate) const LOOKUP_RESPONSE: u64 = 24;
}

/// A broker takes frames up to this size, and we take none that is larger, in bytes.
pub(super) const FRAME_BYTES_MAX: usize = 5 << 20;
/// Announces the checksum of metadata and payload.
const CHECKSUM_MAGIC: u16 = 0x0e01;

/// A message of Protocol Buffers in the making.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<u8>);

impl Fields {
    /// Adds a number.
    pub(super) fn number(mut self, field: u64, value: u64) -> Fields {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    /// Adds bytes, a text or a message.
    pub(super) fn bytes(mut self, field: u64, value: &[u8]) -> Fields {
        self.varint((field << 3) | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// Adds a message within.
    pub(super) fn within(self, field: u64, value: &Fields) -> Fields {
        self.bytes(field, &value.0)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A message of Protocol Buffers that was read.
#[derive(Debug, Clone)]
pub(super) struct Read(Vec<(u64, Value)>);

#[derive(Debug, Clone)]
enum Value {
    Number(u64),
    Bytes(Bytes),
}

impl Read {
    /// Reads all fields; `None` when the bytes are no message.
    pub(super) fn parse(mut rest: Bytes) -> Option<Read> {
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let tag = take_varint(&mut rest)?;
            let value = match tag & 7 {
                0 => Value::Number(take_varint(&mut rest)?),
                1 => Value::Bytes(take(&mut rest, 8)?),
                2 => {
                    let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                    Value::Bytes(take(&mut rest, length)?)
                }
                5 => Value::Bytes(take(&mut rest, 4)?),
                _ => return None,
            };
            fields.push((tag >> 3, value));
        }
        Some(Read(fields))
    }

    /// The last number of this field, as the format demands.
    pub(super) fn number(&self, field: u64) -> Option<u64> {
        self.0.iter().rev().find_map(|(own, value)| match value {
            Value::Number(number) if *own == field => Some(*number),
            _ => None,
        })
    }

    /// The bytes of this field.
    pub(super) fn bytes(&self, field: u64) -> Option<Bytes> {
        self.0.iter().rev().find_map(|(own, value)| match value {
            Value::Bytes(bytes) if *own == field => Some(bytes.clone()),
            _ => None,
        })
    }

    /// The text of this field; empty when there is none.
    pub(super) fn text(&self, field: u64) -> String {
        String::from_utf8_lossy(&self.bytes(field).unwrap_or_default()).into_owned()
    }
}

fn take(rest: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= rest.len()).then(|| rest.split_to(length))
}

fn take_varint(rest: &mut Bytes) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The frame of a command without a payload.
pub(super) fn command(kind: u64, body: &Fields) -> Bytes {
    let command = Fields::default().number(1, kind).within(kind, body);
    let mut frame = BytesMut::new();
    frame.put_u32(u32_len(command.0.len() + 4));
    frame.put_u32(u32_len(command.0.len()));
    frame.put_slice(&command.0);
    frame.freeze()
}

/// The frame of a message: the command, a checksum (CRC-32C), the metadata, the payload.
pub(super) fn message(body: &Fields, metadata: &Fields, payload: &[u8]) -> Bytes {
    let command = Fields::default().number(1, kind::SEND).within(kind::SEND, body);
    let mut summed = BytesMut::with_capacity(4 + metadata.0.len() + payload.len());
    summed.put_u32(u32_len(metadata.0.len()));
    summed.put_slice(&metadata.0);
    summed.put_slice(payload);
    let checksum = crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, &summed);
    let mut frame = BytesMut::new();
    frame.put_u32(u32_len(4 + command.0.len() + 6 + summed.len()));
    frame.put_u32(u32_len(command.0.len()));
    frame.put_slice(&command.0);
    frame.put_u16(CHECKSUM_MAGIC);
    frame.put_u32(checksum as u32);
    frame.put_slice(&summed);
    frame.freeze()
}

/// The command of a frame's content, with its type.
pub(super) fn read_command(mut content: Bytes) -> Option<(u64, Read)> {
    let length = u32::from_be_bytes(take(&mut content, 4)?[..].try_into().ok()?);
    let command = Read::parse(take(&mut content, usize::try_from(length).ok()?)?)?;
    let kind = command.number(1)?;
    Some((kind, Read::parse(command.bytes(kind).unwrap_or_default())?))
}

/// Lengths stay far below this: a body is bounded by the wire's limits.
fn u32_len(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let body = Fields::default().bytes(1, b"topic").number(2, 300).number(3, u64::MAX);
        let mut frame = command(kind::PRODUCER, &body);
        assert_eq!(take(&mut frame, 4).as_deref(), Some(&[0, 0, 0, 29][..]));
        let (kind, read) = read_command(frame).expect("a command");
        assert_eq!((kind, read.text(1).as_str()), (kind::PRODUCER, "topic"));
        assert_eq!((read.number(2), read.number(3), read.number(4)), (Some(300), Some(u64::MAX), None));
    }

    #[test]
    fn what_is_no_command_is_refused_without_a_panic() {
        let whole = command(kind::LOOKUP, &Fields::default().bytes(1, b"topic").number(2, 7)).slice(4..);
        for end in 0..whole.len() {
            assert!(read_command(whole.slice(..end)).is_none(), "{end}");
        }
        for bytes in [&[0xff; 32][..], &[0, 0, 0, 2, 8, 0x80], &[0, 0, 0, 1, 0x0b], &[0xff, 0xff, 0xff, 0xff, 1]] {
            assert!(read_command(Bytes::copy_from_slice(bytes)).is_none(), "{bytes:?}");
        }
    }
}
