//! SHA-256, FIPS 180-4 section 6.2.
//!
//! The message schedule is kept in sixteen words that are replaced as they are used up, as the standard's alternate
//! method for SHA-1 does.

use crate::algorithm::Compression;
use crate::kernel::{Chain, Ladder};
use crate::single;
use crate::vector::Vector;

/// The constants of section 4.2.2.
pub(crate) const K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// SHA-256.
pub(crate) struct Sha256;

impl Compression for Sha256 {
    const NAME: &'static str = "sha256";
    type Word = u32;
    const WORDS: usize = 8;
    const INITIAL: Chain<u32> =
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
    const BIG_ENDIAN: bool = true;
    type Constants = [u32; 64];
    const CONSTANTS: &'static [u32; 64] = &K;
    const ONE_CHAIN: bool = false;
    // Eight AVX2 lanes give 1.1 GB/s together, two messages by the SHA extensions 1.5 to 2.2 (Zen 3): only wider kernels
    // can be faster. Sixteen AVX-512 lanes give 0.33 GB/s each, two messages by the SHA extensions 2.6 to 2.9 together (Zen 5).
    const DEDICATED_LANES: usize = 9;

    #[inline(always)]
    fn compress<V: Vector<Word = u32>>(chain: &mut [V; 8], mut message: [V; 16], constants: &[u32; 64]) {
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *chain;

        // T1 = h + S1(e) + Ch(e, f, g) + K + W; T2 = S0(a) + Maj(a, b, c); the new e is d + T1, the new a is T1 + T2. Here
        // the names turn instead of the values: what is called d takes the new e, what is called h the new a.
        macro_rules! step {
            ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $w:expr, $k:expr) => {
                let t1 = $h.add($w.plus($k)).add($e.choose($f, $g)).add(big_sigma1($e));
                $d = $d.add(t1);
                $h = t1.add($a.majority($b, $c)).add(big_sigma0($a));
            };
        }
        macro_rules! eight {
            ($t:literal, $turn:ident) => {
                step!(a b c d e f g h, $turn!($t, 0), constants[$t]);
                step!(h a b c d e f g, $turn!($t, 1), constants[$t + 1]);
                step!(g h a b c d e f, $turn!($t, 2), constants[$t + 2]);
                step!(f g h a b c d e, $turn!($t, 3), constants[$t + 3]);
                step!(e f g h a b c d, $turn!($t, 4), constants[$t + 4]);
                step!(d e f g h a b c, $turn!($t, 5), constants[$t + 5]);
                step!(c d e f g h a b, $turn!($t, 6), constants[$t + 6]);
                step!(b c d e f g h a, $turn!($t, 7), constants[$t + 7]);
            };
        }
        // W of the first sixteen steps.
        macro_rules! given {
            ($t:literal, $i:literal) => {
                message[$t + $i]
            };
        }
        // W of the others.
        macro_rules! made {
            ($t:literal, $i:literal) => {{
                let word = message[($t + $i) % 16].add(message[($t + $i + 9) % 16]);
                let word = word.add(small_sigma0(message[($t + $i + 1) % 16]));
                message[($t + $i) % 16] = word.add(small_sigma1(message[($t + $i + 14) % 16]));
                message[($t + $i) % 16]
            }};
        }

        eight!(0, given);
        eight!(8, given);
        eight!(16, made);
        eight!(24, made);
        eight!(32, made);
        eight!(40, made);
        eight!(48, made);
        eight!(56, made);

        for (word, new) in chain.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *word = word.add(new);
        }
    }

    fn dedicated() -> Option<Ladder<u32>> {
        single::sha256()
    }
}

/// Equation 4.4.
#[inline(always)]
fn big_sigma0<V: Vector>(x: V) -> V {
    x.rotate_right::<2>().xor3(x.rotate_right::<13>(), x.rotate_right::<22>())
}

/// Equation 4.5.
#[inline(always)]
fn big_sigma1<V: Vector>(x: V) -> V {
    x.rotate_right::<6>().xor3(x.rotate_right::<11>(), x.rotate_right::<25>())
}

/// Equation 4.6.
#[inline(always)]
fn small_sigma0<V: Vector>(x: V) -> V {
    x.rotate_right::<7>().xor3(x.rotate_right::<18>(), x.shift_right::<3>())
}

/// Equation 4.7.
#[inline(always)]
fn small_sigma1<V: Vector>(x: V) -> V {
    x.rotate_right::<17>().xor3(x.rotate_right::<19>(), x.shift_right::<10>())
}
