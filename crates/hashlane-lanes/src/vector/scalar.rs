//! One lane in a general register: the vector of every CPU, and the oracle of the others.

use std::hint::black_box;

use crate::algorithm::Compression;
use crate::kernel::{Chain, Chains, Inputs, Ladder, Wide, run_lanes};
use crate::vector::pair::Pair;
use crate::vector::{InstructionSet, Vector};
use crate::word::Word;

/// The vector of an algorithm's words.
type Of<C> = <<C as Compression>::Word as Word>::In<General>;

/// General registers.
pub(crate) struct General;

impl InstructionSet for General {
    type Proof = ();
    type Words32 = Scalar<u32>;
    type Words64 = Scalar<u64>;
}

/// One word.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<W>(W);

macro_rules! vector {
    ($word:ident) => {
        impl Vector for Scalar<$word> {
            type Word = $word;
            type Proof = ();
            const LANES: usize = 1;

            #[inline(always)]
            fn from_words((): (), words: &[$word]) -> Self {
                Scalar(words[0])
            }

            #[inline(always)]
            fn to_words(self, words: &mut [$word]) {
                words[0] = self.0;
            }

            #[inline(always)]
            fn message((): (), inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16] {
                let words = inputs[0][offset..offset + <$word>::BLOCK_BYTES].chunks_exact(<$word>::BYTES);
                let mut message = [Scalar(0); 16];
                for (word, bytes) in message.iter_mut().zip(words) {
                    word.0 = <$word>::read(bytes, big_endian);
                }
                message
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Scalar(self.0.wrapping_add(other.0))
            }

            #[inline(always)]
            fn plus(self, word: $word) -> Self {
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
    };
}

vector!(u32);
vector!(u64);

/// The kernels. An algorithm that leaves the core waiting for its own results is run on two messages interleaved.
pub(crate) fn ladder<C: Compression>() -> Ladder<C::Word> {
    let two = Wide { degree: 2, busy_min: 2, run: run_two::<C> };
    Ladder { single: run_one::<C>, wide: if C::ONE_CHAIN { vec![two] } else { Vec::new() } }
}

fn run_one<C: Compression>(chain: &mut Chain<C::Word>, blocks: &[u8]) {
    let mut words = chain.each_ref().map(|word| Of::<C>::from_words((), std::slice::from_ref(word)));
    let constants = black_box(C::CONSTANTS);
    for offset in (0..blocks.len() / C::Word::BLOCK_BYTES).map(|block| block * C::Word::BLOCK_BYTES) {
        C::compress(&mut words, Of::<C>::message((), &[blocks], offset, C::BIG_ENDIAN), constants);
    }
    for (word, new) in chain.iter_mut().zip(words) {
        new.to_words(std::slice::from_mut(word));
    }
}

fn run_two<C: Compression>(chains: &mut Chains<C::Word>, inputs: &Inputs<'_>) {
    run_lanes::<C, Pair<Of<C>>>((), chains, inputs);
}
