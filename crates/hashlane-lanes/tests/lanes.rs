//! Many messages: whatever their lengths, chunks and order, on every platform of this CPU, the digests are the oracle's.

mod oracle;

use std::collections::HashMap;

use hashlane_lanes::{Algorithm, Lanes, Platform, Slot};
use oracle::Random;

/// Messages with what is asked of them.
type Messages = Vec<(Vec<u8>, Vec<Algorithm>)>;

/// A reader that feeds pieces of random length now and then, by the ways that there are.
struct Reader<'a> {
    messages: &'a Messages,
    random: Random,
    /// The message in each slot, and how much of it has been fed.
    at: HashMap<Slot, (usize, usize)>,
}

impl Reader<'_> {
    fn feed(&mut self, lanes: &mut Lanes, slot: Slot) {
        let (number, fed) = self.at[&slot];
        let left = &self.messages[number].0[fed..];
        let most = [1, 100, 5000][self.random.below(3)];
        let piece = &left[..self.random.below(most + 1).min(left.len())];
        let taken = if self.random.below(2) == 0 {
            lanes.feed_from(slot, piece)
        } else {
            let space = lanes.space(slot);
            let taken = piece.len().min(space.len());
            space[..taken].copy_from_slice(&piece[..taken]);
            lanes.feed(slot, taken);
            taken
        };
        self.at.insert(slot, (number, fed + taken));
        if taken == left.len() && self.random.below(3) > 0 {
            lanes.end(slot);
            self.at.remove(&slot);
        }
    }

    /// Now and then a message moves to another slot by way of its exported state, where its algorithms have one.
    fn move_on(&mut self, lanes: &mut Lanes, slot: Slot) {
        let (number, fed) = self.at[&slot];
        let state = lanes.export(slot);
        let resumable = self.messages[number].1.iter().all(|algorithm| algorithm.resumable());
        assert_eq!(state.is_some(), resumable, "the message has not ended");
        let Some(state) = state else { return };
        self.at.remove(&slot);
        assert_eq!(state.message_bytes(), fed as u64);
        let state = hashlane_lanes::State::from_bytes(&state.to_bytes()).expect("what was written is read");
        lanes.abandon(slot);
        let slot = lanes.resume(number as u64, &state).expect("a slot has just become free");
        self.at.insert(slot, (number, fed));
    }
}

/// Runs all messages and compares each digest.
fn check(platform: Platform, slots: usize, chunk_bytes: usize, messages: &Messages, seed: u64) {
    let mut lanes = Lanes::new(platform, slots, chunk_bytes);
    let mut reader = Reader { messages, random: Random(seed), at: HashMap::new() };
    let mut coming = 0..messages.len();
    let mut seen = vec![false; messages.len()];
    while seen.contains(&false) {
        while lanes.vacant() {
            let Some(number) = coming.next() else { break };
            let slot = lanes.admit(number as u64, &messages[number].1).expect("a slot is vacant");
            reader.at.insert(slot, (number, 0));
        }
        // Not every hungry slot is fed, and some that are not hungry are topped up.
        let waiting: Vec<Slot> = lanes.hungry().chain(lanes.spacious(1)).collect();
        for slot in waiting {
            match reader.random.below(20) {
                0..4 => {}
                4 if reader.at.contains_key(&slot) => reader.move_on(&mut lanes, slot),
                _ if reader.at.contains_key(&slot) => reader.feed(&mut lanes, slot),
                _ => {}
            }
        }
        if reader.random.below(10) == 0 {
            lanes.flush();
        } else {
            lanes.step();
        }
        while let Some(finished) = lanes.finished() {
            let number = finished.tag as usize;
            let (message, algorithms) = &messages[number];
            assert!(!std::mem::replace(&mut seen[number], true), "message {number} came twice");
            assert_eq!(finished.message_bytes, message.len() as u64);
            let expected: Vec<_> = algorithms.iter().map(|algorithm| oracle::digest(*algorithm, message)).collect();
            assert_eq!(finished.digests[..], expected, "{platform}: message {number} of {} bytes", message.len());
        }
    }
    assert_eq!(lanes.busy(), 0);
    assert!(!lanes.step());
}

#[test]
fn every_length_equals_the_oracle_on_every_platform() {
    let bytes = Random(3).bytes(1100);
    for algorithm in Algorithm::ALL {
        let messages: Messages = (0..=bytes.len()).map(|n| (bytes[..n].to_vec(), vec![algorithm])).collect();
        for platform in Platform::available() {
            // One more than a group; one slot alone; more than the widest kernel.
            for slots in [1, platform.degree(algorithm) + 1, 40] {
                check(platform, slots, 512, &messages, 4);
            }
        }
    }
}

#[test]
fn ragged_mixes_equal_the_oracle_on_every_platform() {
    for seed in 0..12 {
        let mut random = Random(100 + seed);
        let count = 1 + random.below(300);
        let messages: Messages = (0..count)
            .map(|_| {
                // Many small ones, some around a chunk, a few of many chunks.
                let most = [64, 1000, 5000, 40_000][random.below(4)];
                let length = random.below(most);
                (random.bytes(length), random.algorithms())
            })
            .collect();
        let slots = 1 + random.below(70);
        let chunk_bytes = 1 + random.below(6000);
        for platform in Platform::available() {
            check(platform, slots, chunk_bytes, &messages, seed);
        }
    }
}

#[test]
fn short_messages_do_not_wait_for_long_ones() {
    let mut lanes = Lanes::new(Platform::detect(), 4, 1024);
    let long = lanes.admit(0, &[Algorithm::Sha256]).unwrap();
    for tag in 1..100 {
        let short = lanes.admit(tag, &[Algorithm::Sha256, Algorithm::Md5]).unwrap();
        lanes.feed_from(short, b"short");
        lanes.end(short);
        lanes.space(long).fill(7);
        lanes.feed(long, 64);
        lanes.flush();
        let finished = lanes.finished().expect("the short message is done while the long one goes on");
        assert_eq!((finished.tag, finished.digests[1]), (tag, oracle::digest(Algorithm::Md5, b"short")));
    }
    lanes.end(long);
    lanes.flush();
    assert_eq!(lanes.finished().unwrap().digests[0], oracle::digest(Algorithm::Sha256, &[7; 99 * 64]));
}

#[test]
fn a_lane_left_over_from_full_groups_gets_its_turn() {
    let platform = Platform::detect();
    let slots = platform.degree(Algorithm::Md5) + 1;
    let mut lanes = Lanes::new(platform, slots, 64);
    for tag in 0..slots as u64 {
        lanes.admit(tag, &[Algorithm::Md5]).unwrap();
    }
    // Every slot is full again before each step, so there is always a full group without the last slot.
    for _ in 0..slots * 2 {
        let hungry: Vec<Slot> = lanes.hungry().collect();
        for slot in hungry {
            lanes.feed_from(slot, &[0; 64]);
        }
        lanes.step();
    }
    let fed: Vec<u64> = (0..slots)
        .map(|_| {
            let slot = lanes.spacious(0).next().unwrap();
            let bytes = lanes.export(slot).unwrap().message_bytes();
            lanes.abandon(slot);
            bytes
        })
        .collect();
    assert!(fed.iter().all(|bytes| *bytes >= slots as u64 * 64), "some lane starved: {fed:?}");
}

#[test]
fn when_all_slots_are_busy_nothing_is_admitted() {
    let mut lanes = Lanes::new(Platform::detect(), 2, 64);
    let first = lanes.admit(1, &[Algorithm::Md5]).unwrap();
    let state = lanes.export(first).unwrap();
    lanes.admit(2, &[Algorithm::Md5]).unwrap();
    assert!(!lanes.vacant());
    assert_eq!(lanes.admit(3, &[Algorithm::Md5]), None);
    assert_eq!(lanes.resume(3, &state), None);
    lanes.abandon(first);
    assert_eq!(lanes.admit(3, &[Algorithm::Md5]), Some(first));
}

#[test]
fn an_abandoned_message_never_comes_out() {
    let mut lanes = Lanes::new(Platform::detect(), 3, 64);
    let waiting = lanes.admit(1, &Algorithm::ALL).unwrap();
    let ended = lanes.admit(2, &Algorithm::ALL).unwrap();
    let done = lanes.admit(3, &[Algorithm::Md5]).unwrap();
    lanes.end(done);
    lanes.flush();
    lanes.feed_from(waiting, &[1; 64]);
    lanes.end(ended);
    for slot in [waiting, ended, done] {
        lanes.abandon(slot);
    }
    assert_eq!(lanes.busy(), 0);
    lanes.flush();
    assert_eq!(lanes.finished(), None);
}

#[test]
fn hungry_slots_always_have_space() {
    let mut lanes = Lanes::new(Platform::detect(), 1, 64);
    let slot = lanes.admit(1, &[Algorithm::Sha1]).unwrap();
    for _ in 0..1000 {
        assert_eq!(lanes.hungry().collect::<Vec<_>>(), [slot]);
        assert!(!lanes.space(slot).is_empty());
        lanes.feed(slot, 1);
        lanes.flush();
    }
}

#[test]
fn an_ended_message_takes_nothing_more() {
    let mut lanes = Lanes::new(Platform::detect(), 1, 64);
    let slot = lanes.admit(1, &[Algorithm::Sha1]).unwrap();
    lanes.end(slot);
    assert_eq!(lanes.hungry().count(), 0);
    assert!(lanes.space(slot).is_empty());
    assert_eq!(lanes.feed_from(slot, b"more"), 0);
    assert_eq!(lanes.export(slot), None);
}

#[test]
fn one_read_feeds_blocks_of_every_length() {
    // The lengths of blocks are 64, 128 and 1 bytes; whatever the order, all see the same message.
    let message = Random(8).bytes(3000);
    let asked = [Algorithm::Md5, Algorithm::Crc64, Algorithm::Blake3, Algorithm::Sha512, Algorithm::Xxh3];
    for turn in 0..asked.len() {
        let mut asked = asked;
        asked.rotate_left(turn);
        for length in [0, 1, 63, 64, 65, 111, 112, 127, 128, 129, 191, 192, 255, 256, 1023, 1024, 3000] {
            let mut lanes = Lanes::new(Platform::detect(), 2, 256);
            let slot = lanes.admit(1, &asked).unwrap();
            lanes.admit(2, &asked).unwrap();
            let mut left = &message[..length];
            while !left.is_empty() {
                assert_eq!(lanes.hungry().count(), 2);
                let taken = lanes.feed_from(slot, left);
                assert!(taken > 0, "a hungry slot takes something");
                left = &left[taken..];
                lanes.flush();
            }
            lanes.end(slot);
            lanes.flush();
            let expected = asked.map(|algorithm| oracle::digest(algorithm, &message[..length]));
            assert_eq!(lanes.finished().unwrap().digests[..], expected, "{length} bytes, {asked:?}");
        }
    }
}

#[test]
fn a_message_that_has_nothing_left_to_run_is_done_at_its_end() {
    for algorithm in [Algorithm::Crc64, Algorithm::Crc64Nvme, Algorithm::Crc32c, Algorithm::Xxh3, Algorithm::Blake3] {
        let mut lanes = Lanes::new(Platform::detect(), 2, 64);
        let (empty, fed) = (lanes.admit(1, &[algorithm]).unwrap(), lanes.admit(2, &[algorithm]).unwrap());
        lanes.feed_from(fed, b"abc");
        lanes.flush();
        lanes.end(empty);
        lanes.end(fed);
        for (tag, message) in [(1, &b""[..]), (2, b"abc")] {
            let finished = lanes.finished().expect("no step is needed");
            assert_eq!((finished.tag, finished.digests[0]), (tag, oracle::digest(algorithm, message)));
        }
    }
}

#[test]
fn a_message_of_which_nothing_is_asked_is_taken_and_has_no_digests() {
    let mut lanes = Lanes::new(Platform::detect(), 2, 64);
    let slot = lanes.admit(1, &[]).unwrap();
    let fed: usize = [100, 7, 0, 64].into_iter().map(|bytes| lanes.feed_from(slot, &vec![1; bytes])).sum();
    assert!(!lanes.step(), "there is nothing to run");
    let space = lanes.space(slot).len();
    assert!(space > 0, "it is always hungry");
    lanes.feed(slot, space);
    lanes.end(slot);
    let finished = lanes.finished().expect("no step is needed");
    assert_eq!((finished.tag, finished.digests.len(), finished.message_bytes), (1, 0, (fed + space) as u64));
    assert_eq!(lanes.busy(), 0);
}

#[test]
fn lanes_may_move_to_another_thread() {
    fn movable<T: Send>() {}
    movable::<Lanes>();
}
