//! What the request of a number asks for: a function of seed and number, so that neither the log nor the checker has to
//! remember it.

use hashlane_job::{CallbackAddress, CallbackFormat, CallbackRequest};
use hashlane_lanes::Algorithm;
use hashlane_wire::SubmitRequest;

use crate::chance::Chance;
use crate::truth::{ALGORITHMS, LARGEST, OBJECTS, key};

/// The key of the object that is not there.
const MISSING: &str = "missing";
/// The key of the object that ends whoever reads it (`hashlane_job::failpoint`).
pub const DEADLY_KEY: &str = "deadly.abort";
/// Requests from this number on are for that object; no run has so many others.
const DEADLY_FROM: u64 = 1 << 40;
/// Of so many requests in a row ...
const TWINS_EVERY: u64 = 128;
/// ... the first few ask for the same of the same large object, so that they are in flight together and share a reading.
const TWINS: u64 = 4;

/// Which receiver a job calls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// None.
    Nobody,
    /// The one that takes everything at once.
    Steady,
    /// The one that refuses and hangs now and then.
    Moody,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    seed: u64,
    number: u64,
    /// The object, or `None` for one that is not there.
    pub object: Option<usize>,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Its callback.
    pub calls: Calls,
    level: u8,
    is_deadly: bool,
    /// Whether its client cancels it once it is accepted.
    pub is_cancelled: bool,
    /// Whether its client asks for it once it is accepted.
    pub is_asked_for: bool,
}

impl Planned {
    /// The request of a number.
    pub fn of(seed: u64, number: u64) -> Planned {
        let mut chance = Chance::of(seed, number.wrapping_mul(2).wrapping_add(1));
        let mut object = Some(chance.below(OBJECTS));
        // One in a hundred is long, so that hashing keeps up with submitting.
        if object == Some(LARGEST) && !chance.per_mille(140) {
            object = Some(chance.below(OBJECTS - 3));
        }
        if chance.per_mille(20) {
            object = None;
        }
        let mut algorithm = ALGORITHMS[chance.below(ALGORITHMS.len())];
        if number % TWINS_EVERY < TWINS {
            let mut shared = Chance::of(seed, 0x7e17_0000_0000_0000 | (number / TWINS_EVERY));
            object = Some(if shared.per_mille(50) { LARGEST } else { LARGEST - 1 });
            algorithm = ALGORITHMS[shared.below(ALGORITHMS.len())];
        }
        let is_deadly = number >= DEADLY_FROM;
        if is_deadly {
            object = None;
        }
        Planned {
            seed,
            number,
            object,
            algorithm,
            calls: match chance.below(100) {
                _ if is_deadly => Calls::Steady,
                0..10 => Calls::Nobody,
                10..15 => Calls::Moody,
                _ => Calls::Steady,
            },
            level: chance.below(3) as u8,
            is_cancelled: chance.per_mille(30) && !is_deadly,
            is_asked_for: chance.per_mille(50) && !is_deadly,
            is_deadly,
        }
    }

    /// The request for the deadly object of a number.
    pub fn deadly(number: u64) -> u64 {
        DEADLY_FROM + number
    }

    /// The code of the store with which the job has to fail; `None` when it has to succeed.
    pub fn failure(&self) -> Option<&'static str> {
        match self.object {
            Some(_) => None,
            None if self.is_deadly => Some("internal"),
            None => Some("not-found"),
        }
    }

    /// The text by which a row of the store is known to be this request's.
    pub fn user_data(&self) -> String {
        format!("{:x}-{}", self.seed, self.number)
    }

    /// The number in the user data of a run of this seed.
    pub fn number_in(seed: u64, user_data: &str) -> Option<u64> {
        user_data.strip_prefix(&format!("{seed:x}-"))?.parse().ok()
    }

    /// The key of its object.
    pub fn key(&self) -> String {
        match self.object {
            Some(object) => key(object),
            None if self.is_deadly => DEADLY_KEY.to_owned(),
            None => MISSING.to_owned(),
        }
    }

    /// What is sent; `urls` are the addresses of the steady and the moody receiver.
    pub fn request(&self, urls: &[String; 2]) -> SubmitRequest {
        let address = match self.calls {
            Calls::Nobody => CallbackAddress::Silent,
            Calls::Steady => CallbackAddress::Url(urls[0].clone()),
            Calls::Moody => CallbackAddress::Url(urls[1].clone()),
        };
        SubmitRequest {
            object: self.key(),
            algorithm: self.algorithm,
            algorithm_as_given: self.algorithm.name().to_ascii_uppercase(),
            add_to_header: false,
            user_data: Some(self.user_data()),
            level: self.level,
            queue: None,
            callback: CallbackRequest { address, format: Some(CallbackFormat::Json) },
        }
    }
}
