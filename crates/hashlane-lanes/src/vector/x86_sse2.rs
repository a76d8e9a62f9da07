//! SSE2: four lanes of 32-bit words or two of 64-bit words in a 128-bit register, on every x86-64 processor.
//!
//! What it promises: a vector exists only after the CPU was seen to have the instructions, so operations on
//! values need no check. What it leaves out on purpose: SSSE3, whose byte shuffle would save one or two
//! operations in a hundred, since nearly every CPU that has it has AVX2 too.

#![expect(unsafe_code, reason = "an instruction-set file: intrinsics, and calls into enabled target features")]

use std::arch::x86_64::*;

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
        is_x86_feature_detected!("sse2").then_some(Proof(()))
    }
}

/// The instruction set.
pub(crate) struct Sse2;

impl InstructionSet for Sse2 {
    type Proof = Proof;
    type Words32 = Words32;
    type Words64 = Words64;
}

/// The vector of an algorithm's words.
type Of<C> = <<C as Compression>::Word as Word>::In<Sse2>;

/// The kernels. An algorithm whose steps are one chain leaves the core waiting unless two groups are interleaved; for the
/// others two groups would not fit the sixteen registers.
///
/// The crossovers are from `examples/lanes_speed.rs` on a Zen 3 core, MD5: one group gives 0.48 GB/s for each busy lane and
/// two give 0.43, while two messages in general registers give 1.24.
pub(crate) fn wide<C: Compression>() -> Vec<Wide<C::Word>> {
    let lanes = Of::<C>::LANES;
    let one = Wide { degree: lanes, busy_min: 3, run: run::<C, Of<C>> };
    let two = Wide { degree: 2 * lanes, busy_min: lanes + 1, run: run::<C, Pair<Of<C>>> };
    if C::ONE_CHAIN { vec![two, one] } else { vec![one] }
}

/// Runs a group of lanes, or whatever else is made of groups.
fn run<C: Compression, V: Vector<Word = C::Word, Proof = Proof>>(chains: &mut Chains<C::Word>, inputs: &Inputs<'_>) {
    #[target_feature(enable = "sse2")]
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
pub(crate) struct Words32(__m128i);

/// Two words of 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Words64(__m128i);

/// An intrinsic whose only demand is the instruction set, on vectors of this file or beside a [`Proof`].
macro_rules! on_proof {
    ($call:expr) => {
        // SAFETY: a value or a proof is at hand wherever this is used, so the CPU has the instructions; the intrinsics
        // used with it touch no memory.
        Self(unsafe { $call })
    };
}

/// What is the same for both widths but for the names of the intrinsics.
macro_rules! operations {
    ($lanes:literal of $word:ident, $add:ident, $set1:ident $signed:ident, $shift_left:ident, $shift_right:ident) => {
        type Word = $word;
        type Proof = Proof;
        const LANES: usize = $lanes;

        #[inline(always)]
        fn from_words(_: Proof, words: &[$word]) -> Self {
            let words: &[$word; $lanes] = words.first_chunk().expect("a word for every lane");
            // SAFETY: the proof says that the CPU has the instruction; the reference is to 16 readable bytes, and the load
            // needs no alignment.
            Self(unsafe { _mm_loadu_si128(words.as_ptr().cast()) })
        }

        #[inline(always)]
        fn to_words(self, words: &mut [$word]) {
            let words: &mut [$word; $lanes] = words.first_chunk_mut().expect("a word for every lane");
            // SAFETY: the value says that the CPU has the instruction; the reference is to 16 writable bytes, and the store
            // needs no alignment.
            unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        fn message(proof: Proof, inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16] {
            let inputs: &[&[u8]; $lanes] = inputs.first_chunk().expect("an input for every lane");
            let mut message = [Self::zero(proof); 16];
            // A vector's length of every lane at a time.
            for part in 0..16 / $lanes {
                let mut rows = [message[0]; $lanes];
                for (row, input) in rows.iter_mut().zip(inputs) {
                    let block: &[u8; $word::BLOCK_BYTES] =
                        input[offset..].first_chunk().expect("a whole block of every lane");
                    let bytes: &[u8; 16] = &block.as_chunks().0[part];
                    // SAFETY: the proof says that the CPU has the instruction; the reference is to 16 readable bytes, and
                    // the load needs no alignment.
                    *row = Self(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
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
            on_proof!($add(self.0, $set1(word as $signed)))
        }

        #[inline(always)]
        fn and(self, other: Self) -> Self {
            on_proof!(_mm_and_si128(self.0, other.0))
        }

        #[inline(always)]
        fn or(self, other: Self) -> Self {
            on_proof!(_mm_or_si128(self.0, other.0))
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            on_proof!(_mm_xor_si128(self.0, other.0))
        }

        #[inline(always)]
        fn and_not(self, other: Self) -> Self {
            on_proof!(_mm_andnot_si128(other.0, self.0))
        }

        #[inline(always)]
        fn not(self) -> Self {
            on_proof!(_mm_xor_si128(self.0, _mm_set1_epi32(-1)))
        }

        // The counts are constants wherever this is inlined, and so the shifts become those by constants.

        #[inline(always)]
        fn rotate_left<const N: u32>(self) -> Self {
            if let Some(rotated) = self.rotate_bytes(N) {
                return rotated;
            }
            let left = on_proof!($shift_left(self.0, _mm_cvtsi32_si128(N as i32)));
            left.or(on_proof!($shift_right(self.0, _mm_cvtsi32_si128(($word::BITS - N) as i32))))
        }

        #[inline(always)]
        fn rotate_right<const N: u32>(self) -> Self {
            if let Some(rotated) = self.rotate_bytes($word::BITS - N) {
                return rotated;
            }
            let right = on_proof!($shift_right(self.0, _mm_cvtsi32_si128(N as i32)));
            right.or(on_proof!($shift_left(self.0, _mm_cvtsi32_si128(($word::BITS - N) as i32))))
        }

        #[inline(always)]
        fn shift_right<const N: u32>(self) -> Self {
            on_proof!($shift_right(self.0, _mm_cvtsi32_si128(N as i32)))
        }
    };
}

impl Vector for Words32 {
    operations!(4 of u32, _mm_add_epi32, _mm_set1_epi32 i32, _mm_sll_epi32, _mm_srl_epi32);
}

impl Vector for Words64 {
    operations!(2 of u64, _mm_add_epi64, _mm_set1_epi64x i64, _mm_sll_epi64, _mm_srl_epi64);
}

impl Words32 {
    #[inline(always)]
    fn zero(_: Proof) -> Self {
        on_proof!(_mm_setzero_si128())
    }

    /// A rotation to the left that moves whole bytes: two instructions instead of three.
    #[inline(always)]
    fn rotate_bytes(self, count: u32) -> Option<Self> {
        (count == 16).then(|| self.swap_halves())
    }

    /// The halves of each word change places.
    #[inline(always)]
    fn swap_halves(self) -> Self {
        let low = on_proof!(_mm_shufflelo_epi16::<0b10_11_00_01>(self.0));
        on_proof!(_mm_shufflehi_epi16::<0b10_11_00_01>(low.0))
    }

    /// The bytes of each half word change places: SSE2 moves no single bytes.
    #[inline(always)]
    fn swap_half_bytes(self) -> Self {
        on_proof!(_mm_slli_epi16::<8>(self.0)).or(on_proof!(_mm_srli_epi16::<8>(self.0)))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        self.swap_halves().swap_half_bytes()
    }

    /// Words of both in turn: the lower and the upper ones.
    #[inline(always)]
    fn zip_words(self, other: Self) -> (Self, Self) {
        (on_proof!(_mm_unpacklo_epi32(self.0, other.0)), on_proof!(_mm_unpackhi_epi32(self.0, other.0)))
    }

    /// Pairs of words of both in turn.
    #[inline(always)]
    fn zip_pairs(self, other: Self) -> (Self, Self) {
        (on_proof!(_mm_unpacklo_epi64(self.0, other.0)), on_proof!(_mm_unpackhi_epi64(self.0, other.0)))
    }

    /// Four rows of four words to four columns, in registers: words, then pairs of words change places.
    #[inline(always)]
    fn transpose(rows: [Self; 4]) -> [Self; 4] {
        let [r0, r1, r2, r3] = rows;
        let ((a0, a1), (a2, a3)) = (r0.zip_words(r1), r2.zip_words(r3));
        let ((b0, b1), (b2, b3)) = (a0.zip_pairs(a2), a1.zip_pairs(a3));
        [b0, b1, b2, b3]
    }
}

impl Words64 {
    #[inline(always)]
    fn zero(proof: Proof) -> Self {
        Self(Words32::zero(proof).0)
    }

    /// No rotation by whole bytes is cheaper than the others.
    #[inline(always)]
    fn rotate_bytes(self, _: u32) -> Option<Self> {
        None
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        let low = on_proof!(_mm_shufflelo_epi16::<0b00_01_10_11>(self.0));
        let quarters = on_proof!(_mm_shufflehi_epi16::<0b00_01_10_11>(low.0));
        Self(Words32(quarters.0).swap_half_bytes().0)
    }

    /// Two rows of two words to two columns.
    #[inline(always)]
    fn transpose([first, second]: [Self; 2]) -> [Self; 2] {
        let (low, high) = Words32(first.0).zip_pairs(Words32(second.0));
        [Self(low.0), Self(high.0)]
    }
}
