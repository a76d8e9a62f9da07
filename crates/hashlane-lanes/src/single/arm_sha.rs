//! SHA-1, SHA-256 and SHA-512 by the cryptographic extension of aarch64 processors, of one message or of two interleaved.
//!
//! What it promises: the functions here are safe to call; they check for the instructions themselves, which costs one load
//! for each call of many blocks. The rounds follow the instructions' definitions (Arm Architecture Reference Manual for
//! A-profile, section C7.2, SHA1C to SHA512SU1). What it leaves out on purpose: more than two messages, as on x86-64, and
//! big-endian systems, where nothing could be tested. Speeds are not measured: no such processor was at hand, only an
//! emulator.

#![expect(
    unsafe_code,
    reason = "an instruction-set file: calls into enabled target features, and loads through pointers"
)]

use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

use crate::algorithm::{sha1, sha256, sha512};
use crate::kernel::{Chain, Chains, Inputs, Ladder, Wide};
use crate::word::Word;

/// Whether the CPU has everything that is enabled below for SHA-1 and SHA-256.
fn has_sha2() -> bool {
    cfg!(target_endian = "little") && is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("sha2")
}

/// The same for SHA-512, whose instructions Rust counts among those of SHA-3.
fn has_sha512() -> bool {
    cfg!(target_endian = "little") && is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("sha3")
}

/// The kernels of an algorithm: what checks for the instructions, and the function of so many messages.
macro_rules! kernels {
    ($(#[$doc:meta])* $algorithm:ident of $word:ident, $present:ident, $blocks:ident) => {
        $(#[$doc])*
        pub(crate) fn $algorithm() -> Option<Ladder<$word>> {
            fn one(chain: &mut Chain<$word>, blocks: &[u8]) {
                assert!($present(), "the sha instructions were there when this was chosen");
                // SAFETY: the line above saw every feature that the function enables.
                unsafe { $blocks([chain], [blocks]) }
            }
            fn two(chains: &mut Chains<$word>, inputs: &Inputs<'_>) {
                assert!($present(), "the sha instructions were there when this was chosen");
                let [mut first, mut second] = [chains.lane(0), chains.lane(1)];
                // SAFETY: the first line saw every feature that the function enables.
                unsafe { $blocks([&mut first, &mut second], [inputs[0], inputs[1]]) }
                chains.set_lane(0, &first);
                chains.set_lane(1, &second);
            }
            $present().then(|| Ladder { single: one, wide: vec![Wide { degree: 2, busy_min: 2, run: two }] })
        }
    };
}

kernels!(
    /// The kernels of SHA-1.
    sha1 of u32, has_sha2, sha1_blocks
);
kernels!(
    /// The kernels of SHA-256.
    sha256 of u32, has_sha2, sha256_blocks
);
kernels!(
    /// The kernels of SHA-512.
    sha512 of u64, has_sha512, sha512_blocks
);

/// Four words.
#[inline]
#[target_feature(enable = "neon")]
fn load32(words: &[u32; 4]) -> uint32x4_t {
    // SAFETY: the reference is to sixteen readable bytes.
    unsafe { vld1q_u32(words.as_ptr()) }
}

/// Writes four words.
#[inline]
#[target_feature(enable = "neon")]
fn store32(words: &mut [u32; 4], vector: uint32x4_t) {
    // SAFETY: the reference is to sixteen writable bytes.
    unsafe { vst1q_u32(words.as_mut_ptr(), vector) }
}

/// Two words.
#[inline]
#[target_feature(enable = "neon")]
fn load64(words: &[u64; 2]) -> uint64x2_t {
    // SAFETY: the reference is to sixteen readable bytes.
    unsafe { vld1q_u64(words.as_ptr()) }
}

/// Writes two words.
#[inline]
#[target_feature(enable = "neon")]
fn store64(words: &mut [u64; 2], vector: uint64x2_t) {
    // SAFETY: the reference is to sixteen writable bytes.
    unsafe { vst1q_u64(words.as_mut_ptr(), vector) }
}

/// A block of a message.
#[inline]
#[target_feature(enable = "neon")]
fn message32(block: &[u8; u32::BLOCK_BYTES]) -> [uint32x4_t; 4] {
    let mut message = [vdupq_n_u32(0); 4];
    for (vector, bytes) in message.iter_mut().zip(block.as_chunks::<16>().0) {
        // SAFETY: the reference is to sixteen readable bytes.
        *vector = vreinterpretq_u32_u8(vrev32q_u8(unsafe { vld1q_u8(bytes.as_ptr()) }));
    }
    message
}

/// A block of a message.
#[inline]
#[target_feature(enable = "neon")]
fn message64(block: &[u8; u64::BLOCK_BYTES]) -> [uint64x2_t; 8] {
    let mut message = [vdupq_n_u64(0); 8];
    for (vector, bytes) in message.iter_mut().zip(block.as_chunks::<16>().0) {
        // SAFETY: the reference is to sixteen readable bytes.
        *vector = vreinterpretq_u64_u8(vrev64q_u8(unsafe { vld1q_u8(bytes.as_ptr()) }));
    }
    message
}

/// One block of every message at a time, as many as all of them have.
fn blocks_of<const BYTES: usize, const MESSAGES: usize>(
    inputs: [&[u8]; MESSAGES],
) -> impl Iterator<Item = [&[u8; BYTES]; MESSAGES]> {
    let inputs = inputs.map(|input| input.as_chunks().0);
    let count = inputs.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    (0..count).map(move |block| inputs.map(|blocks| &blocks[block]))
}

#[target_feature(enable = "neon,sha2")]
fn sha1_blocks<const MESSAGES: usize>(chains: [&mut Chain<u32>; MESSAGES], inputs: [&[u8]; MESSAGES]) {
    let mut abcd = [vdupq_n_u32(0); MESSAGES];
    let mut e = [0; MESSAGES];
    for m in 0..MESSAGES {
        abcd[m] = load32(&chains[m].as_chunks().0[0]);
        e[m] = chains[m][4];
    }

    for blocks in blocks_of(inputs) {
        let mut message = [[vdupq_n_u32(0); 4]; MESSAGES];
        for m in 0..MESSAGES {
            message[m] = message32(blocks[m]);
        }
        let (abcd_before, e_before) = (abcd, e);
        // Four steps: `$steps` is the instruction with their function.
        macro_rules! four {
            ($steps:ident, $t:literal) => {
                let constant = vdupq_n_u32(sha1::K[$t / 5]);
                for m in 0..MESSAGES {
                    let message = &mut message[m];
                    if $t >= 4 {
                        let next = vsha1su0q_u32(message[$t % 4], message[($t + 1) % 4], message[($t + 2) % 4]);
                        message[$t % 4] = vsha1su1q_u32(next, message[($t + 3) % 4]);
                    }
                    let words = vaddq_u32(message[$t % 4], constant);
                    let e_next = vsha1h_u32(vgetq_lane_u32::<0>(abcd[m]));
                    abcd[m] = $steps(abcd[m], e[m], words);
                    e[m] = e_next;
                }
            };
        }
        macro_rules! twenty {
            ($steps:ident, $t0:literal $t1:literal $t2:literal $t3:literal $t4:literal) => {
                four!($steps, $t0);
                four!($steps, $t1);
                four!($steps, $t2);
                four!($steps, $t3);
                four!($steps, $t4);
            };
        }
        twenty!(vsha1cq_u32, 0 1 2 3 4);
        twenty!(vsha1pq_u32, 5 6 7 8 9);
        twenty!(vsha1mq_u32, 10 11 12 13 14);
        twenty!(vsha1pq_u32, 15 16 17 18 19);
        for m in 0..MESSAGES {
            abcd[m] = vaddq_u32(abcd[m], abcd_before[m]);
            e[m] = e[m].wrapping_add(e_before[m]);
        }
    }

    for m in 0..MESSAGES {
        store32(&mut chains[m].as_chunks_mut().0[0], abcd[m]);
        chains[m][4] = e[m];
    }
}

#[target_feature(enable = "neon,sha2")]
fn sha256_blocks<const MESSAGES: usize>(chains: [&mut Chain<u32>; MESSAGES], inputs: [&[u8]; MESSAGES]) {
    let mut abcd = [vdupq_n_u32(0); MESSAGES];
    let mut efgh = abcd;
    for m in 0..MESSAGES {
        abcd[m] = load32(&chains[m].as_chunks().0[0]);
        efgh[m] = load32(&chains[m].as_chunks().0[1]);
    }

    let (constants, _) = sha256::K.as_chunks::<16>();
    for blocks in blocks_of(inputs) {
        let mut message = [[vdupq_n_u32(0); 4]; MESSAGES];
        for m in 0..MESSAGES {
            message[m] = message32(blocks[m]);
        }
        let (abcd_before, efgh_before) = (abcd, efgh);
        // Four steps: one instruction makes the new a to d, the other, from the old a to d, the new e to h.
        macro_rules! four {
            ($constants:ident, $t:literal, $made:literal) => {
                let constants = load32(&$constants.as_chunks().0[$t]);
                for m in 0..MESSAGES {
                    let message = &mut message[m];
                    if $made {
                        let next = vsha256su0q_u32(message[$t], message[($t + 1) % 4]);
                        message[$t] = vsha256su1q_u32(next, message[($t + 2) % 4], message[($t + 3) % 4]);
                    }
                    let words = vaddq_u32(message[$t], constants);
                    let abcd_old = abcd[m];
                    abcd[m] = vsha256hq_u32(abcd_old, efgh[m], words);
                    efgh[m] = vsha256h2q_u32(efgh[m], abcd_old, words);
                }
            };
        }
        // The message's words are given for the first sixteen steps, and made for the others.
        macro_rules! sixteen {
            ($constants:ident, $made:literal) => {
                four!($constants, 0, $made);
                four!($constants, 1, $made);
                four!($constants, 2, $made);
                four!($constants, 3, $made);
            };
        }
        let [first, later @ ..] = constants else { unreachable!("there are sixty-four constants") };
        sixteen!(first, false);
        for later in later {
            sixteen!(later, true);
        }
        for m in 0..MESSAGES {
            abcd[m] = vaddq_u32(abcd[m], abcd_before[m]);
            efgh[m] = vaddq_u32(efgh[m], efgh_before[m]);
        }
    }

    for m in 0..MESSAGES {
        store32(&mut chains[m].as_chunks_mut().0[0], abcd[m]);
        store32(&mut chains[m].as_chunks_mut().0[1], efgh[m]);
    }
}

#[target_feature(enable = "neon,sha3")]
fn sha512_blocks<const MESSAGES: usize>(chains: [&mut Chain<u64>; MESSAGES], inputs: [&[u8]; MESSAGES]) {
    // ab, cd, ef and gh.
    let mut state = [[vdupq_n_u64(0); 4]; MESSAGES];
    for m in 0..MESSAGES {
        for (vector, words) in state[m].iter_mut().zip(chains[m].as_chunks().0) {
            *vector = load64(words);
        }
    }

    let (constants, _) = sha512::K.as_chunks::<16>();
    for blocks in blocks_of(inputs) {
        let mut message = [[vdupq_n_u64(0); 8]; MESSAGES];
        for m in 0..MESSAGES {
            message[m] = message64(blocks[m]);
        }
        let before = state;
        // Two steps. The instructions take the words of the first from the upper half.
        macro_rules! two {
            ($constants:ident, $t:literal, $made:literal) => {
                let constants = load64(&$constants.as_chunks().0[$t]);
                for m in 0..MESSAGES {
                    let message = &mut message[m];
                    if $made {
                        let next = vsha512su0q_u64(message[$t], message[($t + 1) % 8]);
                        let nine_on = vextq_u64::<1>(message[($t + 4) % 8], message[($t + 5) % 8]);
                        message[$t] = vsha512su1q_u64(next, message[($t + 7) % 8], nine_on);
                    }
                    let [ab, cd, ef, gh] = state[m];
                    let words = vaddq_u64(message[$t], constants);
                    let sum = vaddq_u64(vextq_u64::<1>(words, words), gh);
                    let t1 = vsha512hq_u64(sum, vextq_u64::<1>(ef, gh), vextq_u64::<1>(cd, ef));
                    state[m] = [vsha512h2q_u64(t1, cd, ab), ab, vaddq_u64(cd, t1), ef];
                }
            };
        }
        // The message's words are given for the first sixteen steps, and made for the others.
        macro_rules! sixteen {
            ($constants:ident, $made:literal) => {
                two!($constants, 0, $made);
                two!($constants, 1, $made);
                two!($constants, 2, $made);
                two!($constants, 3, $made);
                two!($constants, 4, $made);
                two!($constants, 5, $made);
                two!($constants, 6, $made);
                two!($constants, 7, $made);
            };
        }
        let [first, later @ ..] = constants else { unreachable!("there are eighty constants") };
        sixteen!(first, false);
        for later in later {
            sixteen!(later, true);
        }
        for m in 0..MESSAGES {
            for (vector, before) in state[m].iter_mut().zip(before[m]) {
                *vector = vaddq_u64(*vector, before);
            }
        }
    }

    for m in 0..MESSAGES {
        for (words, vector) in chains[m].as_chunks_mut().0.iter_mut().zip(state[m]) {
            store64(words, vector);
        }
    }
}
