//! One lane in a general register: the vector of every CPU, and the oracle of the others.

use std::hint::black_box;

use crate::algorithm::Compression;
use crate::kernel::{BLOCK_BYTES, Chain, Chains, Inputs, Ladder, Wide, run_lanes};
use crate::vector::Vector;
use crate::vector::pair::Pair;

/// One word.
#[derive(Clone, Copy)]
pub(crate) struct Scalar(u32);

impl Vector for Scalar {
    type Proof = ();
    const LANES: usize = 1;

    #[inline(always)]
    fn from_words((): (), words: &[u32]) -> Self {
        Scalar(words[0])
    }

    #[inline(always)]
    fn to_words(self, words: &mut [u32]) {
        words[0] = self.0;
    }

    #[inline(always)]
    fn message((): (), inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16] {
        let words = inputs[0][offset..offset + BLOCK_BYTES].as_chunks::<4>().0;
        let mut message = [Scalar(0); 16];
        for (word, bytes) in message.iter_mut().zip(words) {
            word.0 = if big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
        }
        message
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Scalar(self.0.wrapping_add(other.0))
    }

    #[inline(always)]
    fn plus(self, word: u32) -> Self {
        Scalar(self.0.wrapping_add(word))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Scalar(self.0 & other.0)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Scalar(self.0 | other.0)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Scalar(self.0 ^ other.0)
    }

    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        Scalar(self.0 & !other.0)
    }

    #[inline(always)]
    fn not(self) -> Self {
        Scalar(!self.0)
    }

    #[inline(always)]
    fn rotate_left<const N: u32>(self) -> Self {
        Scalar(self.0.rotate_left(N))
    }

    #[inline(always)]
    fn rotate_right<const N: u32>(self) -> Self {
        Scalar(self.0.rotate_right(N))
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Self {
        Scalar(self.0 >> N)
    }
}

/// The kernels. An algorithm that leaves the core waiting for its own results is run on two messages interleaved.
pub(crate) fn ladder<C: Compression>() -> Ladder {
    let two = Wide { degree: 2, busy_min: 2, run: run_two::<C> };
    Ladder { single: run_one::<C>, wide: if C::ONE_CHAIN { vec![two] } else { Vec::new() } }
}

fn run_one<C: Compression>(chain: &mut Chain, blocks: &[u8]) {
    let mut words = chain.map(Scalar);
    let constants = black_box(C::CONSTANTS);
    for offset in (0..blocks.len() / BLOCK_BYTES).map(|block| block * BLOCK_BYTES) {
        C::compress(&mut words, Scalar::message((), &[blocks], offset, C::BIG_ENDIAN), constants);
    }
    *chain = words.map(|word| word.0);
}

fn run_two<C: Compression>(chains: &mut Chains, inputs: &Inputs<'_>) {
    run_lanes::<C, Pair<Scalar>>((), chains, inputs);
}
