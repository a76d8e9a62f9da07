//! One message: the published vectors, every edge of padding, and any cutting into pieces.

mod oracle;

use hashlane_lanes::{Algorithm, Digest, Hasher};
use oracle::Random;

/// RFC 1321 appendix A.5; FIPS 180 examples and the long message of the NIST's example values; the check values of the CRC
/// catalogue (reveng), and what `xxhsum -H2` and `b3sum` print.
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
    (
        Algorithm::Sha512,
        "",
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    ),
    (
        Algorithm::Sha512,
        "abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    (
        Algorithm::Sha512,
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
    ),
    (Algorithm::Crc64, "", "0000000000000000"),
    (Algorithm::Crc64, "123456789", "995dc9bbdf1939fa"),
    (Algorithm::Crc64Nvme, "", "0000000000000000"),
    (Algorithm::Crc64Nvme, "123456789", "ae8b14860a799888"),
    (Algorithm::Crc32c, "", "00000000"),
    (Algorithm::Crc32c, "123456789", "e3069283"),
    (Algorithm::Xxh3, "", "99aa06d3014798d86001c324468d497f"),
    (Algorithm::Blake3, "", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    (Algorithm::Blake3, "abc", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
];

#[test]
fn published_vectors_come_out() {
    for (algorithm, message, hex) in VECTORS {
        assert_eq!(Hasher::digest(*algorithm, message.as_bytes()).to_string(), *hex, "{algorithm} of {message:?}");
    }
}

/// Lengths and digests from `sanity_test_vectors.h` of xxHash, whose messages are the beginnings of one sequence.
const XXH3_VECTORS: &[(usize, &str)] = &[
    (1, "a6cd5e9392000f6ac44bdff4074eecdb"),
    (6, "082afe0b8162d12a3e7039bdda43cfc6"),
    (12, "6e3efd8fc7802b18061a192713f69ad9"),
    (24, "0ce966e4678d37611e7044d28b1b901d"),
    (48, "a002ac4e5478227ef942219aed80f67b"),
    (81, "4952f58181ab00425e8bafb9f95fb803"),
    (222, "337e09641b948717f1aebd597cec6b3a"),
    (403, "1b6de21e332dd73dcdeb804d65c6dea4"),
    (512, "18d2d110dcc9bca1617e49599013cb6b"),
    (2048, "f736557fd47073a5dd59e2c3a5f038e0"),
    (2240, "ccb134fbfa7ce49d6e73a90539cf2948"),
    (2367, "e89c0f6ff369b427cb37aeb9e5d361ed"),
];

#[test]
fn published_vectors_of_xxh3_come_out() {
    let message =
        std::iter::successors(Some(2_654_435_761u64), |word| Some(word.wrapping_mul(11_400_714_785_074_694_797)));
    let message: Vec<u8> = message.take(2367).map(|word| (word >> 56) as u8).collect();
    for (length, hex) in XXH3_VECTORS {
        assert_eq!(Hasher::digest(Algorithm::Xxh3, &message[..*length]).to_string(), *hex, "{length} bytes");
    }
}

/// Lengths and digests from `test_vectors.json` of BLAKE3: around chunks, where a tree of them begins and grows.
const BLAKE3_VECTORS: &[(usize, &str)] = &[
    (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
    (1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"),
    (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
    (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
    (2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"),
    (2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"),
    (3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"),
    (5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"),
    (7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"),
];

#[test]
fn published_vectors_of_blake3_come_out() {
    let message: Vec<u8> = (0..251).cycle().take(7169).collect();
    for (length, hex) in BLAKE3_VECTORS {
        assert_eq!(Hasher::digest(Algorithm::Blake3, &message[..*length]).to_string(), *hex, "{length} bytes");
    }
}

#[test]
fn a_million_times_a_comes_out() {
    let expected = [
        "7707d6ae4e027c70eea2a935c2296f21",
        "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
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
        assert_eq!(Digest::from_hex(algorithm, &format!("g{}", &digest.to_string()[1..])), None);
        assert_eq!(Digest::from_bytes(algorithm, &digest.as_bytes()[1..]), None);
        assert_eq!(Algorithm::from_name(&algorithm.name().to_uppercase()), Some(algorithm));
    }
    assert_eq!(Algorithm::from_name("md6"), None);
    let names = Algorithm::ALL.map(Algorithm::name);
    assert_eq!(names, ["md5", "sha1", "sha256", "sha512", "crc64", "crc64nvme", "crc32c", "xxh3", "blake3"]);
}
