//! SHA-512 of one message, or of four, on x86-64 processors with AVX2 and BMI: the message schedule of four blocks at once, each in a lane
//! of a vector, and the steps of one block after the other in general registers.
//!
//! What it promises: the functions here are safe to call; they check for the instructions themselves, which costs one load
//! for each call of many blocks. The schedule of a block depends on its message alone, so that the blocks of one message
//! need not wait for each other there. What it leaves out on purpose: SHA-512 instructions, which few processors have yet.

#![expect(unsafe_code, reason = "an instruction-set file: calls into enabled target features")]

use crate::algorithm::Compression;
use crate::algorithm::sha512::{K, Sha512, big_sigma0, big_sigma1, small_sigma0, small_sigma1};
use crate::kernel::{Chain, Ladder};
use crate::vector::Vector;
use crate::vector::scalar::Scalar;
use crate::vector::x86_avx2::{self, Proof, Words64};
use crate::word::Word;

const BLOCK_BYTES: usize = u64::BLOCK_BYTES;

/// Blocks whose schedule is made at once.
const GROUP: usize = Words64::LANES;

/// Whether the CPU has everything that is enabled below.
fn present() -> Option<Proof> {
    Proof::detect().filter(|_| is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2"))
}

/// The kernels: of four messages too, since AVX2 is there.
pub(crate) fn ladder() -> Option<Ladder<u64>> {
    present().map(|_| Ladder { single: one, wide: x86_avx2::wide::<Sha512>() })
}

fn one(chain: &mut Chain<u64>, blocks: &[u8]) {
    let proof = present().expect("the instructions were there when this was chosen");
    // SAFETY: the line above saw every feature that the function enables.
    unsafe { run(proof, chain, blocks) }
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn run(proof: Proof, chain: &mut Chain<u64>, blocks: &[u8]) {
    let mut words = chain.each_ref().map(|word| Scalar::from_words((), std::slice::from_ref(word)));
    let groups = blocks.chunks_exact(GROUP * BLOCK_BYTES);
    let rest = groups.remainder();
    for group in groups {
        let table = schedule(proof, group);
        for block in 0..GROUP {
            steps(&mut words, &table, block);
        }
    }
    for block in rest.chunks_exact(BLOCK_BYTES) {
        Sha512::compress(&mut words, Scalar::message((), &[block], 0, true), &K);
    }
    for (word, new) in chain.iter_mut().zip(words) {
        new.to_words(std::slice::from_mut(word));
    }
}

/// Words of message and constant together, of each step and block.
type Table = [[u64; GROUP]; 80];

#[inline(always)]
fn schedule(proof: Proof, group: &[u8]) -> Table {
    let mut table = [[0; GROUP]; 80];
    let blocks: [&[u8]; GROUP] = std::array::from_fn(|block| &group[block * BLOCK_BYTES..][..BLOCK_BYTES]);
    let mut message = Words64::message(proof, &blocks, 0, true);
    let (first, later) = table.split_at_mut(16);
    let (constants, later_constants) = K.split_at(16);
    for t in 0..16 {
        message[t].plus(constants[t]).to_words(&mut first[t]);
    }
    for (sums, constants) in later.as_chunks_mut::<16>().0.iter_mut().zip(later_constants.as_chunks::<16>().0) {
        for t in 0..16 {
            let word = message[t].add(message[(t + 9) % 16]).add(small_sigma0(message[(t + 1) % 16]));
            message[t] = word.add(small_sigma1(message[(t + 14) % 16]));
            message[t].plus(constants[t]).to_words(&mut sums[t]);
        }
    }
    table
}

#[inline(always)]
fn steps(chain: &mut [Scalar<u64>; 8], table: &Table, block: usize) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *chain;
    macro_rules! step {
        ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $sum:expr) => {
            let t1 = $h.plus($sum).add($e.choose($f, $g)).add(big_sigma1($e));
            $d = $d.add(t1);
            $h = t1.add($a.majority($b, $c)).add(big_sigma0($a));
        };
    }
    for sums in table.as_chunks::<8>().0 {
        step!(a b c d e f g h, sums[0][block]);
        step!(h a b c d e f g, sums[1][block]);
        step!(g h a b c d e f, sums[2][block]);
        step!(f g h a b c d e, sums[3][block]);
        step!(e f g h a b c d, sums[4][block]);
        step!(d e f g h a b c, sums[5][block]);
        step!(c d e f g h a b, sums[6][block]);
        step!(b c d e f g h a, sums[7][block]);
    }
    for (word, new) in chain.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.add(new);
    }
}
