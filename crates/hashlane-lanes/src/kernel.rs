//! The shapes of a kernel: what runs whole blocks into chaining values.
//!
//! A *single* kernel runs one message; a *wide* kernel runs up to [`DEGREE_MAX`] in lockstep, the same number of blocks of
//! each. A [`Ladder`] is the kernels of one algorithm on one platform, with the number of busy lanes from which each is the
//! fastest. What is left out on purpose: who the lanes belong to and where their bytes come from.

use std::hint::black_box;

use crate::algorithm::Compression;
use crate::running::Group;
use crate::vector::Vector;
use crate::word::Word;

/// The most lanes that any kernel runs: two groups of sixteen.
pub(crate) const DEGREE_MAX: usize = 32;

/// The chaining value of one message. Words that the algorithm does not have are zero.
pub(crate) type Chain<W> = [W; 8];

/// Chaining values of the lanes of one kernel call, word by word, so that a vector is a plain load.
#[repr(align(64))]
pub(crate) struct Chains<W>(pub(crate) [[W; DEGREE_MAX]; 8]);

impl<W: Word> Chains<W> {
    const ZERO: Chains<W> = Chains([[W::ZERO; DEGREE_MAX]; 8]);

    /// The chaining value of one lane.
    pub(crate) fn lane(&self, lane: usize) -> Chain<W> {
        self.0.map(|words| words[lane])
    }

    /// Puts a chaining value into one lane.
    pub(crate) fn set_lane(&mut self, lane: usize, chain: &Chain<W>) {
        self.0.iter_mut().zip(chain).for_each(|(words, word)| words[lane] = *word);
    }
}

/// Memory for the chaining values of one kernel call, of either width.
pub(crate) struct Scratch {
    pub(crate) words32: Chains<u32>,
    pub(crate) words64: Chains<u64>,
}

impl Scratch {
    /// Zeros.
    pub(crate) const NEW: Scratch = Scratch { words32: Chains::ZERO, words64: Chains::ZERO };
}

/// Where each lane's blocks are: all of one length, a multiple of the block. Lanes that nobody asked for point at the first
/// lane's blocks, so that they never read anything shorter; their chaining values are then not read.
pub(crate) type Inputs<'a> = [&'a [u8]; DEGREE_MAX];

/// Runs the whole blocks of `blocks` into one chaining value.
pub(crate) type Single<W> = fn(chain: &mut Chain<W>, blocks: &[u8]);

/// A kernel of several lanes.
#[derive(Clone, Copy)]
pub(crate) struct Wide<W> {
    /// How many lanes it runs.
    pub(crate) degree: usize,
    /// The number of busy lanes from which it is the fastest of its ladder; measured by `examples/lanes_speed.rs`.
    pub(crate) busy_min: usize,
    /// Runs all blocks of the inputs.
    pub(crate) run: fn(chains: &mut Chains<W>, inputs: &Inputs<'_>),
}

/// The kernels of one algorithm on one platform.
#[derive(Clone)]
pub(crate) struct Ladder<W> {
    /// For one lane, and for lanes that are too few for any wide kernel.
    pub(crate) single: Single<W>,
    /// Best first: the first whose `busy_min` is reached is taken.
    pub(crate) wide: Vec<Wide<W>>,
}

impl<W> Ladder<W> {
    /// The wide kernel for that many busy lanes; `None` where one lane after the other is faster.
    pub(crate) fn group(&self, busy: usize) -> Option<Group> {
        let rung = self.wide.iter().position(|wide| busy >= wide.busy_min)?;
        Some(Group { rung, degree: self.wide[rung].degree })
    }

    /// The degree of the widest kernel.
    pub(crate) fn degree(&self) -> usize {
        self.wide.iter().map(|wide| wide.degree).max().unwrap_or(1)
    }
}

/// The body of every wide kernel: an algorithm over a vector. The instruction-set files wrap it in a function that
/// enables their instructions, which is why it must be inlined.
#[inline(always)]
pub(crate) fn run_lanes<C: Compression, V: Vector<Word = C::Word>>(
    proof: V::Proof,
    chains: &mut Chains<C::Word>,
    inputs: &Inputs<'_>,
) {
    let bytes = inputs[..V::LANES].iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    // Cut to one length, so that one check of it in the loop does for all lanes; by halves, which the compiler unrolls.
    let mut even: Inputs<'_> = [&[]; DEGREE_MAX];
    let (first, second) = inputs[..V::LANES].split_at(V::LANES.min(DEGREE_MAX / 2));
    for (even, input) in even.iter_mut().zip(first) {
        *even = &input[..bytes];
    }
    for (even, input) in even[DEGREE_MAX / 2..].iter_mut().zip(second) {
        *even = &input[..bytes];
    }
    let inputs = &even[..V::LANES];
    let mut chain = [V::from_words(proof, &chains.0[0]); 8];
    for (vector, words) in chain.iter_mut().zip(&chains.0).take(C::WORDS) {
        *vector = V::from_words(proof, words);
    }
    let constants = black_box(C::CONSTANTS);
    for block in 0..bytes / C::Word::BLOCK_BYTES {
        let message = V::message(proof, inputs, block * C::Word::BLOCK_BYTES, C::BIG_ENDIAN);
        C::compress(&mut chain, message, constants);
    }
    for (words, vector) in chains.0.iter_mut().zip(chain).take(C::WORDS) {
        vector.to_words(words);
    }
}

/// Writes the padding of a message of `message_bytes` behind its last `rest` bytes, which `area` begins with: a one bit,
/// zeros, and the number of bits of the message in two words. Returns the length of rest and padding together, a multiple of
/// the block (RFC 1321 sections 3.1 and 3.2, FIPS 180-4 section 5.1).
pub(crate) fn pad<C: Compression>(area: &mut [u8], rest: usize, message_bytes: u64) -> usize {
    let length_bytes = 2 * C::Word::BYTES;
    let padded = (rest + 1 + length_bytes).next_multiple_of(C::Word::BLOCK_BYTES);
    let bits = u128::from(message_bytes) * 8;
    let (big, little) = (bits.to_be_bytes(), bits.to_le_bytes());
    area[rest] = 0x80;
    area[rest + 1..padded - length_bytes].fill(0);
    let length = if C::BIG_ENDIAN { &big[big.len() - length_bytes..] } else { &little[..length_bytes] };
    area[padded - length_bytes..padded].copy_from_slice(length);
    padded
}

#[cfg(test)]
#[path = "../tests/oracle/pages.rs"]
mod pages;

#[cfg(test)]
mod tests {
    use super::pages::Pages;
    use super::*;
    use crate::Platform;
    use crate::algorithm::{md5::Md5, sha1::Sha1, sha256::Sha256, sha512::Sha512};

    /// Words that differ from lane to lane and block to block.
    fn words(count: usize, seed: u32) -> Vec<u32> {
        (0..count as u32).map(|i| (i + 1).wrapping_mul(0x9e37_79b9).rotate_left(i % 32) ^ seed).collect()
    }

    #[test]
    fn every_kernel_of_every_platform_equals_the_scalar_one() {
        for platform in Platform::available() {
            every_kernel_equals_the_scalar_one::<Md5>(platform);
            every_kernel_equals_the_scalar_one::<Sha1>(platform);
            every_kernel_equals_the_scalar_one::<Sha256>(platform);
            every_kernel_equals_the_scalar_one::<Sha512>(platform);
        }
    }

    fn every_kernel_equals_the_scalar_one<C: Compression>(platform: Platform)
    where
        C::Word: PartialEq + std::fmt::Debug,
    {
        let oracle = Platform::from_name("scalar").expect("every cpu has it").ladder::<C>().single;
        let ladder = platform.ladder::<C>();
        println!(
            "{platform} {} alone and by {:?}",
            C::NAME,
            ladder.wide.iter().map(|wide| wide.degree).collect::<Vec<_>>()
        );
        let mut pages: [Pages; DEGREE_MAX] = std::array::from_fn(|_| Pages::new());
        for (blocks, at_the_end) in [(0, true), (1, true), (2, false), (3, true), (17, true), (17, false)] {
            // Inputs end where memory does, so that a read too far faults; then they end a byte before, at odd addresses.
            let content = |lane| words(blocks * C::Word::BLOCK_BYTES + 1, lane).into_iter().map(|word| word as u8);
            let content: Vec<Vec<u8>> = (0..DEGREE_MAX as u32).map(|lane| content(lane).collect()).collect();
            let mut inputs: Inputs<'_> = [&[]; DEGREE_MAX];
            for ((input, pages), content) in inputs.iter_mut().zip(&mut pages).zip(&content) {
                let (_, whole) = content.split_at(1);
                *input = pages.at_the_end(if at_the_end { whole } else { content });
                if !at_the_end {
                    *input = &input[..whole.len()];
                }
            }
            let mut before = [[C::Word::ZERO; 8]; DEGREE_MAX];
            for (lane, chain) in before.iter_mut().enumerate() {
                for (word, start) in chain.iter_mut().zip(words(16, lane as u32).chunks_exact(2)).take(C::WORDS) {
                    let bytes = [start[0].to_ne_bytes(), start[1].to_ne_bytes()];
                    *word = C::Word::read(bytes.as_flattened(), true);
                }
            }
            let expected = std::array::from_fn::<_, DEGREE_MAX, _>(|lane| {
                let mut chain = before[lane];
                oracle(&mut chain, inputs[lane]);
                chain
            });

            let what = format!("{platform} {}, {blocks} blocks", C::NAME);
            for lane in 0..DEGREE_MAX {
                let mut chain = before[lane];
                (ladder.single)(&mut chain, inputs[lane]);
                assert_eq!(chain, expected[lane], "{what}, lane {lane} alone");
            }
            // Those too that are slower than others here.
            for wide in platform.wide::<C>().iter().flatten().chain(&ladder.wide) {
                let mut chains = Chains::ZERO;
                before.iter().enumerate().for_each(|(lane, chain)| chains.set_lane(lane, chain));
                (wide.run)(&mut chains, &inputs);
                for lane in 0..DEGREE_MAX {
                    // Lanes beyond the degree stay as they were.
                    let right = if lane < wide.degree { expected[lane] } else { before[lane] };
                    assert_eq!(chains.lane(lane), right, "{what}, degree {}, lane {lane}", wide.degree);
                }
            }
        }
    }
}
