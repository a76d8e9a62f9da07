//! Our side: the lanes with their scheduler, and one message alone.

use hashlane_lanes::{Algorithm, Hasher, Lanes, Platform, Slot};

use crate::contest::Contestant;

/// Lanes that are fed from the messages; the copy into their chunks is counted, as the system's copy would be on reading.
pub fn lanes(algorithm: Algorithm, slots: usize, chunk_bytes: usize) -> Contestant {
    let mut lanes = Lanes::new(Platform::detect(), slots, chunk_bytes);
    let mut unread = vec![0; slots];
    let mut waiting: Vec<Slot> = Vec::with_capacity(slots);
    Contestant::new("hashlane-lanes, copying", move |messages, digests| {
        let mut coming = 0..messages.len();
        let mut missing = messages.len();
        let mut tags = vec![0; slots];
        while missing > 0 {
            while lanes.vacant() {
                let Some(number) = coming.next() else { break };
                let slot = lanes.admit(number as u64, &[algorithm]).expect("a slot is vacant");
                (tags[slot.index()], unread[slot.index()]) = (number, 0);
            }
            waiting.extend(lanes.spacious(chunk_bytes / 2));
            for slot in waiting.drain(..) {
                let message = messages[tags[slot.index()]];
                let read = &mut unread[slot.index()];
                *read += lanes.feed_from(slot, &message[*read..]);
                if *read == message.len() {
                    lanes.end(slot);
                }
            }
            lanes.step();
            while let Some(finished) = lanes.finished() {
                put(digests, finished.tag as usize, finished.digests[0].as_bytes());
                missing -= 1;
            }
        }
    })
}

/// Lanes whose chunks hold the bytes already, as after a read into them: nothing is copied, so the digests are those of
/// whatever lies in the chunks.
pub fn in_place(algorithm: Algorithm, slots: usize, message_bytes: usize) -> Contestant {
    let mut lanes = Lanes::new(Platform::detect(), slots, message_bytes);
    let run = move |messages: &[&[u8]], digests: &mut [u8]| {
        for (number, message) in messages.iter().enumerate() {
            let slot = lanes.admit(number as u64, &[algorithm]).expect("as many slots as messages");
            lanes.feed(slot, message.len());
            lanes.end(slot);
        }
        lanes.flush();
        while let Some(finished) = lanes.finished() {
            put(digests, finished.tag as usize, finished.digests[0].as_bytes());
        }
    };
    Contestant { checked: false, ..Contestant::new("hashlane-lanes, read in place", run) }
}

/// One message after the other.
pub fn alone(algorithm: Algorithm) -> Contestant {
    Contestant::new("hashlane-lanes, alone", move |messages, digests| {
        for (number, message) in messages.iter().enumerate() {
            put(digests, number, Hasher::digest(algorithm, message).as_bytes());
        }
    })
}

/// Writes the digest of the message of that number.
pub fn put(digests: &mut [u8], number: usize, digest: &[u8]) {
    digests[number * digest.len()..][..digest.len()].copy_from_slice(digest);
}
