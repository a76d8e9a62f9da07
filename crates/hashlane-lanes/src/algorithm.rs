//! The digest algorithms by name, and the list of them.
//!
//! An algorithm is one file in `algorithm/` that implements [`Compression`], or [`Stream`](crate::streamed::Stream) when it is
//! fast by nature inside one message, and one line in the list below; everything else (names, lengths, kernels of every
//! platform, states) follows from these. What the files leave out on purpose is the handling of bytes: padding, buffering
//! and byte order are done once for all of them.

mod blake3;
mod crc32c;
mod crc64;
mod crc64nvme;
pub(crate) mod md5;
pub(crate) mod sha1;
pub(crate) mod sha256;
pub(crate) mod sha512;
mod xxh3;

use std::fmt;

use crate::chained::Chained;
use crate::kernel::{Chain, Ladder};
use crate::platform::Platform;
use crate::running::{Method, Running};
use crate::streamed::Streamed;
use crate::vector::Vector;
use crate::word::Word;

/// What distinguishes one algorithm of the MD4 family from another: blocks of sixteen words, a chaining value of words,
/// and a padding that ends in the message's length in bits (RFC 1321 section 3, FIPS 180-4 section 5).
pub(crate) trait Compression: 'static {
    /// The name as commands spell it. It is also stored in states, so it never changes.
    const NAME: &'static str;
    /// What it reckons with.
    type Word: Word;
    /// The number of words of the chaining value, which is also the digest.
    const WORDS: usize;
    /// The chaining value of the empty message; words from `WORDS` on are zero.
    const INITIAL: Chain<Self::Word>;
    /// Whether words and the length are big-endian.
    const BIG_ENDIAN: bool;
    /// The table of constants that steps add.
    type Constants: 'static;
    /// The table itself.
    const CONSTANTS: &'static Self::Constants;
    /// Whether the steps form one chain of dependent operations, so that one group of lanes leaves the core waiting and
    /// two interleaved groups are faster.
    const ONE_CHAIN: bool;

    /// Runs one block of every lane into the chaining values. `constants` is the table, in memory of which the compiler
    /// knows nothing: it would move a known constant to the end of each sum, into the chain that the next step waits for.
    fn compress<V: Vector<Word = Self::Word>>(chain: &mut [V; 8], message: [V; 16], constants: &Self::Constants);

    /// The number of busy lanes from which lanes are faster than instructions made for this algorithm; narrower kernels
    /// are not used beside such. Measured by `examples/lanes_speed.rs`.
    const DEDICATED_LANES: usize = 1;

    /// The same for AVX-512, whose lanes are faster and more. Measured on a Zen 5 core.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only x86-64 has AVX-512"))]
    const DEDICATED_LANES_AVX512: usize = Self::DEDICATED_LANES;

    /// The kernels by instructions made for this algorithm, if this CPU has such.
    fn dedicated() -> Option<Ladder<Self::Word>> {
        None
    }
}

/// Makes the enumeration and everything that must ask each algorithm in turn.
macro_rules! algorithms {
    ($($(#[$doc:meta])* $name:ident = $method:ty,)*) => {
        /// A digest algorithm.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Algorithm {
            $($(#[$doc])* $name,)*
        }

        impl Algorithm {
            /// Every algorithm, in the order in which they are listed to users.
            pub const ALL: [Algorithm; [$(Algorithm::$name),*].len()] = [$(Algorithm::$name),*];

            /// The name as commands and metrics spell it: lower case, no dash.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Algorithm::$name => <$method>::NAME,)*
                }
            }

            /// The length of a digest in bytes.
            pub const fn digest_bytes(self) -> usize {
                match self {
                    $(Algorithm::$name => <$method>::DIGEST_BYTES,)*
                }
            }

            /// Whether a running digest can be taken out as a [`State`](crate::State) and go on elsewhere. The others must be
            /// computed from the first byte again.
            pub const fn resumable(self) -> bool {
                match self {
                    $(Algorithm::$name => <$method>::RESUMABLE,)*
                }
            }

            /// See [`Method::BLOCK_BYTES`].
            pub(crate) const fn block_bytes(self) -> usize {
                match self {
                    $(Algorithm::$name => <$method>::BLOCK_BYTES,)*
                }
            }

            /// See [`Method::pad`].
            pub(crate) fn pad(self, area: &mut [u8], rest: usize, message_bytes: u64) -> usize {
                match self {
                    $(Algorithm::$name => <$method>::pad(area, rest, message_bytes),)*
                }
            }

            /// See [`Method::alone`].
            pub(crate) fn alone(self) -> Box<dyn Running> {
                match self {
                    $(Algorithm::$name => <$method>::alone(),)*
                }
            }

            /// See [`Method::lanes`].
            pub(crate) fn lanes(self, platform: Platform, slots: usize) -> Box<dyn Running> {
                match self {
                    $(Algorithm::$name => <$method>::lanes(platform, slots),)*
                }
            }
        }
    };
}

algorithms! {
    /// MD5, RFC 1321: 16 bytes.
    Md5 = Chained<md5::Md5>,
    /// SHA-1, FIPS 180-4: 20 bytes.
    Sha1 = Chained<sha1::Sha1>,
    /// SHA-256, FIPS 180-4: 32 bytes.
    Sha256 = Chained<sha256::Sha256>,
    /// SHA-512, FIPS 180-4: 64 bytes.
    Sha512 = Chained<sha512::Sha512>,
    /// CRC-64/XZ, as COS reports it: 8 bytes, big-endian.
    Crc64 = Streamed<crc64::Crc64>,
    /// CRC-64/NVME: 8 bytes, big-endian.
    Crc64Nvme = Streamed<crc64nvme::Crc64Nvme>,
    /// CRC-32C, RFC 3720: 4 bytes, big-endian.
    Crc32c = Streamed<crc32c::Crc32c>,
    /// XXH3 with 128 bits: 16 bytes, in the canonical form. Not [resumable](Algorithm::resumable).
    Xxh3 = Streamed<xxh3::Xxh3>,
    /// BLAKE3: 32 bytes. Not [resumable](Algorithm::resumable).
    Blake3 = Streamed<blake3::Blake3>,
}

impl Algorithm {
    /// The algorithm of that name in any letter case, or `None`.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
