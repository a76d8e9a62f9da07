//! The others: crates that hash many messages at once, and the best-known ones for one message.

use hashlane_lanes::Algorithm;
use md5::Digest;

use crate::contest::Contestant;
use crate::ours::put;

/// Those that hash many at once.
pub fn of_many(algorithm: Algorithm) -> Vec<Contestant> {
    match algorithm {
        Algorithm::Md5 => {
            let (many, simd) = (md5_many::Md5Many::new(), md5_simd::Md5Engine::new());
            vec![
                Contestant::new("md5-many", move |messages, digests| {
                    many.hash_many(messages, digests.as_chunks_mut().0);
                }),
                Contestant::new("md5-simd", move |messages, digests| {
                    simd.hash_many(messages, digests.as_chunks_mut().0);
                }),
                Contestant::new("md5-simd, grouped", move |messages, digests| {
                    simd.hash_many_grouped(messages, digests.as_chunks_mut().0);
                }),
            ]
        }
        Algorithm::Sha256 => vec![Contestant::new("tape-sha256", |messages, digests| {
            tape_sha256::hash_many(messages, digests.as_chunks_mut().0);
        })],
        _ => Vec::new(),
    }
}

/// Those that hash one message after the other.
pub fn of_one(algorithm: Algorithm) -> Vec<Contestant> {
    let mut contestants = vec![openssl(algorithm)];
    match algorithm {
        Algorithm::Md5 => {
            contestants.push(each("md5-many, single stream", |message| md5_many::md5(message)));
            contestants.push(each("md-5", |message| md5::Md5::digest(message)));
        }
        Algorithm::Sha1 => contestants.push(each("sha1", |message| sha1::Sha1::digest(message))),
        Algorithm::Sha256 => contestants.push(each("sha2", |message| sha2::Sha256::digest(message))),
        _ => contestants.push(each("sha2", |message| sha2::Sha512::digest(message))),
    }
    #[cfg(feature = "aws-lc")]
    contestants.extend(aws_lc(algorithm));
    contestants
}

/// A function of one message.
fn each<D: AsRef<[u8]>>(name: &'static str, digest: impl Fn(&[u8]) -> D + 'static) -> Contestant {
    Contestant::new(name, move |messages, digests| {
        for (number, message) in messages.iter().enumerate() {
            put(digests, number, digest(message).as_ref());
        }
    })
}

/// The system's OpenSSL.
fn openssl(algorithm: Algorithm) -> Contestant {
    use openssl::hash::{MessageDigest, hash};
    let method = match algorithm {
        Algorithm::Md5 => MessageDigest::md5(),
        Algorithm::Sha1 => MessageDigest::sha1(),
        Algorithm::Sha256 => MessageDigest::sha256(),
        _ => MessageDigest::sha512(),
    };
    each("OpenSSL", move |message| hash(method, message).expect("it has that digest"))
}

/// AWS-LC, which has no MD5.
#[cfg(feature = "aws-lc")]
fn aws_lc(algorithm: Algorithm) -> Option<Contestant> {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
    let method = match algorithm {
        Algorithm::Md5 => return None,
        Algorithm::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => &SHA256,
        _ => &SHA512,
    };
    Some(each("aws-lc-rs", move |message| digest(method, message)))
}
