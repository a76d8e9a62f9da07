//! The CPU's instructions made for one algorithm, where it has them.
//!
//! What an algorithm's file asks for here is `None` on a CPU or an architecture without. What is left out on purpose is any
//! choice between these and lanes, which is `platform.rs`'s.

#[cfg(target_arch = "aarch64")]
mod arm_sha;
#[cfg(target_arch = "x86_64")]
mod x86_md5;
#[cfg(target_arch = "x86_64")]
mod x86_sha;
#[cfg(target_arch = "x86_64")]
mod x86_sha512;

use crate::kernel::Ladder;

/// MD5's: no processor has any, but AVX-512 has what makes its steps shorter.
pub(crate) fn md5() -> Option<Ladder<u32>> {
    #[cfg(target_arch = "x86_64")]
    return x86_md5::md5();
    #[cfg(not(target_arch = "x86_64"))]
    return None;
}

/// SHA-1's.
pub(crate) fn sha1() -> Option<Ladder<u32>> {
    #[cfg(target_arch = "x86_64")]
    return x86_sha::sha1();
    #[cfg(target_arch = "aarch64")]
    return arm_sha::sha1();
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return None;
}

/// SHA-256's.
pub(crate) fn sha256() -> Option<Ladder<u32>> {
    #[cfg(target_arch = "x86_64")]
    return x86_sha::sha256();
    #[cfg(target_arch = "aarch64")]
    return arm_sha::sha256();
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return None;
}

/// SHA-512's; on x86-64 not by instructions made for it, but by a schedule of several blocks at once.
pub(crate) fn sha512() -> Option<Ladder<u64>> {
    #[cfg(target_arch = "x86_64")]
    return x86_sha512::ladder();
    #[cfg(target_arch = "aarch64")]
    return arm_sha::sha512();
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return None;
}
