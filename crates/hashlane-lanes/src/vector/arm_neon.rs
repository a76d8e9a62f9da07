//! NEON: four lanes of 32-bit words or two of 64-bit words in a 128-bit register, on every aarch64 processor.
//!
//! What it promises: a vector exists only after the CPU was seen to have the instructions, so operations on
//! values need no check. What it leaves out on purpose: the exclusive or of three and the rotation that some processors
//! have beside their SHA-3 instructions, since those have the SHA-512 instructions too, and big-endian systems, where
//! nothing could be tested.

#![expect(unsafe_code, reason = "an instruction-set file: intrinsics, and calls into enabled target features")]

use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

use crate::algorithm::Compression;
use crate::kernel::{Chains, Inputs, Wide, run_lanes};
use crate::vector::pair::Pair;
use crate::vector::{InstructionSet, Vector};
use crate::word::Word;

/// Whether the CPU has the instructions.
pub(crate) fn present() -> bool {
    Proof::detect().is_some()
}

/// Says that the CPU has the instructions: made by detection only.
#[derive(Clone, Copy)]
pub(crate) struct Proof(());

impl Proof {
    fn detect() -> Option<Proof> {
        (cfg!(target_endian = "little") && is_aarch64_feature_detected!("neon")).then_some(Proof(()))
    }
}

/// The instruction set.
pub(crate) struct Neon;

impl InstructionSet for Neon {
    type Proof = Proof;
    type Words32 = Words32;
    type Words64 = Words64;
}

/// The vector of an algorithm's words.
type Of<C> = <<C as Compression>::Word as Word>::In<Neon>;

/// The kernels. As with AVX2, two groups are interleaved for an algorithm whose steps are one chain.
///
/// The crossovers are not measured: no processor was at hand, only an emulator. A vector operation here takes longer than
/// one in general registers and a rotation is two of them, so a group must be full before it is tried; two groups take
/// hardly longer than one, so they are tried as soon as one is not enough.
pub(crate) fn wide<C: Compression>() -> Vec<Wide<C::Word>> {
    let lanes = Of::<C>::LANES;
    let one = Wide { degree: lanes, busy_min: lanes, run: run::<C, Of<C>> };
    let two = Wide { degree: 2 * lanes, busy_min: lanes + 1, run: run::<C, Pair<Of<C>>> };
    if C::ONE_CHAIN { vec![two, one] } else { vec![one] }
}

/// Runs a group of lanes, or whatever else is made of groups.
fn run<C: Compression, V: Vector<Word = C::Word, Proof = Proof>>(chains: &mut Chains<C::Word>, inputs: &Inputs<'_>) {
    #[target_feature(enable = "neon")]
    fn enabled<C: Compression, V: Vector<Word = C::Word, Proof = Proof>>(
        proof: Proof,
        chains: &mut Chains<C::Word>,
        inputs: &Inputs<'_>,
    ) {
        run_lanes::<C, V>(proof, chains, inputs);
    }
    let proof = Proof::detect().expect("the kernel was chosen after detection");
    // SAFETY: the proof says that the CPU has the feature that the function enables.
    unsafe { enabled::<C, V>(proof, chains, inputs) }
}

/// Four words of 32 bits.
#[derive(Clone, Copy)]
pub(crate) struct Words32(uint32x4_t);

/// Two words of 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Words64(uint64x2_t);

/// An intrinsic whose only demand is the instruction set, on vectors of this file or beside a [`Proof`].
macro_rules! on_proof {
    ($call:expr) => {
        // SAFETY: a value or a proof is at hand wherever this is used, so the CPU has the instructions; the intrinsics
        // used with it touch no memory.
        Self(unsafe { $call })
    };
}

/// What is the same for both widths but for the names of the intrinsics. `$count` is every count of a shift: they are
/// part of the instructions, and a generic count cannot be reckoned with.
macro_rules! operations {
    (
        $lanes:literal of $word:ident, $load:ident $store:ident $set1:ident, $add:ident $and:ident $or:ident $xor:ident,
        $and_not:ident $or_not:ident $select:ident, $shift_right:ident $insert_left:ident,
        $($count:literal)*
    ) => {
        type Word = $word;
        type Proof = Proof;
        const LANES: usize = $lanes;

        #[inline(always)]
        fn from_words(_: Proof, words: &[$word]) -> Self {
            let words: &[$word; $lanes] = words.first_chunk().expect("a word for every lane");
            // SAFETY: the proof says that the CPU has the instruction; the reference is to 16 readable bytes.
            Self(unsafe { $load(words.as_ptr()) })
        }

        #[inline(always)]
        fn to_words(self, words: &mut [$word]) {
            let words: &mut [$word; $lanes] = words.first_chunk_mut().expect("a word for every lane");
            // SAFETY: the value says that the CPU has the instruction; the reference is to 16 writable bytes.
            unsafe { $store(words.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn message(_: Proof, inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16] {
            let inputs: &[&[u8]; $lanes] = inputs.first_chunk().expect("an input for every lane");
            let mut message = [on_proof!($set1(0)); 16];
            // A vector's length of every lane at a time.
            for part in 0..16 / $lanes {
                let mut rows = [message[0]; $lanes];
                for (row, input) in rows.iter_mut().zip(inputs) {
                    let block: &[u8; $word::BLOCK_BYTES] =
                        input[offset..].first_chunk().expect("a whole block of every lane");
                    let bytes: &[u8; 16] = &block.as_chunks().0[part];
                    // SAFETY: the proof says that the CPU has the instruction; the reference is to 16 readable bytes, and
                    // the load needs no alignment.
                    *row = Self(unsafe { $load(bytes.as_ptr().cast()) });
                }
                for (word, column) in Self::transpose(rows).into_iter().enumerate() {
                    message[part * $lanes + word] = if big_endian { column.swap_bytes() } else { column };
                }
            }
            message
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            on_proof!($add(self.0, other.0))
        }

        #[inline(always)]
        fn plus(self, word: $word) -> Self {
            on_proof!($add(self.0, $set1(word)))
        }

        #[inline(always)]
        fn and(self, other: Self) -> Self {
            on_proof!($and(self.0, other.0))
        }

        #[inline(always)]
        fn or(self, other: Self) -> Self {
            on_proof!($or(self.0, other.0))
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            on_proof!($xor(self.0, other.0))
        }

        #[inline(always)]
        fn and_not(self, other: Self) -> Self {
            on_proof!($and_not(self.0, other.0))
        }

        #[inline(always)]
        fn not(self) -> Self {
            on_proof!($or_not($set1(0), self.0))
        }

        // A rotation is a shift to the right, above which the bits that it lost are inserted by a shift to the left. Said the
        // other way round, the compiler understands it and adds the two parts, which takes longer on Arm's cores.

        #[inline(always)]
        fn rotate_left<const N: u32>(self) -> Self {
            if let Some(rotated) = self.rotate_bytes(N) {
                return rotated;
            }
            match N {
                $($count => {
                    on_proof!($insert_left::<$count>($shift_right::<{ $word::BITS as i32 - $count }>(self.0), self.0))
                })*
                _ => unreachable!("a rotation by at least 1 and less than a word has bits"),
            }
        }

        #[inline(always)]
        fn rotate_right<const N: u32>(self) -> Self {
            if let Some(rotated) = self.rotate_bytes($word::BITS - N) {
                return rotated;
            }
            match N {
                $($count => {
                    on_proof!($insert_left::<{ $word::BITS as i32 - $count }>($shift_right::<$count>(self.0), self.0))
                })*
                _ => unreachable!("a rotation by at least 1 and less than a word has bits"),
            }
        }

        #[inline(always)]
        fn shift_right<const N: u32>(self) -> Self {
            match N {
                $($count => on_proof!($shift_right::<$count>(self.0)),)*
                _ => unreachable!("a shift by at least 1 and less than a word has bits"),
            }
        }

        #[inline(always)]
        fn choose(self, one: Self, zero: Self) -> Self {
            on_proof!($select(self.0, one.0, zero.0))
        }

        // Of the two parts the one that waits is no shorter than the whole.
        #[inline(always)]
        fn add_choose(self, mask: Self, one: Self, zero: Self) -> Self {
            self.add(mask.choose(one, zero))
        }

        #[inline(always)]
        fn majority(self, second: Self, third: Self) -> Self {
            self.xor(second).choose(third, second)
        }

        #[inline(always)]
        fn xor_or_not(self, one: Self, other: Self) -> Self {
            self.xor(on_proof!($or_not(one.0, other.0)))
        }
    };
}

impl Vector for Words32 {
    operations!(
        4 of u32, vld1q_u32 vst1q_u32 vdupq_n_u32, vaddq_u32 vandq_u32 vorrq_u32 veorq_u32,
        vbicq_u32 vornq_u32 vbslq_u32, vshrq_n_u32 vsliq_n_u32,
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    );
}

impl Vector for Words64 {
    operations!(
        2 of u64, vld1q_u64 vst1q_u64 vdupq_n_u64, vaddq_u64 vandq_u64 vorrq_u64 veorq_u64,
        vbicq_u64 vornq_u64 vbslq_u64, vshrq_n_u64 vsliq_n_u64,
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
    );
}

impl Words32 {
    /// A rotation to the left that moves whole bytes: one instruction instead of two.
    #[inline(always)]
    fn rotate_bytes(self, count: u32) -> Option<Self> {
        (count == 16).then(|| on_proof!(vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(self.0)))))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        on_proof!(vreinterpretq_u32_u8(vrev32q_u8(vreinterpretq_u8_u32(self.0))))
    }

    /// Four rows of four words to four columns, in registers: words, then pairs of words change places.
    #[inline(always)]
    fn transpose([r0, r1, r2, r3]: [Self; 4]) -> [Self; 4] {
        let ((a0, a1), (a2, a3)) = (r0.zip_words(r1), r2.zip_words(r3));
        let ((b0, b2), (b1, b3)) = (a0.zip_pairs(a2), a1.zip_pairs(a3));
        [b0, b1, b2, b3]
    }

    /// Words of both in turn: the even and the odd ones.
    #[inline(always)]
    fn zip_words(self, other: Self) -> (Self, Self) {
        (on_proof!(vtrn1q_u32(self.0, other.0)), on_proof!(vtrn2q_u32(self.0, other.0)))
    }

    /// Pairs of words of both in turn: the lower and the upper ones.
    #[inline(always)]
    fn zip_pairs(self, other: Self) -> (Self, Self) {
        let [low, high] = Words64::transpose([self.pairs(), other.pairs()]);
        (low.halves(), high.halves())
    }

    /// Each two words as one.
    #[inline(always)]
    fn pairs(self) -> Words64 {
        // SAFETY: the value says that the CPU has the instructions; this one does nothing.
        Words64(unsafe { vreinterpretq_u64_u32(self.0) })
    }
}

impl Words64 {
    /// A rotation to the left that moves whole bytes: one instruction instead of two.
    #[inline(always)]
    fn rotate_bytes(self, count: u32) -> Option<Self> {
        // Where each byte comes from, the lowest first.
        const RIGHT_BY_ONE: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15, 8];
        let right_by_one = || {
            // SAFETY: the value says that the CPU has the instruction; the reference is to 16 readable bytes.
            let order = unsafe { vld1q_u8(RIGHT_BY_ONE.as_ptr()) };
            on_proof!(vreinterpretq_u64_u8(vqtbl1q_u8(vreinterpretq_u8_u64(self.0), order)))
        };
        (count == 56).then(right_by_one)
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        on_proof!(vreinterpretq_u64_u8(vrev64q_u8(vreinterpretq_u8_u64(self.0))))
    }

    /// Two rows of two words to two columns.
    #[inline(always)]
    fn transpose([first, second]: [Self; 2]) -> [Self; 2] {
        [on_proof!(vtrn1q_u64(first.0, second.0)), on_proof!(vtrn2q_u64(first.0, second.0))]
    }

    /// Each word as two.
    #[inline(always)]
    fn halves(self) -> Words32 {
        // SAFETY: the value says that the CPU has the instructions; this one does nothing.
        Words32(unsafe { vreinterpretq_u32_u64(self.0) })
    }
}
