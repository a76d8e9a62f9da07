//! SSE2: four lanes in a 128-bit register, on every x86-64 processor.
//!
//! What it promises: a value of [`Sse2`] exists only after the CPU was seen to have the instructions, so operations on
//! values need no check. What it leaves out on purpose: SSSE3, whose byte shuffle would save one or two
//! operations in a hundred, since nearly every CPU that has it has AVX2 too.

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
        is_x86_feature_detected!("sse2").then_some(Proof(()))
    }
}

/// The kernels. An algorithm whose steps are one chain leaves the core waiting unless two groups are interleaved; for the
/// others two groups would not fit the sixteen registers.
///
/// The crossovers are from `examples/lanes_speed.rs` on a Zen 3 core, MD5: one group gives 0.48 GB/s for each busy lane and
/// two give 0.43, while two messages in general registers give 1.24.
pub(crate) fn wide<C: Compression>() -> Vec<Wide> {
    let one = Wide { degree: 4, busy_min: 3, run: run::<C, Sse2> };
    let two = Wide { degree: 8, busy_min: 5, run: run::<C, Pair<Sse2>> };
    if C::ONE_CHAIN { vec![two, one] } else { vec![one] }
}

/// Runs a group of lanes, or whatever else is made of groups.
fn run<C: Compression, V: Vector<Proof = Proof>>(chains: &mut Chains, inputs: &Inputs<'_>) {
    #[target_feature(enable = "sse2")]
    fn enabled<C: Compression, V: Vector<Proof = Proof>>(proof: Proof, chains: &mut Chains, inputs: &Inputs<'_>) {
        run_lanes::<C, V>(proof, chains, inputs);
    }
    let proof = Proof::detect().expect("the kernel was chosen after detection");
    // SAFETY: the proof says that the CPU has the feature that the function enables.
    unsafe { enabled::<C, V>(proof, chains, inputs) }
}

/// Four words.
#[derive(Clone, Copy)]
pub(crate) struct Sse2(__m128i);

/// An intrinsic whose only demand is the instruction set, on values of [`Sse2`] or beside a [`Proof`].
macro_rules! on_proof {
    ($call:expr) => {
        // SAFETY: a value or a proof is at hand wherever this is used, so the CPU has the instructions; the intrinsics
        // used with it touch no memory.
        Sse2(unsafe { $call })
    };
}

impl Vector for Sse2 {
    type Proof = Proof;
    const LANES: usize = 4;

    #[inline(always)]
    fn from_words(_: Proof, words: &[u32]) -> Self {
        let words: &[u32; 4] = words.first_chunk().expect("a word for every lane");
        // SAFETY: the proof says that the CPU has the instruction; the reference is to four readable words, and the load
        // needs no alignment.
        Sse2(unsafe { _mm_loadu_si128(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn to_words(self, words: &mut [u32]) {
        let words: &mut [u32; 4] = words.first_chunk_mut().expect("a word for every lane");
        // SAFETY: the value says that the CPU has the instruction; the reference is to four writable words, and the store
        // needs no alignment.
        unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn message(_: Proof, inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16] {
        let inputs: &[&[u8]; 4] = inputs.first_chunk().expect("an input for every lane");
        let blocks: [&[u8; BLOCK_BYTES]; 4] =
            inputs.map(|input| input[offset..].first_chunk().expect("a whole block of every lane"));
        let load = |lane: usize, quarter: usize| {
            let bytes: &[u8; 16] = &blocks[lane].as_chunks().0[quarter];
            // SAFETY: the proof says that the CPU has the instruction; the reference is to 16 readable bytes, and the load
            // needs no alignment.
            Sse2(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
        };
        let quarter = |quarter| transpose([load(0, quarter), load(1, quarter), load(2, quarter), load(3, quarter)]);
        let quarters = [quarter(0), quarter(1), quarter(2), quarter(3)];
        let mut message = [quarters[0][0]; 16];
        for (word, vector) in message.iter_mut().zip(quarters.into_iter().flatten()) {
            *word = if big_endian { vector.swap_bytes() } else { vector };
        }
        message
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        on_proof!(_mm_add_epi32(self.0, other.0))
    }

    #[inline(always)]
    fn plus(self, word: u32) -> Self {
        on_proof!(_mm_add_epi32(self.0, _mm_set1_epi32(word as i32)))
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
        on_proof!(_mm_srl_epi32(self.0, _mm_cvtsi32_si128(N as i32)))
    }
}

impl Sse2 {
    /// Rotates to the left. `count` is a constant wherever this is inlined, and so the shifts become those by constants.
    #[inline(always)]
    fn rotate(self, count: u32) -> Self {
        if count == 16 {
            // Halves change places: two instructions instead of three.
            let low = on_proof!(_mm_shufflelo_epi16::<0b10_11_00_01>(self.0));
            return on_proof!(_mm_shufflehi_epi16::<0b10_11_00_01>(low.0));
        }
        let left = on_proof!(_mm_sll_epi32(self.0, _mm_cvtsi32_si128(count as i32)));
        let right = on_proof!(_mm_srl_epi32(self.0, _mm_cvtsi32_si128(32 - count as i32)));
        left.or(right)
    }

    /// SSE2 moves no single bytes: the halves of a word change places, then the bytes of each half.
    #[inline(always)]
    fn swap_bytes(self) -> Self {
        let halves = self.rotate(16);
        let left = on_proof!(_mm_slli_epi16::<8>(halves.0));
        let right = on_proof!(_mm_srli_epi16::<8>(halves.0));
        left.or(right)
    }
}

/// Four rows of four words to four columns, in registers.
#[inline(always)]
fn transpose(rows: [Sse2; 4]) -> [Sse2; 4] {
    let [r0, r1, r2, r3] = rows.map(|row| row.0);
    let a0 = on_proof!(_mm_unpacklo_epi32(r0, r1)).0;
    let a1 = on_proof!(_mm_unpackhi_epi32(r0, r1)).0;
    let a2 = on_proof!(_mm_unpacklo_epi32(r2, r3)).0;
    let a3 = on_proof!(_mm_unpackhi_epi32(r2, r3)).0;
    [
        on_proof!(_mm_unpacklo_epi64(a0, a2)),
        on_proof!(_mm_unpackhi_epi64(a0, a2)),
        on_proof!(_mm_unpacklo_epi64(a1, a3)),
        on_proof!(_mm_unpackhi_epi64(a1, a3)),
    ]
}
