//! States: a message may be cut anywhere, and what is not a state is refused.

mod oracle;

use hashlane_lanes::{Algorithm, Hasher, Lanes, Platform, State};
use oracle::Random;
use proptest::prelude::*;

/// A state with all algorithms that have one, and a partial block.
fn bytes_of_a_state() -> Vec<u8> {
    let mut lanes = Lanes::new(Platform::detect(), 1, 4096);
    let slot = lanes.admit(0, &oracle::resumable()).unwrap();
    lanes.feed_from(slot, &[9; 1000]);
    lanes.export(slot).unwrap().to_bytes()
}

#[test]
fn a_hasher_goes_on_from_any_byte() {
    let message = Random(5).bytes(300);
    for algorithm in oracle::resumable() {
        for cut in 0..=message.len() {
            let mut first = Hasher::new(algorithm);
            first.update(&message[..cut]);
            let state = State::from_bytes(&first.export().unwrap().to_bytes()).unwrap();
            let mut second = Hasher::import(&state).unwrap();
            assert_eq!(second.message_bytes(), cut as u64);
            second.update(&message[cut..]);
            assert_eq!(second.finish(), oracle::digest(algorithm, &message), "cut at {cut}");
        }
    }
}

#[test]
fn states_go_from_hashers_to_lanes_and_back() {
    let message = Random(6).bytes(10_000);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(&message[..3333]);
    let mut lanes = Lanes::new(Platform::detect(), 2, 1024);
    let slot = lanes.resume(1, &hasher.export().unwrap()).unwrap();
    assert_eq!(lanes.feed_from(slot, &message[3333..7777]), 4444, "alone in the lanes, all is taken");
    let mut hasher = Hasher::import(&lanes.export(slot).unwrap()).unwrap();
    hasher.update(&message[7777..]);
    assert_eq!(hasher.finish(), oracle::digest(Algorithm::Sha256, &message));
}

#[test]
fn a_state_says_what_it_is_of() {
    let state = State::from_bytes(&bytes_of_a_state()).unwrap();
    assert_eq!(state.message_bytes(), 1000);
    assert_eq!(state.algorithms().collect::<Vec<_>>(), oracle::resumable());
    assert!(Hasher::import(&state).is_none(), "a hasher has one algorithm");
}

#[test]
fn the_byte_form_is_what_earlier_versions_wrote() {
    let mut hasher = Hasher::new(Algorithm::Md5);
    hasher.update(b"abc");
    let expected = [
        &[1, 3, 0, 0, 0, 0, 0, 0, 0, 1, 3][..],
        b"md5",
        &[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10],
        b"abc",
    ];
    assert_eq!(hasher.export().unwrap().to_bytes(), expected.concat());
}

#[test]
fn what_cannot_go_on_elsewhere_says_so() {
    let all = Algorithm::ALL.into_iter();
    let not = all.filter(|algorithm| !algorithm.resumable()).collect::<Vec<_>>();
    assert_eq!(not, [Algorithm::Xxh3, Algorithm::Blake3]);
    for algorithm in not {
        assert_eq!(Hasher::new(algorithm).export(), None);
        let mut lanes = Lanes::new(Platform::detect(), 1, 64);
        let slot = lanes.admit(1, &[Algorithm::Md5, algorithm]).unwrap();
        lanes.feed_from(slot, b"abc");
        assert_eq!(lanes.export(slot), None);
        // The message goes on where it is.
        lanes.end(slot);
        lanes.flush();
        assert_eq!(lanes.finished().unwrap().digests[1], oracle::digest(algorithm, b"abc"));
        let name = algorithm.name().as_bytes();
        let value = vec![0; algorithm.digest_bytes()];
        let bytes = [&[1, 0, 0, 0, 0, 0, 0, 0, 0, 1, name.len() as u8], name, &value].concat();
        assert_eq!(State::from_bytes(&bytes), None, "{algorithm}");
    }
}

#[test]
fn the_rest_is_that_of_the_longest_block() {
    for (algorithms, rest) in [
        (&[Algorithm::Crc64][..], 0),
        (&[Algorithm::Crc64, Algorithm::Md5], 200 % 64),
        (&[Algorithm::Crc64, Algorithm::Md5, Algorithm::Sha512], 200 % 128),
    ] {
        let mut lanes = Lanes::new(Platform::detect(), 1, 1024);
        let slot = lanes.admit(0, algorithms).unwrap();
        lanes.feed_from(slot, &[7; 200]);
        let bytes = lanes.export(slot).unwrap().to_bytes();
        let values: usize = algorithms.iter().map(|a| 1 + a.name().len() + a.digest_bytes()).sum();
        assert_eq!(bytes.len(), 10 + values + rest, "{algorithms:?}");
    }
}

#[test]
fn malformed_states_are_refused() {
    let good = bytes_of_a_state();
    assert!(State::from_bytes(&good).is_some());
    for cut in 0..good.len() {
        assert_eq!(State::from_bytes(&good[..cut]), None, "cut at {cut}");
    }
    assert_eq!(State::from_bytes(&[&good[..], &[0]].concat()), None, "a byte too many");
    // Version, bytes so far (other rest; more than a message may have), number of algorithms, name's length, name.
    let (fewer, more) = (good[9] - 1, good[9] + 1);
    for (at, byte) in [(0, 0), (0, 2), (1, 0), (8, 0x20), (9, 0), (9, fewer), (9, more), (10, 4), (10, 255), (11, b'M')]
    {
        let mut bad = good.clone();
        bad[at] = byte;
        assert_eq!(State::from_bytes(&bad), None, "byte {at} = {byte}");
    }
    let mut hasher = Hasher::new(Algorithm::Md5);
    hasher.update(b"abc");
    let mut twice = hasher.export().unwrap().to_bytes();
    twice[9] = 2;
    twice.splice(30..30, twice[10..30].to_vec());
    assert_eq!(State::from_bytes(&twice), None, "an algorithm twice");
}

proptest! {
    #[test]
    fn what_is_read_is_written_the_same(at in 0usize..330, byte: u8, end in 0usize..330) {
        let mut bytes = bytes_of_a_state();
        bytes.truncate(end.max(1));
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Some(state) = State::from_bytes(&bytes) {
            prop_assert_eq!(state.to_bytes(), bytes);
        }
    }

    #[test]
    fn junk_is_read_without_harm(bytes: Vec<u8>) {
        if let Some(state) = State::from_bytes(&bytes) {
            prop_assert_eq!(state.to_bytes(), bytes);
        }
    }
}
