//! SHA-512, FIPS 180-4 section 6.4.
//!
//! The message schedule is kept in sixteen words that are replaced as they are used up, as the standard's alternate
//! method for SHA-1 does.

use crate::algorithm::Compression;
use crate::kernel::{Chain, Ladder};
use crate::single;
use crate::vector::Vector;

/// The constants of section 4.2.3.
pub(crate) const K: [u64; 80] = [
    0x428a_2f98_d728_ae22,
    0x7137_4491_23ef_65cd,
    0xb5c0_fbcf_ec4d_3b2f,
    0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538,
    0x59f1_11f1_b605_d019,
    0x923f_82a4_af19_4f9b,
    0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242,
    0x1283_5b01_4570_6fbe,
    0x2431_85be_4ee4_b28c,
    0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f,
    0x80de_b1fe_3b16_96b1,
    0x9bdc_06a7_25c7_1235,
    0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2,
    0xefbe_4786_384f_25e3,
    0x0fc1_9dc6_8b8c_d5b5,
    0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275,
    0x4a74_84aa_6ea6_e483,
    0x5cb0_a9dc_bd41_fbd4,
    0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab,
    0xa831_c66d_2db4_3210,
    0xb003_27c8_98fb_213f,
    0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2,
    0xd5a7_9147_930a_a725,
    0x06ca_6351_e003_826f,
    0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc,
    0x2e1b_2138_5c26_c926,
    0x4d2c_6dfc_5ac4_2aed,
    0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de,
    0x766a_0abb_3c77_b2a8,
    0x81c2_c92e_47ed_aee6,
    0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364,
    0xa81a_664b_bc42_3001,
    0xc24b_8b70_d0f8_9791,
    0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218,
    0xd699_0624_5565_a910,
    0xf40e_3585_5771_202a,
    0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8,
    0x1e37_6c08_5141_ab53,
    0x2748_774c_df8e_eb99,
    0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63,
    0x4ed8_aa4a_e341_8acb,
    0x5b9c_ca4f_7763_e373,
    0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc,
    0x78a5_636f_4317_2f60,
    0x84c8_7814_a1f0_ab72,
    0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28,
    0xa450_6ceb_de82_bde9,
    0xbef9_a3f7_b2c6_7915,
    0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c,
    0xd186_b8c7_21c0_c207,
    0xeada_7dd6_cde0_eb1e,
    0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba,
    0x0a63_7dc5_a2c8_98a6,
    0x113f_9804_bef9_0dae,
    0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84,
    0x32ca_ab7b_40c7_2493,
    0x3c9e_be0a_15c9_bebc,
    0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6,
    0x597f_299c_fc65_7e2a,
    0x5fcb_6fab_3ad6_faec,
    0x6c44_198c_4a47_5817,
];

/// SHA-512.
pub(crate) struct Sha512;

impl Compression for Sha512 {
    const NAME: &'static str = "sha512";
    type Word = u64;
    const WORDS: usize = 8;
    const INITIAL: Chain<u64> = [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ];
    const BIG_ENDIAN: bool = true;
    type Constants = [u64; 80];
    const CONSTANTS: &'static [u64; 80] = &K;
    const ONE_CHAIN: bool = false;
    // Four AVX2 lanes are among those made for it.
    const DEDICATED_LANES: usize = 5;
    const DEDICATED_LANES_AVX512: usize = 2;

    #[inline(always)]
    fn compress<V: Vector<Word = u64>>(chain: &mut [V; 8], mut message: [V; 16], constants: &[u64; 80]) {
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
        eight!(64, made);
        eight!(72, made);

        for (word, new) in chain.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *word = word.add(new);
        }
    }

    fn dedicated() -> Option<Ladder<u64>> {
        single::sha512()
    }
}

/// Equation 4.10.
#[inline(always)]
pub(crate) fn big_sigma0<V: Vector>(x: V) -> V {
    x.rotate_right::<28>().xor3(x.rotate_right::<34>(), x.rotate_right::<39>())
}

/// Equation 4.11.
#[inline(always)]
pub(crate) fn big_sigma1<V: Vector>(x: V) -> V {
    x.rotate_right::<14>().xor3(x.rotate_right::<18>(), x.rotate_right::<41>())
}

/// Equation 4.12.
#[inline(always)]
pub(crate) fn small_sigma0<V: Vector>(x: V) -> V {
    x.rotate_right::<1>().xor3(x.rotate_right::<8>(), x.shift_right::<7>())
}

/// Equation 4.13.
#[inline(always)]
pub(crate) fn small_sigma1<V: Vector>(x: V) -> V {
    x.rotate_right::<19>().xor3(x.rotate_right::<61>(), x.shift_right::<6>())
}
