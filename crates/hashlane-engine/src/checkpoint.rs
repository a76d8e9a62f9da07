//! Checkpoints: what the engine stores of an object that it is in the middle of, and what it believes of it later.
//!
//! It promises that a checkpoint is followed only for the object and the version that it was made of, by who wants no other
//! algorithms than it has, and only when none of its bytes has changed since: it carries the identity of the version, and a seal over everything. What
//! does not fit is thrown away, and the object is read from its beginning. The seal guards against accidents; who can write
//! to the job store can write results as well.
//!
//! Layout, integers little-endian: version (1 byte, 1), length of the identity (2), identity, the state's byte form, the
//! first 8 bytes of the SHA-256 of bucket, NUL, key, NUL and all of the above.

use hashlane_job::{Checkpoint, ObjectRef};
use hashlane_lanes::{Algorithm, Hasher, State};

const VERSION: u8 = 1;
const SEAL_BYTES: usize = 8;

/// An object that was read for less than this since its last checkpoint is not worth another one when the process stops.
const LAST_BYTES_MIN: u64 = 1024 * 1024;

/// Where an early first checkpoint lies: read and hashed within milliseconds, so that who works on nothing else meanwhile is
/// soon back, and far enough that the few commits cost nothing beside the hashing.
const EARLY_BYTES: u64 = 4 * 1024 * 1024;

/// When a message makes checkpoints, and for what.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoints {
    object: ObjectRef,
    /// Identifies the version that is being read.
    identity: String,
    every_bytes: u64,
    /// What is read until the next one.
    next_bytes: u64,
    unsealed_bytes: u64,
}

/// After how many bytes the first checkpoint is due; an object that is not larger has none.
pub(crate) fn first_bytes(every_bytes: u64, early: bool) -> u64 {
    if early { every_bytes.min(EARLY_BYTES) } else { every_bytes }
}

impl Checkpoints {
    /// A checkpoint for every so many bytes of that version.
    pub(crate) fn new(object: ObjectRef, identity: String, every_bytes: u64) -> Checkpoints {
        Checkpoints { object, identity, every_bytes, next_bytes: every_bytes, unsealed_bytes: 0 }
    }

    /// The first one already after [`EARLY_BYTES`], each further one after twice as many bytes as the one before.
    pub(crate) fn early(self) -> Checkpoints {
        Checkpoints { next_bytes: self.every_bytes.min(EARLY_BYTES), ..self }
    }

    /// More bytes were read; whether the next checkpoint is due.
    pub(crate) fn advance(&mut self, bytes: usize) -> bool {
        self.unsealed_bytes += bytes as u64;
        self.unsealed_bytes >= self.next_bytes
    }

    /// Whether a last checkpoint is worth its while.
    pub(crate) fn is_last_due(&self) -> bool {
        self.unsealed_bytes >= LAST_BYTES_MIN
    }

    /// The checkpoint of a state.
    pub(crate) fn seal(&mut self, state: &State) -> Checkpoint {
        self.unsealed_bytes = 0;
        self.next_bytes = self.next_bytes.saturating_mul(2).min(self.every_bytes);
        let mut bytes = vec![VERSION];
        bytes.extend((self.identity.len() as u16).to_le_bytes());
        bytes.extend(self.identity.as_bytes());
        bytes.extend(state.to_bytes());
        let seal = seal_of(&self.object, &bytes);
        bytes.extend(seal);
        Checkpoint::from_bytes(bytes)
    }

    /// The state that spares most, of those checkpoints that can be followed.
    pub(crate) fn open_best(&self, checkpoints: &[Checkpoint], algorithms: &[Algorithm]) -> Option<State> {
        let states = checkpoints.iter().filter_map(|checkpoint| self.open(checkpoint, algorithms));
        states.max_by_key(State::message_bytes)
    }

    /// The state in a checkpoint, when it is of this version and has these algorithms. It may have more, which were asked for by
    /// others who joined the reading; they are computed to the end with the rest.
    pub(crate) fn open(&self, checkpoint: &Checkpoint, algorithms: &[Algorithm]) -> Option<State> {
        let (bytes, seal) = checkpoint.as_bytes().split_last_chunk::<SEAL_BYTES>()?;
        if *seal != seal_of(&self.object, bytes) {
            return None;
        }
        let (&[version], rest) = bytes.split_first_chunk()?;
        let (identity_bytes, rest) = rest.split_first_chunk()?;
        let (identity, state) = rest.split_at_checked(u16::from_le_bytes(*identity_bytes).into())?;
        if version != VERSION || identity != self.identity.as_bytes() {
            return None;
        }
        let has = |state: &State, wanted: Algorithm| state.algorithms().any(|algorithm| algorithm == wanted);
        State::from_bytes(state).filter(|state| algorithms.iter().all(|algorithm| has(state, *algorithm)))
    }
}

/// How many bytes a checkpoint would spare if it can be followed, which is found out when the object is looked at; 0 for what is
/// none.
pub(crate) fn spared_bytes(checkpoint: &Checkpoint) -> u64 {
    state_of(checkpoint).map_or(0, |state| state.message_bytes())
}

fn state_of(checkpoint: &Checkpoint) -> Option<State> {
    let (bytes, _) = checkpoint.as_bytes().split_last_chunk::<SEAL_BYTES>()?;
    let (_, rest) = bytes.split_first_chunk::<1>()?;
    let (identity_bytes, rest) = rest.split_first_chunk()?;
    State::from_bytes(rest.get(usize::from(u16::from_le_bytes(*identity_bytes))..)?)
}

fn seal_of(object: &ObjectRef, bytes: &[u8]) -> [u8; SEAL_BYTES] {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for part in [object.bucket.as_str().as_bytes(), &[0], object.key.as_bytes(), &[0], bytes] {
        hasher.update(part);
    }
    let digest = hasher.finish();
    std::array::from_fn(|index| digest.as_bytes()[index])
}

#[cfg(test)]
mod tests {
    use hashlane_job::BucketName;

    use super::*;

    fn checkpoints(key: &str, identity: &str) -> Checkpoints {
        let bucket = BucketName::parse("photos-1250000000").expect("a bucket name");
        Checkpoints::new(ObjectRef { bucket, key: key.into() }, identity.into(), 100)
    }

    #[test]
    fn what_a_checkpoint_spares_is_known_before_it_is_believed() {
        let state = state(Algorithm::Md5);
        let sealed = checkpoints("k", "v1").seal(&state);
        assert_eq!(spared_bytes(&sealed), state.message_bytes());
        for damaged in [vec![], vec![1], vec![1, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0], vec![0; 20]] {
            assert_eq!(spared_bytes(&Checkpoint::from_bytes(damaged)), 0);
        }
    }

    fn state(algorithm: Algorithm) -> State {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&[7; 1000]);
        hasher.export().expect("the algorithm can be taken up")
    }

    /// Failure rule B5.
    #[test]
    fn a_checkpoint_is_followed_for_what_it_was_made_of_and_nothing_else() {
        let sealed = checkpoints("a", "v1").seal(&state(Algorithm::Md5));
        let open =
            |key: &str, identity: &str, algorithms: &[Algorithm]| checkpoints(key, identity).open(&sealed, algorithms);
        assert_eq!(open("a", "v1", &[Algorithm::Md5]), Some(state(Algorithm::Md5)));
        assert_eq!(open("b", "v1", &[Algorithm::Md5]), None, "another object");
        assert_eq!(open("a", "v2", &[Algorithm::Md5]), None, "another version");
        assert_eq!(open("a", "v1", &[Algorithm::Sha1]), None, "another algorithm");
        assert_eq!(open("a", "v1", &[Algorithm::Md5, Algorithm::Sha1]), None, "one more algorithm");
    }

    /// Failure rule B5.
    #[test]
    fn a_checkpoint_of_which_any_bit_has_changed_is_thrown_away() {
        let mut made = checkpoints("a", "v1");
        let sealed = made.seal(&state(Algorithm::Sha256));
        for bit in 0..sealed.as_bytes().len() * 8 {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(made.open(&Checkpoint::from_bytes(bytes), &[Algorithm::Sha256]), None, "bit {bit}");
        }
        for length in 0..sealed.as_bytes().len() {
            let cut = Checkpoint::from_bytes(sealed.as_bytes()[..length].to_vec());
            assert_eq!(made.open(&cut, &[Algorithm::Sha256]), None, "{length} bytes");
        }
    }

    #[test]
    fn one_is_due_for_every_so_many_bytes() {
        let mut checkpoints = checkpoints("a", "v1");
        assert!(!checkpoints.advance(99));
        assert!(checkpoints.advance(1));
        checkpoints.seal(&state(Algorithm::Md5));
        assert!(!checkpoints.advance(99));
    }

    #[test]
    fn early_ones_come_after_twice_as_many_bytes_each_until_they_are_as_far_apart_as_the_others() {
        let mut checkpoints = Checkpoints { every_bytes: 5 * EARLY_BYTES, ..checkpoints("a", "v1") }.early();
        for units in [1, 2, 4, 5, 5] {
            assert!(!checkpoints.advance(units * EARLY_BYTES as usize - 1), "{units}");
            assert!(checkpoints.advance(1), "{units}");
            checkpoints.seal(&state(Algorithm::Md5));
        }
    }
}
