//! AVX2: eight lanes of 32-bit words or four of 64-bit words in a 256-bit register.
//!
//! What it promises: a vector exists only after the CPU was seen to have the instructions, so operations on
//! values need no check. What it leaves out on purpose: gathering words from memory, which is slower than
//! whole loads and a transposition in registers.

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
    pub(crate) fn detect() -> Option<Proof> {
        is_x86_feature_detected!("avx2").then_some(Proof(()))
    }
}

/// The instruction set.
pub(crate) struct Avx2;

impl InstructionSet for Avx2 {
    type Proof = Proof;
    type Words32 = Words32;
    type Words64 = Words64;
}

/// The vector of an algorithm's words.
type Of<C> = <<C as Compression>::Word as Word>::In<Avx2>;

/// The kernels. An algorithm whose steps are one chain leaves the core waiting unless two groups are interleaved; for the
/// others two groups would not fit the sixteen registers.
///
/// The crossovers are from `examples/lanes_speed.rs` on a Zen 3 core, MD5: one group gives 0.47 GB/s for each busy lane and
/// two give 0.40, while two messages in general registers give 1.24.
pub(crate) fn wide<C: Compression>() -> Vec<Wide<C::Word>> {
    let lanes = Of::<C>::LANES;
    // Nothing that runs two messages of 64-bit words is better than half of the four lanes.
    let one = Wide { degree: lanes, busy_min: if lanes == 4 { 2 } else { 3 }, run: run::<C, Of<C>> };
    let two = Wide { degree: 2 * lanes, busy_min: lanes + 2, run: run::<C, Pair<Of<C>>> };
    if C::ONE_CHAIN { vec![two, one] } else { vec![one] }
}

/// Runs a group of lanes, or whatever else is made of groups.
fn run<C: Compression, V: Vector<Word = C::Word, Proof = Proof>>(chains: &mut Chains<C::Word>, inputs: &Inputs<'_>) {
    #[target_feature(enable = "avx2")]
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

/// Eight words of 32 bits.
#[derive(Clone, Copy)]
pub(crate) struct Words32(__m256i);

/// Four words of 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Words64(__m256i);

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
            // SAFETY: the proof says that the CPU has the instruction; the reference is to 32 readable bytes, and the load
            // needs no alignment.
            Self(unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
        }

        #[inline(always)]
        fn to_words(self, words: &mut [$word]) {
            let words: &mut [$word; $lanes] = words.first_chunk_mut().expect("a word for every lane");
            // SAFETY: the value says that the CPU has the instruction; the reference is to 32 writable bytes, and the store
            // needs no alignment.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) }
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
                    let bytes: &[u8; 32] = &block.as_chunks().0[part];
                    // SAFETY: the proof says that the CPU has the instruction; the reference is to 32 readable bytes, and
                    // the load needs no alignment.
                    *row = Self(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) });
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
            on_proof!(_mm256_and_si256(self.0, other.0))
        }

        #[inline(always)]
        fn or(self, other: Self) -> Self {
            on_proof!(_mm256_or_si256(self.0, other.0))
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            on_proof!(_mm256_xor_si256(self.0, other.0))
        }

        #[inline(always)]
        fn and_not(self, other: Self) -> Self {
            on_proof!(_mm256_andnot_si256(other.0, self.0))
        }

        #[inline(always)]
        fn not(self) -> Self {
            on_proof!(_mm256_xor_si256(self.0, _mm256_set1_epi32(-1)))
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
    operations!(8 of u32, _mm256_add_epi32, _mm256_set1_epi32 i32, _mm256_sll_epi32, _mm256_srl_epi32);
}

impl Vector for Words64 {
    operations!(4 of u64, _mm256_add_epi64, _mm256_set1_epi64x i64, _mm256_sll_epi64, _mm256_srl_epi64);
}

impl Words32 {
    #[inline(always)]
    fn zero(_: Proof) -> Self {
        on_proof!(_mm256_setzero_si256())
    }

    /// A rotation to the left that moves whole bytes: one instruction instead of three.
    #[inline(always)]
    fn rotate_bytes(self, count: u32) -> Option<Self> {
        let order = [13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2];
        (count == 16).then(|| self.shuffle(order))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        self.shuffle([12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3])
    }

    /// Moves the bytes of each half to where `order` says, the highest byte's source first.
    #[inline(always)]
    fn shuffle(self, order: [i8; 16]) -> Self {
        let [f, e, d, c, b, a, n9, n8, n7, n6, n5, n4, n3, n2, n1, n0] = order;
        on_proof!(_mm256_shuffle_epi8(
            self.0,
            _mm256_broadcastsi128_si256(_mm_set_epi8(f, e, d, c, b, a, n9, n8, n7, n6, n5, n4, n3, n2, n1, n0))
        ))
    }

    /// Words of both in turn, within each 128-bit half: the lower and the upper ones.
    #[inline(always)]
    fn zip_words(self, other: Self) -> (Self, Self) {
        (on_proof!(_mm256_unpacklo_epi32(self.0, other.0)), on_proof!(_mm256_unpackhi_epi32(self.0, other.0)))
    }

    /// Pairs of words of both in turn, within each 128-bit half.
    #[inline(always)]
    fn zip_pairs(self, other: Self) -> (Self, Self) {
        (on_proof!(_mm256_unpacklo_epi64(self.0, other.0)), on_proof!(_mm256_unpackhi_epi64(self.0, other.0)))
    }

    /// The 128-bit halves of both in turn.
    #[inline(always)]
    fn zip_halves(self, other: Self) -> (Self, Self) {
        let low = on_proof!(_mm256_permute2x128_si256::<0x20>(self.0, other.0));
        (low, on_proof!(_mm256_permute2x128_si256::<0x31>(self.0, other.0)))
    }

    /// Eight rows of eight words to eight columns, in registers: words, then pairs of words, then halves change places.
    #[inline(always)]
    fn transpose(rows: [Self; 8]) -> [Self; 8] {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
        let ((a0, a1), (a2, a3)) = (r0.zip_words(r1), r2.zip_words(r3));
        let ((a4, a5), (a6, a7)) = (r4.zip_words(r5), r6.zip_words(r7));
        let ((b0, b1), (b2, b3)) = (a0.zip_pairs(a2), a1.zip_pairs(a3));
        let ((b4, b5), (b6, b7)) = (a4.zip_pairs(a6), a5.zip_pairs(a7));
        let ((c0, c4), (c1, c5)) = (b0.zip_halves(b4), b1.zip_halves(b5));
        let ((c2, c6), (c3, c7)) = (b2.zip_halves(b6), b3.zip_halves(b7));
        [c0, c1, c2, c3, c4, c5, c6, c7]
    }
}

impl Words64 {
    #[inline(always)]
    fn zero(proof: Proof) -> Self {
        Self(Words32::zero(proof).0)
    }

    /// A rotation to the left that moves whole bytes: one instruction instead of three.
    #[inline(always)]
    fn rotate_bytes(self, count: u32) -> Option<Self> {
        let order = [8, 15, 14, 13, 12, 11, 10, 9, 0, 7, 6, 5, 4, 3, 2, 1];
        (count == 56).then(|| Self(Words32(self.0).shuffle(order).0))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Self(Words32(self.0).shuffle([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]).0)
    }

    /// Four rows of four words to four columns, in registers: words, then halves change places.
    #[inline(always)]
    fn transpose(rows: [Self; 4]) -> [Self; 4] {
        let [r0, r1, r2, r3] = rows.map(|row| Words32(row.0));
        let ((a0, a1), (a2, a3)) = (r0.zip_pairs(r1), r2.zip_pairs(r3));
        let ((b0, b2), (b1, b3)) = (a0.zip_halves(a2), a1.zip_halves(a3));
        [Self(b0.0), Self(b1.0), Self(b2.0), Self(b3.0)]
    }
}
