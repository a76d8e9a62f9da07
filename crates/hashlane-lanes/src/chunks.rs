//! The slots' chunks: one allocation, one piece for each slot, used again and again.
//!
//! A piece is the chunk, which input is read into, and behind it room for the padding of every algorithm. Pieces
//! begin at a cache line and one line further into a page from slot to slot: chunks at the same place of a page share few
//! cache sets and would evict each other.

use crate::Algorithm;
use crate::word::BLOCK_BYTES_MAX;

/// The rest of a message is shorter than the longest block, and with its padding no longer than two of them.
const PADDING_BYTES: usize = 2 * BLOCK_BYTES_MAX;

/// The line of a cache.
const LINE_BYTES: usize = 64;

/// Addresses that are equal modulo this share the sets of a first-level cache.
const PAGE_BYTES: usize = 4096;

pub(crate) struct Chunks {
    bytes: Vec<u8>,
    /// Where the first slot's piece begins.
    first: usize,
    /// From piece to piece.
    stride: usize,
    chunk_bytes: usize,
}

impl Chunks {
    /// The chunk is rounded up to whole blocks of any algorithm.
    pub(crate) fn new(slots: usize, chunk_bytes: usize) -> Chunks {
        let chunk_bytes = chunk_bytes.max(1).next_multiple_of(BLOCK_BYTES_MAX);
        let padding_bytes = Algorithm::ALL.len() * PADDING_BYTES;
        let stride = (chunk_bytes + padding_bytes).next_multiple_of(PAGE_BYTES) + LINE_BYTES;
        let bytes = vec![0; slots * stride + LINE_BYTES];
        // Where an address cannot be aligned (Miri), speed is all that is lost.
        let first = bytes.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES);
        Chunks { bytes, first, stride, chunk_bytes }
    }

    /// The length of a chunk.
    pub(crate) fn chunk_bytes(&self) -> usize {
        self.chunk_bytes
    }

    /// The bytes of all pieces.
    pub(crate) fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Where in a piece the `number`th algorithm of a message has its padding when it cannot follow the data. The first
    /// one's is left free for padding that does follow data which fills the chunk.
    pub(crate) fn padding(&self, number: usize) -> usize {
        self.chunk_bytes + number * PADDING_BYTES
    }

    /// A slot's piece.
    pub(crate) fn piece(&self, slot: usize) -> &[u8] {
        &self.bytes[self.first + slot * self.stride..][..self.stride]
    }

    /// A slot's piece, to be written.
    pub(crate) fn piece_mut(&mut self, slot: usize) -> &mut [u8] {
        &mut self.bytes[self.first + slot * self.stride..][..self.stride]
    }
}
