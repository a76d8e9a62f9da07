//! SHA-512 of one message, or of four, on x86-64 processors with AVX2 and BMI: the message schedule of four blocks at once, each in a lane
//! of a vector, and the steps of one block after the other in general registers.
//!
//! The schedule of a block depends on its message alone, so that the blocks of one message need not wait for each other there.
//! The steps are one long chain and leave the vector units idle; so a word of the next four blocks' schedule is made after
//! every four steps. The loop over eight steps is not unrolled, so that it stays in the cache of decoded instructions.
//!
//! What it promises: the functions here are safe to call; they check for the instructions themselves, which costs one load
//! for each call of many blocks. What it leaves out on purpose: SHA-512 instructions, which few processors have yet.

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

const GROUP_BYTES: usize = GROUP * BLOCK_BYTES;

const STEPS: usize = K.len();

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
    let mut state = chain.each_ref().map(|word| Scalar::from_words((), std::slice::from_ref(word)));
    let (groups, rest) = blocks.as_chunks::<GROUP_BYTES>();
    let mut words = [[0; GROUP]; STEPS];
    let mut tables = [[[0; GROUP]; STEPS]; 2];
    let [mut sums, mut next_sums] = tables.each_mut();
    if let Some(first) = groups.first() {
        begin(proof, first, &mut words, sums);
        (16..STEPS).for_each(|t| make(proof, t, &mut words, sums));
    }
    for number in 0..groups.len() {
        if let Some(next) = groups.get(number + 1) {
            begin(proof, next, &mut words, next_sums);
            (0..GROUP).for_each(|block| steps::<true>(proof, &mut state, sums, block, &mut words, next_sums));
        } else {
            (0..GROUP).for_each(|block| steps::<false>(proof, &mut state, sums, block, &mut words, next_sums));
        }
        std::mem::swap(&mut sums, &mut next_sums);
    }
    for block in rest.chunks_exact(BLOCK_BYTES) {
        Sha512::compress(&mut state, Scalar::message((), &[block], 0, true), &K);
    }
    for (word, new) in chain.iter_mut().zip(state) {
        new.to_words(std::slice::from_mut(word));
    }
}

/// For each step, something of each block.
type Table = [[u64; GROUP]; STEPS];

/// The first sixteen words of each block, which are its message, and their sums with the constants.
#[inline(always)]
fn begin(proof: Proof, group: &[u8; GROUP_BYTES], words: &mut Table, sums: &mut Table) {
    let blocks: [&[u8]; GROUP] = std::array::from_fn(|block| &group[block * BLOCK_BYTES..][..BLOCK_BYTES]);
    for (t, word) in Words64::message(proof, &blocks, 0, true).into_iter().enumerate() {
        word.to_words(&mut words[t]);
        word.plus(K[t]).to_words(&mut sums[t]);
    }
}

/// The word of step `t`, 16 or later, of each block, and its sum with the constant.
#[inline(always)]
fn make(proof: Proof, t: usize, words: &mut Table, sums: &mut Table) {
    let words: &mut [_; 17] = words[t - 16..].first_chunk_mut().expect("t is a step from 16 on");
    let given = |back: usize| Words64::from_words(proof, &words[16 - back]);
    let word = given(16).add(given(7)).add(small_sigma0(given(15)).add(small_sigma1(given(2))));
    word.to_words(&mut words[16]);
    word.plus(K[t]).to_words(&mut sums[t]);
}

/// The steps of one block, and, where there is a group after this one, its share of the words of that group.
#[inline(always)]
fn steps<const AHEAD: bool>(
    proof: Proof,
    state: &mut [Scalar<u64>; 8],
    sums: &Table,
    block: usize,
    words: &mut Table,
    next_sums: &mut Table,
) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    // The names turn instead of the values, as in `algorithm/sha512.rs`.
    macro_rules! step {
        ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $sum:expr) => {
            let t1 = $h.plus($sum[block]).add($e.choose($f, $g)).add(big_sigma1($e));
            $d = $d.add(t1);
            $h = t1.add($a.majority($b, $c)).add(big_sigma0($a));
        };
    }
    macro_rules! four {
        ($sums:ident) => {
            step!(a b c d e f g h, $sums[0]);
            step!(h a b c d e f g, $sums[1]);
            step!(g h a b c d e f, $sums[2]);
            step!(f g h a b c d e, $sums[3]);
        };
    }
    macro_rules! other_four {
        ($sums:ident) => {
            step!(e f g h a b c d, $sums[4]);
            step!(d e f g h a b c, $sums[5]);
            step!(c d e f g h a b, $sums[6]);
            step!(b c d e f g h a, $sums[7]);
        };
    }
    let (first, last) = sums.as_chunks::<8>().0.split_at(8);
    for (pair, sums) in first.iter().enumerate() {
        let t = 16 + block * 16 + pair * 2;
        four!(sums);
        if AHEAD {
            make(proof, t, words, next_sums);
        }
        other_four!(sums);
        if AHEAD {
            make(proof, t + 1, words, next_sums);
        }
    }
    for sums in last {
        four!(sums);
        other_four!(sums);
    }
    for (word, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.add(new);
    }
}
