//! SHA-1, FIPS 180-4 section 6.1.
//!
//! The message schedule is kept in sixteen words that are replaced as they are used up, the standard's alternate method
//! (section 6.1.3).

use crate::algorithm::Compression;
use crate::kernel::{Chain, Ladder};
use crate::single;
use crate::vector::Vector;

/// The constants of section 4.2.1, each for twenty steps.
pub(crate) const K: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];

/// SHA-1.
pub(crate) struct Sha1;

impl Compression for Sha1 {
    const NAME: &'static str = "sha1";
    type Word = u32;
    const WORDS: usize = 5;
    const INITIAL: Chain<u32> = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0, 0, 0, 0];
    const BIG_ENDIAN: bool = true;
    type Constants = [u32; 4];
    const CONSTANTS: &'static [u32; 4] = &K;
    const ONE_CHAIN: bool = false;
    // Eight AVX2 lanes give 0.45 GB/s each, two messages by the SHA extensions 2.9 together (Zen 3).
    const DEDICATED_LANES: usize = 7;
    // Sixteen AVX-512 lanes give 0.69 GB/s each, two messages by the SHA extensions 3.3 together (Zen 5).
    const DEDICATED_LANES_AVX512: usize = 5;

    #[inline(always)]
    fn compress<V: Vector<Word = u32>>(chain: &mut [V; 8], mut message: [V; 16], constants: &[u32; 4]) {
        let [mut a, mut b, mut c, mut d, mut e, ..] = *chain;

        // T = ROTL5(a) + f(b, c, d) + e + K + W; e, d, c, b, a = d, c, ROTL30(b), a, T. Here the names turn instead of the
        // values: what is called e takes T.
        macro_rules! step {
            ($f:ident, $k:literal: $a:ident $b:ident $c:ident $d:ident $e:ident, $w:expr) => {
                $e = $e.add($w.plus(constants[$k])).add($f($b, $c, $d)).add($a.rotate_left::<5>());
                $b = $b.rotate_left::<30>();
            };
        }
        macro_rules! five {
            ($f:ident, $k:literal: $w0:expr, $w1:expr, $w2:expr, $w3:expr, $w4:expr) => {
                step!($f, $k: a b c d e, $w0);
                step!($f, $k: e a b c d, $w1);
                step!($f, $k: d e a b c, $w2);
                step!($f, $k: c d e a b, $w3);
                step!($f, $k: b c d e a, $w4);
            };
        }
        // W of the steps from 16 on; `$t` is the step's number modulo 16.
        macro_rules! w {
            ($t:literal) => {{
                let next = message[($t + 13) % 16].xor(message[($t + 8) % 16]);
                message[$t] = next.xor(message[($t + 2) % 16].xor(message[$t])).rotate_left::<1>();
                message[$t]
            }};
        }

        // Steps 0 to 19.
        five!(choose, 0: message[0], message[1], message[2], message[3], message[4]);
        five!(choose, 0: message[5], message[6], message[7], message[8], message[9]);
        five!(choose, 0: message[10], message[11], message[12], message[13], message[14]);
        five!(choose, 0: message[15], w!(0), w!(1), w!(2), w!(3));
        // Steps 20 to 39.
        five!(parity, 1: w!(4), w!(5), w!(6), w!(7), w!(8));
        five!(parity, 1: w!(9), w!(10), w!(11), w!(12), w!(13));
        five!(parity, 1: w!(14), w!(15), w!(0), w!(1), w!(2));
        five!(parity, 1: w!(3), w!(4), w!(5), w!(6), w!(7));
        // Steps 40 to 59.
        five!(majority, 2: w!(8), w!(9), w!(10), w!(11), w!(12));
        five!(majority, 2: w!(13), w!(14), w!(15), w!(0), w!(1));
        five!(majority, 2: w!(2), w!(3), w!(4), w!(5), w!(6));
        five!(majority, 2: w!(7), w!(8), w!(9), w!(10), w!(11));
        // Steps 60 to 79.
        five!(parity, 3: w!(12), w!(13), w!(14), w!(15), w!(0));
        five!(parity, 3: w!(1), w!(2), w!(3), w!(4), w!(5));
        five!(parity, 3: w!(6), w!(7), w!(8), w!(9), w!(10));
        five!(parity, 3: w!(11), w!(12), w!(13), w!(14), w!(15));

        chain[0] = chain[0].add(a);
        chain[1] = chain[1].add(b);
        chain[2] = chain[2].add(c);
        chain[3] = chain[3].add(d);
        chain[4] = chain[4].add(e);
    }

    fn dedicated() -> Option<Ladder<u32>> {
        single::sha1()
    }
}

/// Ch(x, y, z).
#[inline(always)]
fn choose<V: Vector>(x: V, y: V, z: V) -> V {
    x.choose(y, z)
}

/// Parity(x, y, z).
#[inline(always)]
fn parity<V: Vector>(x: V, y: V, z: V) -> V {
    x.xor3(y, z)
}

/// Maj(x, y, z).
#[inline(always)]
fn majority<V: Vector>(x: V, y: V, z: V) -> V {
    x.majority(y, z)
}
