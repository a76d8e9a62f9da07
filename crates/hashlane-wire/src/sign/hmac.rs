//! SHA-1 and HMAC-SHA1 as the signature uses them: lower-case hex text, and hex text as the next key.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::{Digest as _, Sha1};

#[cfg(test)]
thread_local! {
    /// How many HMACs were made: tests compare the work of refusals by it.
    pub(super) static MADE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A digest in hex.
pub(super) type Hex = [u8; 40];

/// The SHA-1 of a message (FIPS 180-4).
pub(super) fn sha1(message: &[u8]) -> Hex {
    hex(&Sha1::digest(message))
}

/// The HMAC-SHA1 of a message (RFC 2104).
pub(super) fn hmac_sha1(key: &[u8], message: &[u8]) -> Hex {
    #[cfg(test)]
    MADE.set(MADE.get() + 1);
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> Hex {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    let mut out = [0; 40];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 0xf);
    }
    out
}
