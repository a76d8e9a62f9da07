//! One message: the published vectors, every edge of padding, and any cutting into pieces.

mod oracle;

use hashlane_lanes::{Algorithm, Digest, Hasher};
use oracle::Random;

/// RFC 1321 appendix A.5; FIPS 180 examples and the long message of the NIST's example values.
const VECTORS: &[(Algorithm, &str, &str)] = &[
    (Algorithm::Md5, "", "d41d8cd98f00b204e9800998ecf8427e"),
    (Algorithm::Md5, "a", "0cc175b9c0f1b6a831c399e269772661"),
    (Algorithm::Md5, "abc", "900150983cd24fb0d6963f7d28e17f72"),
    (Algorithm::Md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    (Algorithm::Md5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
    (
        Algorithm::Md5,
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "d174ab98d277d9f5a5611c2c9f419d9f",
    ),
    (
        Algorithm::Md5,
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
        "57edf4a22be3c955ac49da2e2107b67a",
    ),
    (Algorithm::Sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    (Algorithm::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (
        Algorithm::Sha1,
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
    ),
    (
        Algorithm::Sha1,
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "a49b2446a02c645bf419f995b67091253a04a259",
    ),
    (Algorithm::Sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (Algorithm::Sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        Algorithm::Sha256,
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        Algorithm::Sha256,
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
];

#[test]
fn published_vectors_come_out() {
    for (algorithm, message, hex) in VECTORS {
        assert_eq!(Hasher::digest(*algorithm, message.as_bytes()).to_string(), *hex, "{algorithm} of {message:?}");
    }
}

#[test]
fn a_million_times_a_comes_out() {
    let expected = [
        "7707d6ae4e027c70eea2a935c2296f21",
        "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ];
    for (algorithm, hex) in Algorithm::ALL.into_iter().zip(expected) {
        assert_eq!(Hasher::digest(algorithm, &vec![b'a'; 1_000_000]).to_string(), hex, "{algorithm}");
    }
}

#[test]
fn every_length_equals_the_oracle() {
    let bytes = Random(1).bytes(1100);
    for algorithm in Algorithm::ALL {
        for message in (0..=bytes.len()).map(|length| &bytes[..length]) {
            let expected = oracle::digest(algorithm, message);
            assert_eq!(Hasher::digest(algorithm, message), expected, "{} bytes", message.len());
        }
    }
}

#[test]
fn any_cutting_gives_the_same_digest() {
    let mut random = Random(2);
    for round in 0..600 {
        let message = random.bytes(round);
        for algorithm in Algorithm::ALL {
            let mut hasher = Hasher::new(algorithm);
            let mut left = &message[..];
            while !left.is_empty() {
                // Mostly small pieces, sometimes several blocks.
                let most = [3, 70, 300][random.below(3)];
                let (piece, later) = left.split_at(random.below(most + 1).min(left.len()));
                hasher.update(piece);
                left = later;
            }
            assert_eq!(hasher.message_bytes(), message.len() as u64);
            assert_eq!(hasher.finish(), oracle::digest(algorithm, &message), "round {round}");
        }
    }
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut first = Hasher::new(Algorithm::Sha1);
    first.update(b"common ");
    let mut second = first.clone();
    first.update(b"one");
    second.update(b"two");
    assert_eq!(first.finish(), oracle::digest(Algorithm::Sha1, b"common one"));
    assert_eq!(second.finish(), oracle::digest(Algorithm::Sha1, b"common two"));
}

#[test]
fn a_digest_is_its_bytes_and_its_hex() {
    for algorithm in Algorithm::ALL {
        let digest = Hasher::digest(algorithm, b"abc");
        assert_eq!(Digest::from_bytes(algorithm, digest.as_bytes()), Some(digest));
        assert_eq!(Digest::from_hex(algorithm, &digest.to_string().to_uppercase()), Some(digest));
        assert_eq!(Digest::from_hex(algorithm, &digest.to_string()[1..]), None);
        assert_eq!(Digest::from_hex(algorithm, &digest.to_string().replace(['8', '9'], "g")), None);
        assert_eq!(Digest::from_bytes(algorithm, &digest.as_bytes()[1..]), None);
        assert_eq!(Algorithm::from_name(&algorithm.name().to_uppercase()), Some(algorithm));
    }
    assert_eq!(Algorithm::from_name("md6"), None);
}
