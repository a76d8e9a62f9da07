//! The word of an algorithm: 32 bits, or 64 for SHA-512.
//!
//! What it promises: what differs between the two widths and is no arithmetic is said here, so that kernels, scratch memory
//! and vectors of the right width follow from the word alone. What it leaves out on purpose: arithmetic, which a
//! [`Vector`] has, for one lane too.

use crate::kernel::{Chains, Scratch};
use crate::vector::{InstructionSet, Vector};

/// A block of every algorithm here is sixteen words.
pub(crate) const BLOCK_WORDS: usize = 16;

/// The longest block of any algorithm, in bytes.
pub(crate) const BLOCK_BYTES_MAX: usize = u64::BLOCK_BYTES;

/// A word: `u32` or `u64`.
pub(crate) trait Word: Copy + Send + Sync + 'static {
    /// Its length in bytes.
    const BYTES: usize;
    /// The length of a block in bytes.
    const BLOCK_BYTES: usize = BLOCK_WORDS * Self::BYTES;
    /// No bit set.
    const ZERO: Self;
    /// An instruction set's vector of such words.
    type In<I: InstructionSet>: Vector<Word = Self, Proof = I::Proof>;

    /// The scratch memory for such words.
    fn chains(scratch: &mut Scratch) -> &mut Chains<Self>;
    /// Reads a word from the first [`Word::BYTES`].
    fn read(bytes: &[u8], big_endian: bool) -> Self;
    /// Writes a word to the first [`Word::BYTES`].
    fn write(self, bytes: &mut [u8], big_endian: bool);
}

macro_rules! word {
    ($word:ident, $vector:ident, $scratch:ident) => {
        impl Word for $word {
            const BYTES: usize = size_of::<$word>();
            const ZERO: Self = 0;
            type In<I: InstructionSet> = I::$vector;

            fn chains(scratch: &mut Scratch) -> &mut Chains<Self> {
                &mut scratch.$scratch
            }

            #[inline(always)]
            fn read(bytes: &[u8], big_endian: bool) -> Self {
                let bytes = *bytes.first_chunk().expect("the bytes of a word");
                if big_endian { $word::from_be_bytes(bytes) } else { $word::from_le_bytes(bytes) }
            }

            #[inline(always)]
            fn write(self, bytes: &mut [u8], big_endian: bool) {
                let word = if big_endian { self.to_be_bytes() } else { self.to_le_bytes() };
                *bytes.first_chunk_mut().expect("the bytes of a word") = word;
            }
        }
    };
}

word!(u32, Words32, words32);
word!(u64, Words64, words64);
