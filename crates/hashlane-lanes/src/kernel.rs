//! The shapes of a kernel: what runs whole blocks into chaining values.
//!
//! A *single* kernel runs one message; a *wide* kernel runs up to [`DEGREE_MAX`] in lockstep, the same number of blocks of
//! each. A [`Ladder`] is the kernels of one algorithm on one platform, with the number of busy lanes from which each is the
//! fastest. What is left out on purpose: who the lanes belong to and where their bytes come from.

use std::hint::black_box;

use crate::algorithm::Compression;
use crate::vector::Vector;

/// The block of every algorithm here, in bytes.
pub(crate) const BLOCK_BYTES: usize = 64;

/// The most lanes that any kernel runs: two groups of sixteen.
pub(crate) const DEGREE_MAX: usize = 32;

/// The chaining value of one message. Words that the algorithm does not have are zero.
pub(crate) type Chain = [u32; 8];

/// Chaining values of the lanes of one kernel call, word by word, so that a vector is a plain load.
#[repr(align(64))]
pub(crate) struct Chains(pub(crate) [[u32; DEGREE_MAX]; 8]);

impl Chains {
    /// The chaining value of one lane.
    pub(crate) fn lane(&self, lane: usize) -> Chain {
        self.0.map(|words| words[lane])
    }

    /// Puts a chaining value into one lane.
    pub(crate) fn set_lane(&mut self, lane: usize, chain: &Chain) {
        self.0.iter_mut().zip(chain).for_each(|(words, word)| words[lane] = *word);
    }
}

/// Where each lane's blocks are: all of one length, a multiple of the block. Lanes that nobody asked for point at the first
/// lane's blocks, so that they never read anything shorter; their chaining values are then not read.
pub(crate) type Inputs<'a> = [&'a [u8]; DEGREE_MAX];

/// Runs the whole blocks of `blocks` into one chaining value.
pub(crate) type Single = fn(chain: &mut Chain, blocks: &[u8]);

/// A kernel of several lanes.
#[derive(Clone, Copy)]
pub(crate) struct Wide {
    /// How many lanes it runs.
    pub(crate) degree: usize,
    /// The number of busy lanes from which it is the fastest of its ladder; measured by `examples/lanes_speed.rs`.
    pub(crate) busy_min: usize,
    /// Runs all blocks of the inputs.
    pub(crate) run: fn(chains: &mut Chains, inputs: &Inputs<'_>),
}

/// The kernels of one algorithm on one platform.
pub(crate) struct Ladder {
    /// For one lane, and for lanes that are too few for any wide kernel.
    pub(crate) single: Single,
    /// Best first: the first whose `busy_min` is reached is taken.
    pub(crate) wide: Vec<Wide>,
}

impl Ladder {
    /// The wide kernel for that many busy lanes; `None` where one lane after the other is faster.
    pub(crate) fn wide_for(&self, busy: usize) -> Option<Wide> {
        self.wide.iter().find(|wide| busy >= wide.busy_min).copied()
    }
}

/// The body of every wide kernel: an algorithm over a vector. The instruction-set files wrap it in a function that
/// enables their instructions, which is why it must be inlined.
#[inline(always)]
pub(crate) fn run_lanes<C: Compression, V: Vector>(proof: V::Proof, chains: &mut Chains, inputs: &Inputs<'_>) {
    let inputs = &inputs[..V::LANES];
    let mut chain = [V::from_words(proof, &chains.0[0]); 8];
    for (vector, words) in chain.iter_mut().zip(&chains.0).take(C::WORDS) {
        *vector = V::from_words(proof, words);
    }
    let constants = black_box(C::CONSTANTS);
    let bytes = inputs.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    for block in 0..bytes / BLOCK_BYTES {
        let message = V::message(proof, inputs, block * BLOCK_BYTES, C::BIG_ENDIAN);
        C::compress(&mut chain, message, constants);
    }
    for (words, vector) in chains.0.iter_mut().zip(chain).take(C::WORDS) {
        vector.to_words(words);
    }
}

/// Writes the padding of a message of `message_bytes` behind its last `rest` bytes, which `area` begins with. Returns the
/// length of rest and padding together: one or two blocks (RFC 1321 sections 3.1 and 3.2, FIPS 180-4 section 5.1.1).
pub(crate) fn pad(area: &mut [u8], rest: usize, message_bytes: u64, big_endian: bool) -> usize {
    let padded = (rest + 1 + 8).next_multiple_of(BLOCK_BYTES);
    let bits = message_bytes.wrapping_mul(8);
    area[rest] = 0x80;
    area[rest + 1..padded - 8].fill(0);
    area[padded - 8..padded].copy_from_slice(&if big_endian { bits.to_be_bytes() } else { bits.to_le_bytes() });
    padded
}

/// A chaining value as bytes in the algorithm's order: the digest, and the form in which states keep it.
pub(crate) fn chain_bytes(chain: &Chain, big_endian: bool) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(chain) {
        *four = if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Platform};

    /// Words that differ from lane to lane and block to block.
    fn words(count: usize, seed: u32) -> Vec<u32> {
        (0..count as u32).map(|i| (i + 1).wrapping_mul(0x9e37_79b9).rotate_left(i % 32) ^ seed).collect()
    }

    #[test]
    fn every_kernel_of_every_platform_equals_the_scalar_one() {
        let scalar = Platform::from_name("scalar").expect("every cpu has it");
        for (algorithm, platform) in Algorithm::ALL.into_iter().flat_map(|a| Platform::available().map(move |p| (a, p)))
        {
            let oracle = algorithm.ladder(scalar).single;
            let ladder = algorithm.ladder(platform);
            for blocks in [0, 1, 2, 3, 17] {
                // Inputs begin at odd addresses, and end where their allocation does, so that tools see a read too far.
                let bytes = 1 + blocks * BLOCK_BYTES;
                let inputs: Vec<Vec<u8>> = (0..DEGREE_MAX as u32)
                    .map(|lane| words(bytes, lane).into_iter().map(|word| word as u8).collect())
                    .collect();
                let inputs: Inputs<'_> = std::array::from_fn(|lane| &inputs[lane][1..]);
                let mut chains = Chains([[0; DEGREE_MAX]; 8]);
                for (lane, start) in words(DEGREE_MAX, 7).into_iter().enumerate() {
                    chains.set_lane(lane, &algorithm.initial().map(|word| if word == 0 { 0 } else { word ^ start }));
                }
                let before: [Chain; DEGREE_MAX] = std::array::from_fn(|lane| chains.lane(lane));
                let expected: [Chain; DEGREE_MAX] = std::array::from_fn(|lane| {
                    let mut chain = before[lane];
                    oracle(&mut chain, inputs[lane]);
                    chain
                });

                for lane in 0..DEGREE_MAX {
                    let mut chain = before[lane];
                    (ladder.single)(&mut chain, inputs[lane]);
                    assert_eq!(chain, expected[lane], "{platform} {algorithm} alone, {blocks} blocks, lane {lane}");
                }
                for wide in &ladder.wide {
                    let mut chains = Chains(chains.0);
                    (wide.run)(&mut chains, &inputs);
                    for lane in 0..DEGREE_MAX {
                        // Lanes beyond the degree stay as they were.
                        let right = if lane < wide.degree { expected[lane] } else { before[lane] };
                        let what = format!("{platform} {algorithm} degree {}, {blocks} blocks", wide.degree);
                        assert_eq!(chains.lane(lane), right, "{what}, lane {lane}");
                    }
                }
            }
        }
    }
}
