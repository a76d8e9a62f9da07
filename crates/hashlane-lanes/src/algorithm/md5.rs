//! MD5, RFC 1321.
//!
//! The steps below are those of section 3.4 in its order and can be checked against it line by line: `[abcd k s i]` there is
//! `step!(f: a b c d, k, s, i)` here, with the round's function. One liberty is taken for speed: G is added as two parts
//! that have no bit in common, which takes one operation out of the chain that each step waits for.

use crate::algorithm::Compression;
use crate::kernel::{Chain, Ladder};
use crate::single;
use crate::vector::Vector;

/// The table of section 3.4: T\[i\] is the integer part of 2^32 times abs(sin(i)), i in radians; it begins with T\[1\].
const T: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// MD5.
pub(crate) struct Md5;

impl Compression for Md5 {
    const NAME: &'static str = "md5";
    type Word = u32;
    const WORDS: usize = 4;
    const INITIAL: Chain<u32> = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0, 0, 0, 0];
    const BIG_ENDIAN: bool = false;
    type Constants = [u32; 64];
    const CONSTANTS: &'static [u32; 64] = &T;
    const ONE_CHAIN: bool = true;
    // Where one lane has instructions of AVX-512, four lanes have them too.
    const DEDICATED_LANES: usize = 5;

    #[inline(always)]
    fn compress<V: Vector<Word = u32>>(chain: &mut [V; 8], message: [V; 16], constants: &[u32; 64]) {
        let [mut a, mut b, mut c, mut d, ..] = *chain;
        // The compiler adds what it saw last at the end of a sum, in the chain that the next step waits for: so it is to
        // see all constants now, before any function of the chain.
        let constants = *constants;

        // a = b + ((a + f(b, c, d) + X[k] + T[i]) <<< s), where `f` gives the sum of its first argument and the function.
        macro_rules! step {
            ($f:ident: $a:ident $b:ident $c:ident $d:ident, $k:literal, $s:literal, $i:literal) => {
                $a = $f($a.add(message[$k].plus(constants[$i - 1])), $b, $c, $d).rotate_left::<$s>().add($b);
            };
        }

        // Round 1.
        step!(f: a b c d, 0, 7, 1);
        step!(f: d a b c, 1, 12, 2);
        step!(f: c d a b, 2, 17, 3);
        step!(f: b c d a, 3, 22, 4);
        step!(f: a b c d, 4, 7, 5);
        step!(f: d a b c, 5, 12, 6);
        step!(f: c d a b, 6, 17, 7);
        step!(f: b c d a, 7, 22, 8);
        step!(f: a b c d, 8, 7, 9);
        step!(f: d a b c, 9, 12, 10);
        step!(f: c d a b, 10, 17, 11);
        step!(f: b c d a, 11, 22, 12);
        step!(f: a b c d, 12, 7, 13);
        step!(f: d a b c, 13, 12, 14);
        step!(f: c d a b, 14, 17, 15);
        step!(f: b c d a, 15, 22, 16);
        // Round 2.
        step!(g: a b c d, 1, 5, 17);
        step!(g: d a b c, 6, 9, 18);
        step!(g: c d a b, 11, 14, 19);
        step!(g: b c d a, 0, 20, 20);
        step!(g: a b c d, 5, 5, 21);
        step!(g: d a b c, 10, 9, 22);
        step!(g: c d a b, 15, 14, 23);
        step!(g: b c d a, 4, 20, 24);
        step!(g: a b c d, 9, 5, 25);
        step!(g: d a b c, 14, 9, 26);
        step!(g: c d a b, 3, 14, 27);
        step!(g: b c d a, 8, 20, 28);
        step!(g: a b c d, 13, 5, 29);
        step!(g: d a b c, 2, 9, 30);
        step!(g: c d a b, 7, 14, 31);
        step!(g: b c d a, 12, 20, 32);
        // Round 3.
        step!(h: a b c d, 5, 4, 33);
        step!(h: d a b c, 8, 11, 34);
        step!(h: c d a b, 11, 16, 35);
        step!(h: b c d a, 14, 23, 36);
        step!(h: a b c d, 1, 4, 37);
        step!(h: d a b c, 4, 11, 38);
        step!(h: c d a b, 7, 16, 39);
        step!(h: b c d a, 10, 23, 40);
        step!(h: a b c d, 13, 4, 41);
        step!(h: d a b c, 0, 11, 42);
        step!(h: c d a b, 3, 16, 43);
        step!(h: b c d a, 6, 23, 44);
        step!(h: a b c d, 9, 4, 45);
        step!(h: d a b c, 12, 11, 46);
        step!(h: c d a b, 15, 16, 47);
        step!(h: b c d a, 2, 23, 48);
        // Round 4.
        step!(i: a b c d, 0, 6, 49);
        step!(i: d a b c, 7, 10, 50);
        step!(i: c d a b, 14, 15, 51);
        step!(i: b c d a, 5, 21, 52);
        step!(i: a b c d, 12, 6, 53);
        step!(i: d a b c, 3, 10, 54);
        step!(i: c d a b, 10, 15, 55);
        step!(i: b c d a, 1, 21, 56);
        step!(i: a b c d, 8, 6, 57);
        step!(i: d a b c, 15, 10, 58);
        step!(i: c d a b, 6, 15, 59);
        step!(i: b c d a, 13, 21, 60);
        step!(i: a b c d, 4, 6, 61);
        step!(i: d a b c, 11, 10, 62);
        step!(i: c d a b, 2, 15, 63);
        step!(i: b c d a, 9, 21, 64);

        chain[0] = chain[0].add(a);
        chain[1] = chain[1].add(b);
        chain[2] = chain[2].add(c);
        chain[3] = chain[3].add(d);
    }

    fn dedicated() -> Option<Ladder<u32>> {
        single::md5()
    }
}

/// F(X,Y,Z) = XY v not(X) Z.
#[inline(always)]
fn f<V: Vector>(sum: V, x: V, y: V, z: V) -> V {
    sum.add(x.choose(y, z))
}

/// G(X,Y,Z) = XZ v Y not(Z).
#[inline(always)]
fn g<V: Vector>(sum: V, x: V, y: V, z: V) -> V {
    sum.add_choose(z, x, y)
}

/// H(X,Y,Z) = X xor Y xor Z.
#[inline(always)]
fn h<V: Vector>(sum: V, x: V, y: V, z: V) -> V {
    sum.add(x.xor3(y, z))
}

/// I(X,Y,Z) = Y xor (X v not(Z)).
#[inline(always)]
fn i<V: Vector>(sum: V, x: V, y: V, z: V) -> V {
    sum.add(y.xor_or_not(x, z))
}
