//! MD5 of one message, or of up to four, in 128-bit registers with the instructions of AVX-512.
//!
//! What it promises: the functions here are safe to call; they check for the instructions themselves. MD5 is a chain of
//! operations that wait for each other, so the number of lanes costs little and the length of a step is all: rotations and
//! functions of three words in one instruction each make it shorter than in general registers. What it leaves out on
//! purpose: more lanes, which are `vector/x86_avx512.rs`'s.

#![expect(unsafe_code, reason = "an instruction-set file: intrinsics, and calls into enabled target features")]

use std::arch::x86_64::*;
use std::hint::black_box;

use crate::algorithm::Compression;
use crate::algorithm::md5::Md5;
use crate::kernel::{Chain, Chains, Inputs, Ladder, Wide, run_lanes};
use crate::vector::x86_avx512::is_zen5;
use crate::vector::{Vector, scalar};
use crate::word::Word;

/// Says that the CPU has the instructions: made by detection only.
#[derive(Clone, Copy)]
pub(crate) struct Proof(());

impl Proof {
    fn detect() -> Option<Proof> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl")).then_some(Proof(()))
    }
}

/// What is fastest on this CPU for few messages: the kernels of this file, but where vectors take two cycles for what general
/// registers do in one, those of general registers, alone and two interleaved (Zen 5: 0.86 and 1.68 GB/s, against 0.43 and 0.87
/// here).
pub(crate) fn md5() -> Option<Ladder<u32>> {
    kernels().map(|kernels| if is_zen5() { scalar::ladder::<Md5>() } else { kernels })
}

/// The kernels. Each lane of four is about as fast as one alone, so four lanes run even where only two are busy.
fn kernels() -> Option<Ladder<u32>> {
    Proof::detect().map(|_| Ladder { single: run_one, wide: vec![Wide { degree: 4, busy_min: 2, run: run_four }] })
}

fn run_one(chain: &mut Chain<u32>, blocks: &[u8]) {
    #[target_feature(enable = "avx512f,avx512vl")]
    fn enabled(proof: Proof, chain: &mut Chain<u32>, blocks: &[u8]) {
        let mut vectors = [Lanes::<1>::from_words(proof, chain); 8];
        for (vector, word) in vectors.iter_mut().zip(&*chain).take(Md5::WORDS) {
            *vector = Lanes::from_words(proof, std::slice::from_ref(word));
        }
        let constants = black_box(Md5::CONSTANTS);
        for block in blocks.as_chunks::<{ u32::BLOCK_BYTES }>().0 {
            Md5::compress(&mut vectors, Lanes::message(proof, &[block], 0, Md5::BIG_ENDIAN), constants);
        }
        for (word, vector) in chain.iter_mut().zip(vectors).take(Md5::WORDS) {
            vector.to_words(std::slice::from_mut(word));
        }
    }
    let proof = Proof::detect().expect("the kernel was chosen after detection");
    // SAFETY: the proof says that the CPU has the features that the function enables.
    unsafe { enabled(proof, chain, blocks) }
}

fn run_four(chains: &mut Chains<u32>, inputs: &Inputs<'_>) {
    #[target_feature(enable = "avx512f,avx512vl")]
    fn enabled(proof: Proof, chains: &mut Chains<u32>, inputs: &Inputs<'_>) {
        run_lanes::<Md5, Lanes<4>>(proof, chains, inputs);
    }
    let proof = Proof::detect().expect("the kernel was chosen after detection");
    // SAFETY: the proof says that the CPU has the features that the function enables.
    unsafe { enabled(proof, chains, inputs) }
}

/// One word or four. Of a lane alone, what lies beside it is never looked at.
#[derive(Clone, Copy)]
struct Lanes<const COUNT: usize>(__m128i);

/// An intrinsic whose only demand is the instruction set, on vectors of this file or beside a [`Proof`].
macro_rules! on_proof {
    ($call:expr) => {
        // SAFETY: a value or a proof is at hand wherever this is used, so the CPU has the instructions; the intrinsics
        // used with it touch no memory.
        Self(unsafe { $call })
    };
}

impl<const COUNT: usize> Vector for Lanes<COUNT> {
    type Word = u32;
    type Proof = Proof;
    const LANES: usize = COUNT;

    #[inline(always)]
    fn from_words(proof: Proof, words: &[u32]) -> Self {
        if COUNT == 1 {
            return Self::splat(proof, words[0]);
        }
        let words: &[u32; 4] = words.first_chunk().expect("a word for every lane");
        // SAFETY: the proof says that the CPU has the instruction; the reference is to 16 readable bytes, and the load
        // needs no alignment.
        Self(unsafe { _mm_loadu_si128(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn to_words(self, words: &mut [u32]) {
        if COUNT == 1 {
            // SAFETY: the value says that the CPU has the instruction.
            words[0] = unsafe { _mm_cvtsi128_si32(self.0) } as u32;
            return;
        }
        let words: &mut [u32; 4] = words.first_chunk_mut().expect("a word for every lane");
        // SAFETY: the value says that the CPU has the instruction; the reference is to 16 writable bytes, and the store
        // needs no alignment.
        unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn message(proof: Proof, inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16] {
        let mut message = [Self::splat(proof, 0); 16];
        if COUNT == 1 {
            let (words, _) = inputs[0][offset..offset + u32::BLOCK_BYTES].as_chunks::<{ u32::BYTES }>();
            for (vector, word) in message.iter_mut().zip(words) {
                *vector = Self::splat(proof, u32::read(word, big_endian));
            }
            return message;
        }
        let inputs: &[&[u8]; 4] = inputs.first_chunk().expect("an input for every lane");
        // Four words of every lane at a time.
        for part in 0..4 {
            let mut rows = [message[0]; 4];
            for (row, input) in rows.iter_mut().zip(inputs) {
                let block: &[u8; u32::BLOCK_BYTES] =
                    input[offset..].first_chunk().expect("a whole block of every lane");
                let bytes: &[u8; 16] = &block.as_chunks().0[part];
                // SAFETY: the proof says that the CPU has the instruction; the reference is to 16 readable bytes, and the
                // load needs no alignment.
                *row = Self(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
            }
            for (word, column) in Self::transpose(rows).into_iter().enumerate() {
                message[part * 4 + word] = if big_endian { column.swap_bytes() } else { column };
            }
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

    // The counts are constants wherever this is inlined, and so the instructions become those by constants.

    #[inline(always)]
    fn rotate_left<const N: u32>(self) -> Self {
        on_proof!(_mm_rolv_epi32(self.0, _mm_set1_epi32(N as i32)))
    }

    #[inline(always)]
    fn rotate_right<const N: u32>(self) -> Self {
        on_proof!(_mm_rorv_epi32(self.0, _mm_set1_epi32(N as i32)))
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Self {
        on_proof!(_mm_srlv_epi32(self.0, _mm_set1_epi32(N as i32)))
    }

    // A function of three bits is a table of eight: the result for the bits a, b and c is bit 4a + 2b + c. The result takes
    // the place of a, which is copied first where it is still needed; so a is not what callers have waited for last.

    #[inline(always)]
    fn choose(self, one: Self, zero: Self) -> Self {
        on_proof!(_mm_ternarylogic_epi32::<0b1101_1000>(zero.0, one.0, self.0))
    }

    #[inline(always)]
    fn add_choose(self, mask: Self, one: Self, zero: Self) -> Self {
        self.add(mask.choose(one, zero))
    }

    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        on_proof!(_mm_ternarylogic_epi32::<0b1110_1000>(third.0, second.0, self.0))
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        on_proof!(_mm_ternarylogic_epi32::<0b1001_0110>(third.0, second.0, self.0))
    }

    #[inline(always)]
    fn xor_or_not(self, one: Self, other: Self) -> Self {
        on_proof!(_mm_ternarylogic_epi32::<0b0010_1101>(self.0, one.0, other.0))
    }
}

impl<const COUNT: usize> Lanes<COUNT> {
    #[inline(always)]
    fn splat(_: Proof, word: u32) -> Self {
        on_proof!(_mm_set1_epi32(word as i32))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        on_proof!(_mm_shuffle_epi8(self.0, _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::DEGREE_MAX;

    /// Also on a CPU that is better off without them.
    #[test]
    fn one_message_and_four_are_hashed_as_in_general_registers() {
        let Some(kernels) = kernels() else { return };
        let data: Vec<u8> = (0..4 * 320).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let rows: Vec<&[u8]> = data.chunks(320).collect();
        let mut inputs: Inputs<'_> = [&[]; DEGREE_MAX];
        let mut expected = [Md5::INITIAL; 4];
        for (lane, row) in rows.iter().enumerate() {
            inputs[lane] = row;
            (scalar::ladder::<Md5>().single)(&mut expected[lane], row);
            let mut alone = Md5::INITIAL;
            (kernels.single)(&mut alone, row);
            assert_eq!(alone[..Md5::WORDS], expected[lane][..Md5::WORDS], "lane {lane} alone");
        }
        for lane in 4..DEGREE_MAX {
            inputs[lane] = inputs[0];
        }
        let mut chains = Chains([[0; DEGREE_MAX]; 8]);
        for (words, initial) in chains.0.iter_mut().zip(Md5::INITIAL) {
            words[..4].fill(initial);
        }
        (kernels.wide[0].run)(&mut chains, &inputs);
        for (lane, expected) in expected.iter().enumerate() {
            let together: Vec<u32> = chains.0.iter().take(Md5::WORDS).map(|words| words[lane]).collect();
            assert_eq!(together, expected[..Md5::WORDS], "lane {lane} of four");
        }
    }
}
