//! AVX-512: sixteen lanes of 32-bit words or eight of 64-bit words in a 512-bit register.
//!
//! What it promises: a vector exists only after the CPU was seen to have the instructions, so operations on values need no
//! check. Rotations and any function of three bits are one instruction each. What it leaves out on purpose: gathering words
//! from memory and putting vectors together from smaller ones, which are slower than whole loads and a transposition in
//! registers; and three groups interleaved, which are no faster than two and need more input at once.

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
        // Detection asks the operating system too, which must save the wider registers.
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")).then_some(Proof(()))
    }
}

/// The instruction set.
pub(crate) struct Avx512;

impl InstructionSet for Avx512 {
    type Proof = Proof;
    type Words32 = Words32;
    type Words64 = Words64;
}

/// The vector of an algorithm's words.
type Of<C> = <<C as Compression>::Word as Word>::In<Avx512>;

/// Whether this is a core of the Zen 5 family. It computes whole 512-bit vectors, four a cycle, with two cycles for each, and loads
/// two a cycle: one group of lanes leaves it waiting, and messages in memory cost nothing. For one message the
/// two cycles are what counts, and general registers are faster.
pub(crate) fn is_zen5() -> bool {
    // "Auth" "enti" "cAMD"; the family is the sum of its two fields (AMD64 Architecture Programmer's Manual 3, CPUID).
    const AMD: [u32; 3] = [0x6874_7541, 0x6974_6e65, 0x444d_4163];
    const FAMILY: u32 = 0x1a;
    #[allow(unused_unsafe, reason = "safe in newer toolchains than the oldest one that is supported")]
    // SAFETY: every x86-64 CPU has the instruction, and leaves 0 and 1 of it.
    let (vendor, version) = unsafe { (__cpuid(0), __cpuid(1).eax) };
    let family = ((version >> 8) & 0xf) + ((version >> 20) & 0xff);
    [vendor.ebx, vendor.edx, vendor.ecx] == AMD && family == FAMILY
}

/// The kernels. An algorithm whose steps are one chain leaves the core waiting unless two groups are interleaved: the message
/// of the two does not fit the registers, but its words are as well added from memory. The others fill most cores with one
/// group, whose message stays in registers; not [Zen 5](is_zen5), where two groups are faster from about 26 busy lanes of 32 on.
///
/// The crossovers were measured on a Zen 5 core (`examples/lanes_speed.rs`); for others they were computed from measurements of
/// kernels of the same shape on a Sapphire Rapids core. Those against instructions made for an algorithm are in
/// [`Compression::DEDICATED_LANES_AVX512`].
pub(crate) fn wide<C: Compression>() -> Vec<Wide<C::Word>> {
    let lanes = Of::<C>::LANES;
    let one = Wide { degree: lanes, busy_min: 2, run: run::<C, Of<C>> };
    let busy_min = if C::ONE_CHAIN { lanes + 1 } else { lanes + lanes * 5 / 8 };
    let two = Wide { degree: 2 * lanes, busy_min, run: run::<C, Pair<Of<C>>> };
    // Two groups of 64-bit words were slower there too.
    let two_are_faster = C::ONE_CHAIN || (is_zen5() && size_of::<C::Word>() == size_of::<u32>());
    if two_are_faster { vec![two, one] } else { vec![one] }
}

/// Runs a group of lanes, or whatever else is made of groups.
fn run<C: Compression, V: Vector<Word = C::Word, Proof = Proof>>(chains: &mut Chains<C::Word>, inputs: &Inputs<'_>) {
    #[target_feature(enable = "avx512f,avx512bw")]
    fn enabled<C: Compression, V: Vector<Word = C::Word, Proof = Proof>>(
        proof: Proof,
        chains: &mut Chains<C::Word>,
        inputs: &Inputs<'_>,
    ) {
        run_lanes::<C, V>(proof, chains, inputs);
    }
    let proof = Proof::detect().expect("the kernel was chosen after detection");
    // SAFETY: the proof says that the CPU has the features that the function enables.
    unsafe { enabled::<C, V>(proof, chains, inputs) }
}

/// Sixteen words of 32 bits.
#[derive(Clone, Copy)]
pub(crate) struct Words32(__m512i);

/// Eight words of 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Words64(__m512i);

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
    ($lanes:literal of $word:ident, $add:ident, $set1:ident $signed:ident, $left:ident $right:ident $shift:ident) => {
        type Word = $word;
        type Proof = Proof;
        const LANES: usize = $lanes;

        #[inline(always)]
        fn from_words(_: Proof, words: &[$word]) -> Self {
            let words: &[$word; $lanes] = words.first_chunk().expect("a word for every lane");
            // SAFETY: the proof says that the CPU has the instruction; the reference is to 64 readable bytes, and the load
            // needs no alignment.
            Self(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
        }

        #[inline(always)]
        fn to_words(self, words: &mut [$word]) {
            let words: &mut [$word; $lanes] = words.first_chunk_mut().expect("a word for every lane");
            // SAFETY: the value says that the CPU has the instruction; the reference is to 64 writable bytes, and the store
            // needs no alignment.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) }
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
                    let bytes: &[u8; 64] = &block.as_chunks().0[part];
                    // SAFETY: the proof says that the CPU has the instruction; the reference is to 64 readable bytes, and
                    // the load needs no alignment.
                    *row = Self(unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) });
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
            on_proof!(_mm512_and_si512(self.0, other.0))
        }

        #[inline(always)]
        fn or(self, other: Self) -> Self {
            on_proof!(_mm512_or_si512(self.0, other.0))
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            on_proof!(_mm512_xor_si512(self.0, other.0))
        }

        #[inline(always)]
        fn and_not(self, other: Self) -> Self {
            on_proof!(_mm512_andnot_si512(other.0, self.0))
        }

        #[inline(always)]
        fn not(self) -> Self {
            on_proof!(_mm512_xor_si512(self.0, _mm512_set1_epi32(-1)))
        }

        // The counts are constants wherever this is inlined, and so the instructions become those by constants.

        #[inline(always)]
        fn rotate_left<const N: u32>(self) -> Self {
            on_proof!($left(self.0, $set1(N as $signed)))
        }

        #[inline(always)]
        fn rotate_right<const N: u32>(self) -> Self {
            on_proof!($right(self.0, $set1(N as $signed)))
        }

        #[inline(always)]
        fn shift_right<const N: u32>(self) -> Self {
            on_proof!($shift(self.0, $set1(N as $signed)))
        }

        // A function of three bits is a table of eight: the result for the bits a, b and c is bit 4a + 2b + c. The result
        // takes the place of a, which is copied first where it is still needed; so a is not what callers have waited for last.

        #[inline(always)]
        fn choose(self, one: Self, zero: Self) -> Self {
            on_proof!(_mm512_ternarylogic_epi32::<0b1101_1000>(zero.0, one.0, self.0))
        }

        #[inline(always)]
        fn add_choose(self, mask: Self, one: Self, zero: Self) -> Self {
            // As short a chain as two halves added one after the other, and half of the work.
            self.add(mask.choose(one, zero))
        }

        #[inline(always)]
        fn majority(self, second: Self, third: Self) -> Self {
            on_proof!(_mm512_ternarylogic_epi32::<0b1110_1000>(third.0, second.0, self.0))
        }

        #[inline(always)]
        fn xor3(self, second: Self, third: Self) -> Self {
            on_proof!(_mm512_ternarylogic_epi32::<0b1001_0110>(third.0, second.0, self.0))
        }

        #[inline(always)]
        fn xor_or_not(self, one: Self, other: Self) -> Self {
            on_proof!(_mm512_ternarylogic_epi32::<0b0010_1101>(self.0, one.0, other.0))
        }
    };
}

impl Vector for Words32 {
    operations!(16 of u32, _mm512_add_epi32, _mm512_set1_epi32 i32, _mm512_rolv_epi32 _mm512_rorv_epi32 _mm512_srlv_epi32);
}

impl Vector for Words64 {
    operations!(8 of u64, _mm512_add_epi64, _mm512_set1_epi64 i64, _mm512_rolv_epi64 _mm512_rorv_epi64 _mm512_srlv_epi64);
}

impl Words32 {
    #[inline(always)]
    fn zero(_: Proof) -> Self {
        on_proof!(_mm512_setzero_si512())
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        self.shuffle(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203)
    }

    /// Moves the bytes of each quarter to where the sixteen bytes of `high` and `low` say.
    #[inline(always)]
    fn shuffle(self, high: i64, low: i64) -> Self {
        on_proof!(_mm512_shuffle_epi8(self.0, _mm512_set_epi64(high, low, high, low, high, low, high, low)))
    }

    /// Words of both in turn, within each 128-bit quarter: the lower and the upper ones.
    #[inline(always)]
    fn zip_words(self, other: Self) -> (Self, Self) {
        (on_proof!(_mm512_unpacklo_epi32(self.0, other.0)), on_proof!(_mm512_unpackhi_epi32(self.0, other.0)))
    }

    /// Pairs of words of both in turn, within each 128-bit quarter.
    #[inline(always)]
    fn zip_pairs(self, other: Self) -> (Self, Self) {
        (on_proof!(_mm512_unpacklo_epi64(self.0, other.0)), on_proof!(_mm512_unpackhi_epi64(self.0, other.0)))
    }

    /// The even 128-bit quarters of both, one after the other, and the odd ones.
    #[inline(always)]
    fn split_quarters(self, other: Self) -> (Self, Self) {
        let even = on_proof!(_mm512_shuffle_i32x4::<0b10_00_10_00>(self.0, other.0));
        (even, on_proof!(_mm512_shuffle_i32x4::<0b11_01_11_01>(self.0, other.0)))
    }

    /// The quarters of four vectors as a matrix, to its columns.
    #[inline(always)]
    fn transpose_quarters(a: Self, b: Self, c: Self, d: Self) -> [Self; 4] {
        let ((even_ab, odd_ab), (even_cd, odd_cd)) = (a.split_quarters(b), c.split_quarters(d));
        let ((q0, q2), (q1, q3)) = (even_ab.split_quarters(even_cd), odd_ab.split_quarters(odd_cd));
        [q0, q1, q2, q3]
    }

    /// Of four rows, in quarter q of vector i, the words of column 4q + i.
    #[inline(always)]
    fn zip_rows(a: Self, b: Self, c: Self, d: Self) -> [Self; 4] {
        let ((low_ab, high_ab), (low_cd, high_cd)) = (a.zip_words(b), c.zip_words(d));
        let ((i0, i1), (i2, i3)) = (low_ab.zip_pairs(low_cd), high_ab.zip_pairs(high_cd));
        [i0, i1, i2, i3]
    }

    /// Sixteen rows of sixteen words to sixteen columns, in registers: words, then pairs of words, then quarters change places.
    #[inline(always)]
    fn transpose(rows: [Self; 16]) -> [Self; 16] {
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15] = rows;
        let (a, b) = (Self::zip_rows(r0, r1, r2, r3), Self::zip_rows(r4, r5, r6, r7));
        let (c, d) = (Self::zip_rows(r8, r9, r10, r11), Self::zip_rows(r12, r13, r14, r15));
        let [c0, c4, c8, c12] = Self::transpose_quarters(a[0], b[0], c[0], d[0]);
        let [c1, c5, c9, c13] = Self::transpose_quarters(a[1], b[1], c[1], d[1]);
        let [c2, c6, c10, c14] = Self::transpose_quarters(a[2], b[2], c[2], d[2]);
        let [c3, c7, c11, c15] = Self::transpose_quarters(a[3], b[3], c[3], d[3]);
        [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15]
    }
}

impl Words64 {
    #[inline(always)]
    fn zero(proof: Proof) -> Self {
        Self(Words32::zero(proof).0)
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Self(Words32(self.0).shuffle(0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607).0)
    }

    /// Words of both in turn, within each 128-bit quarter.
    #[inline(always)]
    fn zip(self, other: Self) -> (Words32, Words32) {
        Words32(self.0).zip_pairs(Words32(other.0))
    }

    /// Eight rows of eight words to eight columns, in registers: words, then quarters change places.
    #[inline(always)]
    fn transpose(rows: [Self; 8]) -> [Self; 8] {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
        let ((a0, a1), (b0, b1)) = (r0.zip(r1), r2.zip(r3));
        let ((c0, c1), (d0, d1)) = (r4.zip(r5), r6.zip(r7));
        let [w0, w2, w4, w6] = Words32::transpose_quarters(a0, b0, c0, d0);
        let [w1, w3, w5, w7] = Words32::transpose_quarters(a1, b1, c1, d1);
        [Self(w0.0), Self(w1.0), Self(w2.0), Self(w3.0), Self(w4.0), Self(w5.0), Self(w6.0), Self(w7.0)]
    }
}
