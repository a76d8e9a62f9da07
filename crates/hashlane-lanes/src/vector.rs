//! A vector of words, one per lane: the little that an algorithm needs of an instruction set.
//!
//! What it promises: a value exists only where the CPU has the instructions. Values are made by the constructors, which take
//! a proof; a proof is made only by detection in the instruction set's own file. So the algorithms need no `unsafe`, and
//! the instruction-set files can argue each of theirs from the existence of a value. What it leaves out on purpose:
//! anything that only one instruction set would use; such gains belong into its overrides of the provided operations.

#[cfg(target_arch = "aarch64")]
pub(crate) mod arm_neon;
pub(crate) mod pair;
pub(crate) mod scalar;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_sse2;

use crate::word::Word;

/// An instruction set: its vectors of both widths. [`Word::In`] chooses between them.
pub(crate) trait InstructionSet {
    /// Says that the CPU has the instructions.
    type Proof: Copy;
    /// Words of 32 bits.
    type Words32: Vector<Word = u32, Proof = Self::Proof>;
    /// Words of 64 bits.
    type Words64: Vector<Word = u64, Proof = Self::Proof>;
}

/// One word of each lane.
pub(crate) trait Vector: Copy {
    /// What a lane has one of.
    type Word: Word;
    /// Says that the CPU has the instructions.
    type Proof: Copy;
    /// The degree.
    const LANES: usize;

    /// The first `LANES` of `words`.
    fn from_words(proof: Self::Proof, words: &[Self::Word]) -> Self;
    /// Writes the first `LANES` of `words`.
    fn to_words(self, words: &mut [Self::Word]);
    /// The sixteen words of the block at `offset` of every input; there are `LANES` inputs.
    fn message(proof: Self::Proof, inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16];

    /// Sum modulo 2 to the number of a word's bits.
    fn add(self, other: Self) -> Self;
    /// Sum with the same word in each lane.
    fn plus(self, word: Self::Word) -> Self;
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Bitwise and with the complement of `other`.
    fn and_not(self, other: Self) -> Self;
    /// Bitwise complement.
    fn not(self) -> Self;
    /// Rotates to the left by `N`, at least 1 and less than a word has bits.
    fn rotate_left<const N: u32>(self) -> Self;
    /// Rotates to the right by `N`, at least 1 and less than a word has bits.
    fn rotate_right<const N: u32>(self) -> Self;
    /// Shifts to the right by `N`, at least 1 and less than a word has bits.
    fn shift_right<const N: u32>(self) -> Self;

    /// Bits of `one` where `self` has ones, of `zero` elsewhere. The form with the fewest operations after `self`.
    #[inline(always)]
    fn choose(self, one: Self, zero: Self) -> Self {
        self.and(one.xor(zero)).xor(zero)
    }

    /// `self` plus what [`Vector::choose`] of `mask` gives. The two halves have no bit in common, so their "or" may as well be
    /// a sum, and then only one "and" and one sum wait for `one`.
    #[inline(always)]
    fn add_choose(self, mask: Self, one: Self, zero: Self) -> Self {
        self.add(zero.and_not(mask)).add(mask.and(one))
    }

    /// Bits that at least two of the three have. Said so that one round's first "xor" is the next round's second.
    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        self.xor(second).and(second.xor(third)).xor(second)
    }

    /// Exclusive or of three; the last two are joined first, since callers give the newest value first.
    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        self.xor(second.xor(third))
    }

    /// `self ^ (one | !other)`.
    #[inline(always)]
    fn xor_or_not(self, one: Self, other: Self) -> Self {
        self.xor(one.or(other.not()))
    }
}
