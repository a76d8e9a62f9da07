//! AVX2: eight lanes in a 256-bit register.
//!
//! What it promises: a value of [`Avx2`] exists only after the CPU was seen to have the instructions, so operations on
//! values need no check. What it leaves out on purpose: gathering words from memory, which is slower than
//! whole loads and a transposition in registers.

#![expect(unsafe_code, reason = "an instruction-set file: intrinsics, and calls into enabled target features")]

use std::arch::x86_64::*;

use crate::algorithm::Compression;
use crate::kernel::{BLOCK_BYTES, Chains, Inputs, Wide, run_lanes};
use crate::vector::Vector;
use crate::vector::pair::Pair;

/// Whether the CPU has the instructions.
pub(crate) fn present() -> bool {
    Proof::detect().is_some()
}

/// Says that the CPU has the instructions: made by detection only.
#[derive(Clone, Copy)]
pub(crate) struct Proof(());

impl Proof {
    fn detect() -> Option<Proof> {
        is_x86_feature_detected!("avx2").then_some(Proof(()))
    }
}

/// The kernels. An algorithm whose steps are one chain leaves the core waiting unless two groups are interleaved; for the
/// others two groups would not fit the sixteen registers.
///
/// The crossovers are from `examples/lanes_speed.rs` on a Zen 3 core, MD5: one group gives 0.47 GB/s for each busy lane and
/// two give 0.40, while two messages in general registers give 1.24.
pub(crate) fn wide<C: Compression>() -> Vec<Wide> {
    let one = Wide { degree: 8, busy_min: 3, run: run::<C, Avx2> };
    let two = Wide { degree: 16, busy_min: 10, run: run::<C, Pair<Avx2>> };
    if C::ONE_CHAIN { vec![two, one] } else { vec![one] }
}

/// Runs a group of lanes, or whatever else is made of groups.
fn run<C: Compression, V: Vector<Proof = Proof>>(chains: &mut Chains, inputs: &Inputs<'_>) {
    #[target_feature(enable = "avx2")]
    fn enabled<C: Compression, V: Vector<Proof = Proof>>(proof: Proof, chains: &mut Chains, inputs: &Inputs<'_>) {
        run_lanes::<C, V>(proof, chains, inputs);
    }
    let proof = Proof::detect().expect("the kernel was chosen after detection");
    // SAFETY: the proof says that the CPU has the feature that the function enables.
    unsafe { enabled::<C, V>(proof, chains, inputs) }
}

/// Eight words.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256i);

/// An intrinsic whose only demand is the instruction set, on values of [`Avx2`] or beside a [`Proof`].
macro_rules! on_proof {
    ($call:expr) => {
        // SAFETY: a value or a proof is at hand wherever this is used, so the CPU has the instructions; the intrinsics
        // used with it touch no memory.
        Avx2(unsafe { $call })
    };
}

impl Vector for Avx2 {
    type Proof = Proof;
    const LANES: usize = 8;

    #[inline(always)]
    fn from_words(_: Proof, words: &[u32]) -> Self {
        let words: &[u32; 8] = words.first_chunk().expect("a word for every lane");
        // SAFETY: the proof says that the CPU has the instruction; the reference is to eight readable words, and the load
        // needs no alignment.
        Avx2(unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn to_words(self, words: &mut [u32]) {
        let words: &mut [u32; 8] = words.first_chunk_mut().expect("a word for every lane");
        // SAFETY: the value says that the CPU has the instruction; the reference is to eight writable words, and the store
        // needs no alignment.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn message(proof: Proof, inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16] {
        let inputs: &[&[u8]; 8] = inputs.first_chunk().expect("an input for every lane");
        let mut low = [Avx2::zero(proof); 8];
        let mut high = low;
        for (lane, input) in inputs.iter().enumerate() {
            let block: &[u8; BLOCK_BYTES] = input[offset..].first_chunk().expect("a whole block of every lane");
            // SAFETY: the proof says that the CPU has the instruction; the reference is to 64 readable bytes, of which these
            // are the first and the second 32, and the load needs no alignment.
            low[lane] = Avx2(unsafe { _mm256_loadu_si256(block.as_ptr().cast()) });
            // SAFETY: as above.
            high[lane] = Avx2(unsafe { _mm256_loadu_si256(block.as_ptr().add(32).cast()) });
        }
        let (low, high) = (transpose(low), transpose(high));
        let mut message = [low[0]; 16];
        for word in 0..16 {
            let vector = if word < 8 { low[word] } else { high[word - 8] };
            message[word] = if big_endian { vector.swap_bytes() } else { vector };
        }
        message
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        on_proof!(_mm256_add_epi32(self.0, other.0))
    }

    #[inline(always)]
    fn plus(self, word: u32) -> Self {
        on_proof!(_mm256_add_epi32(self.0, _mm256_set1_epi32(word as i32)))
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

    #[inline(always)]
    fn rotate_left<const N: u32>(self) -> Self {
        self.rotate(N)
    }

    #[inline(always)]
    fn rotate_right<const N: u32>(self) -> Self {
        // The count is a constant, so the compiler sees which rotation to the left it is.
        self.rotate(32 - N)
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Self {
        on_proof!(_mm256_srl_epi32(self.0, _mm_cvtsi32_si128(N as i32)))
    }
}

impl Avx2 {
    #[inline(always)]
    fn zero(_: Proof) -> Self {
        on_proof!(_mm256_setzero_si256())
    }

    /// Rotates to the left. `count` is a constant wherever this is inlined, and so the shifts become those by constants.
    #[inline(always)]
    fn rotate(self, count: u32) -> Self {
        if count == 16 {
            // Halves change places: one instruction instead of three.
            return on_proof!(_mm256_shuffle_epi8(
                self.0,
                _mm256_set_epi8(
                    13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1,
                    0, 3, 2
                )
            ));
        }
        let left = on_proof!(_mm256_sll_epi32(self.0, _mm_cvtsi32_si128(count as i32)));
        let right = on_proof!(_mm256_srl_epi32(self.0, _mm_cvtsi32_si128(32 - count as i32)));
        left.or(right)
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

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        on_proof!(_mm256_shuffle_epi8(
            self.0,
            _mm256_set_epi8(
                12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1,
                2, 3
            )
        ))
    }
}

/// Eight rows of eight words to eight columns, in registers: words, then pairs of words, then halves change places.
#[inline(always)]
fn transpose(rows: [Avx2; 8]) -> [Avx2; 8] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let ((a0, a1), (a2, a3)) = (r0.zip_words(r1), r2.zip_words(r3));
    let ((a4, a5), (a6, a7)) = (r4.zip_words(r5), r6.zip_words(r7));
    let ((b0, b1), (b2, b3)) = (a0.zip_pairs(a2), a1.zip_pairs(a3));
    let ((b4, b5), (b6, b7)) = (a4.zip_pairs(a6), a5.zip_pairs(a7));
    let ((c0, c4), (c1, c5)) = (b0.zip_halves(b4), b1.zip_halves(b5));
    let ((c2, c6), (c3, c7)) = (b2.zip_halves(b6), b3.zip_halves(b7));
    [c0, c1, c2, c3, c4, c5, c6, c7]
}
