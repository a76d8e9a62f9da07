//! The lanes against an oracle: whatever is admitted, fed, ended, exported, resumed and abandoned in whatever order, on every
//! platform of this CPU, each digest is that of the RustCrypto crates, each message comes out once, and the counts agree.
//!
//! The input is a schedule: three bytes choose platform, slots and chunk; each operation after them takes one byte and
//! up to four of arguments. The bytes of messages come from a generator, so that the input is spent on order alone.
//!
//! Left out on purpose: what the documentation calls a mistake of the caller.
#![no_main]

use std::collections::BTreeMap;

use crc_fast::{CrcAlgorithm, checksum};
use hashlane_lanes::{Algorithm, Digest, Finished, Hasher, Lanes, Platform, Slot, State};
use libfuzzer_sys::fuzz_target;
use md5::Digest as _;

/// All messages of one run together; it bounds the time of a run.
const BYTES_MAX: usize = 1 << 18;

fuzz_target!(|schedule: &[u8]| {
    let mut schedule = Schedule(schedule);
    let platforms: Vec<Platform> = Platform::available().collect();
    let platform = platforms[schedule.byte() % platforms.len()];
    let slots = 1 + schedule.byte() % 40;
    let chunk_bytes = 1 + schedule.byte() * 9;
    let mut run = Run {
        lanes: Lanes::new(platform, slots, chunk_bytes),
        messages: BTreeMap::new(),
        states: Vec::new(),
        next_tag: 0,
        bytes_left: BYTES_MAX,
    };
    while !schedule.0.is_empty() {
        run.operation(&mut schedule);
        run.check_counts();
    }
    run.finish();
});

/// What is left of the input; zeros follow its end.
struct Schedule<'a>(&'a [u8]);

impl Schedule<'_> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    /// Small numbers, blocks with a few bytes around them, and large ones.
    fn length(&mut self) -> usize {
        match (self.byte(), self.byte()) {
            (kind @ 0..128, n) => (kind & 3) * 64 + n % 66,
            (kind @ 128..224, n) => (kind - 128) * 64 + n % 66,
            (kind, n) => (kind - 224) * 256 + n,
        }
    }

    fn algorithms(&mut self) -> Vec<Algorithm> {
        let mut choice = self.byte();
        let mut left = Algorithm::ALL.to_vec();
        let asked = 1 + choice % left.len();
        choice /= left.len();
        (0..asked)
            .map(|_| {
                let at = choice % left.len();
                choice /= left.len();
                left.remove(at)
            })
            .collect()
    }
}

/// What the oracle knows of a message.
#[derive(Clone)]
struct Message {
    /// What chooses its bytes; a message that is resumed keeps it.
    seed: u64,
    bytes: Vec<u8>,
    algorithms: Vec<Algorithm>,
    slot: Slot,
    ended: bool,
}

struct Run {
    lanes: Lanes,
    /// Those that are in, by tag.
    messages: BTreeMap<u64, Message>,
    /// Exported, with what the message was then.
    states: Vec<(Vec<u8>, Message)>,
    next_tag: u64,
    bytes_left: usize,
}

impl Run {
    fn operation(&mut self, schedule: &mut Schedule<'_>) {
        let kind = schedule.byte();
        match kind % 16 {
            0..3 => self.admit(schedule),
            3..7 => self.feed(schedule),
            7..9 => self.feed_from(schedule),
            9..11 => self.end(schedule),
            11 => drop(self.lanes.step()),
            12 => {
                self.lanes.step();
                self.take_finished();
            }
            13 => match kind / 16 {
                0..4 => self.lanes.flush(),
                4..8 => self.take_finished(),
                _ => self.feed_the_hungry(schedule),
            },
            14 => match kind / 16 {
                0..8 => self.export(schedule),
                _ => self.resume(schedule),
            },
            _ => match kind / 16 {
                0..8 => self.abandon(schedule),
                _ => self.move_on(schedule),
            },
        }
    }

    fn admit(&mut self, schedule: &mut Schedule<'_>) {
        let algorithms = schedule.algorithms();
        let tag = self.next_tag;
        let vacant = self.lanes.vacant();
        let slot = self.lanes.admit(tag, &algorithms);
        assert_eq!(slot.is_some(), vacant);
        let Some(slot) = slot else { return };
        self.take_in(tag, Message { seed: tag, bytes: Vec::new(), algorithms, slot, ended: false });
    }

    fn take_in(&mut self, tag: u64, message: Message) {
        let taken = self.messages.values().any(|other| other.slot == message.slot);
        assert!(!taken, "a slot is given to two messages");
        self.next_tag += 1;
        self.messages.insert(tag, message);
    }

    /// A message that is in, by a byte of the schedule.
    fn chosen(&mut self, schedule: &mut Schedule<'_>) -> Option<u64> {
        let mut tags: Vec<u64> = self.messages.keys().copied().collect();
        tags.sort_unstable();
        let choice = schedule.byte();
        tags.get(choice % tags.len().max(1)).copied()
    }

    /// The next bytes of a message, fewer when the run has used up its share.
    fn next_bytes(&mut self, tag: u64, count: usize) -> Vec<u8> {
        let message = &self.messages[&tag];
        let from = message.bytes.len();
        (from..from + count.min(self.bytes_left)).map(|at| byte_at(message.seed, at)).collect()
    }

    /// Says that the lanes took these bytes.
    fn fed(&mut self, tag: u64, bytes: &[u8]) {
        self.bytes_left -= bytes.len();
        self.messages.get_mut(&tag).expect("it is in").bytes.extend(bytes);
    }

    fn feed(&mut self, schedule: &mut Schedule<'_>) {
        let Some(tag) = self.chosen(schedule) else { return };
        let length = schedule.length();
        self.feed_one(tag, length);
    }

    fn feed_one(&mut self, tag: u64, length: usize) {
        let bytes = self.next_bytes(tag, length);
        let message = &self.messages[&tag];
        let space = self.lanes.space(message.slot);
        assert!(!message.ended || space.is_empty(), "an ended message has space");
        let taken = bytes.len().min(space.len());
        // What is not said to be fed must not count.
        space.fill(0xee);
        space[..taken].copy_from_slice(&bytes[..taken]);
        if !message.ended {
            self.lanes.feed(message.slot, taken);
            self.fed(tag, &bytes[..taken]);
        }
    }

    fn feed_from(&mut self, schedule: &mut Schedule<'_>) {
        let Some(tag) = self.chosen(schedule) else { return };
        let length = schedule.length();
        let bytes = self.next_bytes(tag, length);
        let (slot, ended) = (self.messages[&tag].slot, self.messages[&tag].ended);
        let alone = self.lanes.busy() == 1;
        let taken = self.lanes.feed_from(slot, &bytes);
        assert!(taken <= bytes.len() && (!ended || taken == 0));
        assert!(ended || !alone || taken == bytes.len(), "a message that is alone is taken as a whole");
        self.fed(tag, &bytes[..taken]);
    }

    fn feed_the_hungry(&mut self, schedule: &mut Schedule<'_>) {
        let (length, top_up) = (schedule.length(), schedule.byte());
        let slots: Vec<Slot> = match top_up % 2 {
            0 => self.lanes.hungry().collect(),
            _ => self.lanes.spacious(top_up * 4).collect(),
        };
        for slot in slots {
            let (tag, _) =
                self.messages.iter().find(|(_, message)| message.slot == slot).expect("only those in are hungry");
            self.feed_one(*tag, length);
        }
    }

    fn end(&mut self, schedule: &mut Schedule<'_>) {
        let Some(tag) = self.chosen(schedule) else { return };
        let message = self.messages.get_mut(&tag).expect("it is in");
        if !std::mem::replace(&mut message.ended, true) {
            self.lanes.end(message.slot);
        }
    }

    fn export(&mut self, schedule: &mut Schedule<'_>) {
        let Some(tag) = self.chosen(schedule) else { return };
        let message = &self.messages[&tag];
        let state = self.lanes.export(message.slot);
        let resumable = message.algorithms.iter().all(|algorithm| algorithm.resumable());
        assert_eq!(state.is_some(), !message.ended && resumable, "a state is had until the end");
        let Some(state) = state else { return };
        check_state(&state, message);
        if self.states.len() < 16 {
            self.states.push((state.to_bytes(), message.clone()));
        }
    }

    fn resume(&mut self, schedule: &mut Schedule<'_>) {
        let choice = schedule.byte();
        let Some((bytes, then)) = self.states.get(choice % self.states.len().max(1)) else { return };
        let state = State::from_bytes(bytes).expect("what was written is read");
        let (tag, vacant) = (self.next_tag, self.lanes.vacant());
        let slot = self.lanes.resume(tag, &state);
        assert_eq!(slot.is_some(), vacant);
        let Some(slot) = slot else { return };
        let message = Message { slot, ..then.clone() };
        self.take_in(tag, message);
    }

    fn abandon(&mut self, schedule: &mut Schedule<'_>) {
        let Some(tag) = self.chosen(schedule) else { return };
        let message = self.messages.remove(&tag).expect("it is in");
        self.lanes.abandon(message.slot);
    }

    /// Export, abandon, and resume in what slot comes.
    fn move_on(&mut self, schedule: &mut Schedule<'_>) {
        let Some(tag) = self.chosen(schedule) else { return };
        let message = self.messages[&tag].clone();
        let Some(state) = self.lanes.export(message.slot) else { return };
        check_state(&state, &message);
        self.lanes.abandon(message.slot);
        self.messages.remove(&tag);
        let tag = self.next_tag;
        let slot = self.lanes.resume(tag, &state).expect("a slot has just become free");
        self.take_in(tag, Message { slot, ..message });
    }

    fn take_finished(&mut self) {
        while let Some(finished) = self.lanes.finished() {
            let message = self.messages.remove(&finished.tag).expect("a message comes out once");
            check_finished(&finished, &message);
        }
    }

    fn check_counts(&mut self) {
        assert_eq!(self.lanes.busy(), self.messages.len());
        assert_eq!(self.lanes.vacant(), self.messages.len() < self.lanes.slots());
        let hungry: Vec<Slot> = self.lanes.hungry().collect();
        for slot in hungry {
            let mut messages = self.messages.values();
            let message = messages.find(|message| message.slot == slot).expect("only those in are hungry");
            assert!(!message.ended, "an ended message is hungry");
            assert!(!self.lanes.space(slot).is_empty(), "a hungry slot has no space");
        }
    }

    /// Ends what is left; all of it must come out, in as many steps as there are blocks at most.
    fn finish(mut self) {
        for message in self.messages.values_mut().filter(|message| !message.ended) {
            message.ended = true;
            self.lanes.end(message.slot);
        }
        let mut steps = 0;
        while self.lanes.step() {
            steps += 1;
            assert!(steps <= BYTES_MAX / 64 + 4 * self.lanes.slots(), "steps that do nothing");
        }
        self.take_finished();
        assert!(self.messages.is_empty(), "a message is lost");
        assert_eq!(self.lanes.busy(), 0);
    }
}

/// SplitMix64 of seed and place.
fn byte_at(seed: u64, at: usize) -> u8 {
    let mut z = (seed << 32 | at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)) as u8
}

fn check_state(state: &State, message: &Message) {
    assert_eq!(state.message_bytes(), message.bytes.len() as u64);
    assert!(state.algorithms().eq(message.algorithms.iter().copied()));
    assert_eq!(State::from_bytes(&state.to_bytes()).as_ref(), Some(state), "a state is read as it was written");
    if let Some(hasher) = Hasher::import(state) {
        assert_eq!(hasher.finish(), oracle(message.algorithms[0], &message.bytes), "a state gives another digest");
    }
}

fn check_finished(finished: &Finished, message: &Message) {
    assert!(message.ended, "a message comes out before its end");
    assert_eq!((finished.slot, finished.message_bytes), (message.slot, message.bytes.len() as u64));
    let expected: Vec<Digest> = message.algorithms.iter().map(|algorithm| oracle(*algorithm, &message.bytes)).collect();
    assert_eq!(finished.digests[..], expected, "a digest of {} bytes is wrong", message.bytes.len());
}

fn oracle(algorithm: Algorithm, message: &[u8]) -> Digest {
    let digest = match algorithm {
        Algorithm::Md5 => Digest::from_bytes(algorithm, &md5::Md5::digest(message)),
        Algorithm::Sha1 => Digest::from_bytes(algorithm, &sha1::Sha1::digest(message)),
        Algorithm::Sha256 => Digest::from_bytes(algorithm, &sha2::Sha256::digest(message)),
        Algorithm::Sha512 => Digest::from_bytes(algorithm, &sha2::Sha512::digest(message)),
        // What is no algorithm of lanes is compared with its crate, called once for the whole message.
        Algorithm::Crc64 => Digest::from_bytes(algorithm, &checksum(CrcAlgorithm::Crc64Xz, message).to_be_bytes()),
        Algorithm::Crc64Nvme => Digest::from_bytes(algorithm, &checksum(CrcAlgorithm::Crc64Nvme, message).to_be_bytes()),
        Algorithm::Crc32c => {
            Digest::from_bytes(algorithm, &(checksum(CrcAlgorithm::Crc32Iscsi, message) as u32).to_be_bytes())
        }
        Algorithm::Xxh3 => Digest::from_bytes(algorithm, &xxhash_rust::xxh3::xxh3_128(message).to_be_bytes()),
        Algorithm::Blake3 => Digest::from_bytes(algorithm, blake3::hash(message).as_bytes()),
    };
    digest.expect("the oracle's digest has the right length")
}
