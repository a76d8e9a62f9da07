//! SHA-1 and SHA-256 by the SHA extensions of x86-64 processors, of one message or of two interleaved.
//!
//! What it promises: the functions here are safe to call; they check for the instructions themselves, which costs one load
//! for each call of many blocks. The rounds follow the instructions' definitions (Intel 64 and IA-32 Architectures
//! Software Developer's Manual, volume 2B, SHA1RNDS4 to SHA256RNDS2). What it leaves out on purpose: more than two
//! messages, since two already keep the unit busy.

#![expect(
    unsafe_code,
    reason = "an instruction-set file: calls into enabled target features, and loads through pointers"
)]

use std::arch::x86_64::*;

use crate::algorithm::sha256;
use crate::kernel::{Chain, Chains, Inputs, Ladder, Wide};
use crate::word::Word;

/// The block of both algorithms.
const BLOCK_BYTES: usize = u32::BLOCK_BYTES;

/// Whether the CPU has everything that is enabled below.
pub(crate) fn present() -> bool {
    is_x86_feature_detected!("sha") && is_x86_feature_detected!("ssse3") && is_x86_feature_detected!("sse4.1")
}

/// The kernels of SHA-1.
pub(crate) fn sha1() -> Option<Ladder<u32>> {
    present().then(|| Ladder { single: sha1_one, wide: vec![Wide { degree: 2, busy_min: 2, run: sha1_two }] })
}

/// The kernels of SHA-256.
pub(crate) fn sha256() -> Option<Ladder<u32>> {
    present().then(|| Ladder { single: sha256_one, wide: vec![Wide { degree: 2, busy_min: 2, run: sha256_two }] })
}

fn sha1_one(chain: &mut Chain<u32>, blocks: &[u8]) {
    assert!(present(), "the sha instructions were there when this was chosen");
    // SAFETY: the line above saw every feature that the function enables.
    unsafe { sha1_blocks([chain], [blocks]) }
}

fn sha1_two(chains: &mut Chains<u32>, inputs: &Inputs<'_>) {
    assert!(present(), "the sha instructions were there when this was chosen");
    let [mut first, mut second] = [chains.lane(0), chains.lane(1)];
    // SAFETY: the first line saw every feature that the function enables.
    unsafe { sha1_blocks([&mut first, &mut second], [inputs[0], inputs[1]]) }
    chains.set_lane(0, &first);
    chains.set_lane(1, &second);
}

fn sha256_one(chain: &mut Chain<u32>, blocks: &[u8]) {
    assert!(present(), "the sha instructions were there when this was chosen");
    // SAFETY: the line above saw every feature that the function enables.
    unsafe { sha256_blocks([chain], [blocks]) }
}

fn sha256_two(chains: &mut Chains<u32>, inputs: &Inputs<'_>) {
    assert!(present(), "the sha instructions were there when this was chosen");
    let [mut first, mut second] = [chains.lane(0), chains.lane(1)];
    // SAFETY: the first line saw every feature that the function enables.
    unsafe { sha256_blocks([&mut first, &mut second], [inputs[0], inputs[1]]) }
    chains.set_lane(0, &first);
    chains.set_lane(1, &second);
}

/// Four words from memory, as they lie there.
#[inline]
#[target_feature(enable = "sse2")]
fn load_bytes(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to sixteen readable bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Four words, the first lowest.
#[inline]
#[target_feature(enable = "sse2")]
fn load_words(words: &[u32; 4]) -> __m128i {
    // SAFETY: the reference is to sixteen readable bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

/// Writes four words, the lowest first.
#[inline]
#[target_feature(enable = "sse2")]
fn store_words(words: &mut [u32; 4], vector: __m128i) {
    // SAFETY: the reference is to sixteen writable bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), vector) }
}

/// The halves of a chaining value.
fn halves(chain: &mut Chain<u32>) -> (&mut [u32; 4], &mut [u32; 4]) {
    let (low, high) = chain.split_at_mut(4);
    (low.try_into().expect("half of eight words"), high.try_into().expect("half of eight words"))
}

/// The four vectors of each message's block at `offset`, every byte moved to where `order` says.
#[inline]
#[target_feature(enable = "ssse3")]
fn load_message<const MESSAGES: usize>(
    inputs: &[&[u8]; MESSAGES],
    offset: usize,
    order: __m128i,
) -> [[__m128i; MESSAGES]; 4] {
    let mut message = [[_mm_setzero_si128(); MESSAGES]; 4];
    for (m, input) in inputs.iter().enumerate() {
        let (vectors, _) = input[offset..offset + BLOCK_BYTES].as_chunks::<16>();
        for (part, vector) in message.iter_mut().zip(vectors) {
            part[m] = _mm_shuffle_epi8(load_bytes(vector), order);
        }
    }
    message
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha1_blocks<const MESSAGES: usize>(chains: [&mut Chain<u32>; MESSAGES], inputs: [&[u8]; MESSAGES]) {
    // The instructions take the first word in the highest place: all sixteen bytes are reversed.
    let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let mut abcd = [_mm_setzero_si128(); MESSAGES];
    let mut e = [_mm_setzero_si128(); MESSAGES];
    let chains = chains.map(halves);
    for m in 0..MESSAGES {
        abcd[m] = _mm_shuffle_epi32::<0b00_01_10_11>(load_words(chains[m].0));
        e[m] = _mm_set_epi32(chains[m].1[0] as i32, 0, 0, 0);
    }

    let bytes = inputs.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    for offset in (0..bytes / BLOCK_BYTES).map(|block| block * BLOCK_BYTES) {
        let mut message = load_message(&inputs, offset, order);
        let (abcd_before, e_before) = (abcd, e);
        // Before each four steps `e` is the value whose first word, rotated, is the steps' E; SHA1NEXTE rotates it and adds
        // the words of the message. Only the first four take E as it is.
        macro_rules! four {
            ($f:literal, $t:literal) => {
                for m in 0..MESSAGES {
                    if $t >= 4 {
                        let next = _mm_sha1msg1_epu32(message[$t % 4][m], message[($t + 1) % 4][m]);
                        let next = _mm_xor_si128(next, message[($t + 2) % 4][m]);
                        message[$t % 4][m] = _mm_sha1msg2_epu32(next, message[($t + 3) % 4][m]);
                    }
                    let words = message[$t % 4][m];
                    let sum = if $t == 0 { _mm_add_epi32(e[m], words) } else { _mm_sha1nexte_epu32(e[m], words) };
                    e[m] = abcd[m];
                    abcd[m] = _mm_sha1rnds4_epu32::<$f>(abcd[m], sum);
                }
            };
        }
        macro_rules! twenty {
            ($f:literal, $t0:literal $t1:literal $t2:literal $t3:literal $t4:literal) => {
                four!($f, $t0);
                four!($f, $t1);
                four!($f, $t2);
                four!($f, $t3);
                four!($f, $t4);
            };
        }
        twenty!(0, 0 1 2 3 4);
        twenty!(1, 5 6 7 8 9);
        twenty!(2, 10 11 12 13 14);
        twenty!(3, 15 16 17 18 19);
        for m in 0..MESSAGES {
            e[m] = _mm_sha1nexte_epu32(e[m], e_before[m]);
            abcd[m] = _mm_add_epi32(abcd[m], abcd_before[m]);
        }
    }

    for m in 0..MESSAGES {
        store_words(chains[m].0, _mm_shuffle_epi32::<0b00_01_10_11>(abcd[m]));
        chains[m].1[0] = _mm_extract_epi32::<3>(e[m]) as u32;
    }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha256_blocks<const MESSAGES: usize>(chains: [&mut Chain<u32>; MESSAGES], inputs: [&[u8]; MESSAGES]) {
    // The bytes of each word are reversed, the words stay.
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let mut abef = [_mm_setzero_si128(); MESSAGES];
    let mut cdgh = [_mm_setzero_si128(); MESSAGES];
    let chains = chains.map(halves);
    for m in 0..MESSAGES {
        let cdab = _mm_shuffle_epi32::<0b10_11_00_01>(load_words(chains[m].0));
        let efgh = _mm_shuffle_epi32::<0b00_01_10_11>(load_words(chains[m].1));
        abef[m] = _mm_alignr_epi8::<8>(cdab, efgh);
        cdgh[m] = _mm_blend_epi16::<0xf0>(efgh, cdab);
    }

    let (rows, _) = sha256::K.as_chunks::<4>().0.as_chunks::<4>();
    let bytes = inputs.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    for offset in (0..bytes / BLOCK_BYTES).map(|block| block * BLOCK_BYTES) {
        let mut message = load_message(&inputs, offset, order);
        let (abef_before, cdgh_before) = (abef, cdgh);
        // Four steps each: the instruction does two, with two words of message and constant from the low half. In rows of four,
        // so that the compiler unrolls a row and each group of words stays in its register.
        for (row, constants) in rows.iter().enumerate() {
            for t in 0..4 {
                for m in 0..MESSAGES {
                    if row > 0 {
                        let next = _mm_sha256msg1_epu32(message[t][m], message[(t + 1) % 4][m]);
                        let last = message[(t + 3) % 4][m];
                        let next = _mm_add_epi32(next, _mm_alignr_epi8::<4>(last, message[(t + 2) % 4][m]));
                        message[t][m] = _mm_sha256msg2_epu32(next, last);
                    }
                    let words = _mm_add_epi32(message[t][m], load_words(&constants[t]));
                    cdgh[m] = _mm_sha256rnds2_epu32(cdgh[m], abef[m], words);
                    abef[m] = _mm_sha256rnds2_epu32(abef[m], cdgh[m], _mm_shuffle_epi32::<0b00_00_11_10>(words));
                }
            }
        }
        for m in 0..MESSAGES {
            abef[m] = _mm_add_epi32(abef[m], abef_before[m]);
            cdgh[m] = _mm_add_epi32(cdgh[m], cdgh_before[m]);
        }
    }

    for m in 0..MESSAGES {
        let feba = _mm_shuffle_epi32::<0b00_01_10_11>(abef[m]);
        let dchg = _mm_shuffle_epi32::<0b10_11_00_01>(cdgh[m]);
        store_words(chains[m].0, _mm_blend_epi16::<0xf0>(feba, dchg));
        store_words(chains[m].1, _mm_alignr_epi8::<8>(dchg, feba));
    }
}
