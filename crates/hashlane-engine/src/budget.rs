//! How the memory for object bytes is dealt out: threads, slots, chunks and pieces.
//!
//! It promises that the chunks of all lanes and the pieces of all objects on their way together stay within the budget,
//! whatever the number and size of the objects. It leaves out what does not grow with objects: stacks, tables, file
//! descriptors.

use hashlane_lanes::{Lanes, Platform};

use crate::error::EngineError;

/// Slots of one thread when there is memory enough: the degree of the widest kernel and three quarters more. A slot whose
/// object has ended stays empty until the next jobs are claimed, which takes a commit; meanwhile the others fill the lanes.
/// More slots than lanes keep the lanes busy while a thread waits for its next claim. More would make the pieces of remote objects
/// small. Many enough that a few big objects never occupy all.
const SLOTS_MAX: usize = 56;

/// Slots of one thread that has its files at hand, so that none stays empty: the degree of the widest kernel.
const FILE_SLOTS: usize = 32;

/// One slot in so many is kept for objects that somebody waits for: few enough that jobs do not miss them, and each still
/// gets through some hundred small objects in a second.
const SLOTS_PER_AWAITED: usize = 8;

/// A chunk when there is memory enough. Measured: reads of 16 to 32 KiB are as good as larger ones, 32 chunks of 32 KiB
/// still fit a second-level cache of 1 to 2 MiB, 64 KiB each are slower, and 256 KiB each halve the speed.
const CHUNK_BYTES_MAX: usize = 32 * 1024;
/// Below this the system calls cost more than the hashing.
const CHUNK_BYTES_MIN: usize = 4 * 1024;

/// The pieces of one remote object that can be in memory at once: one is being received, one waits in the channel, one is
/// being hashed.
pub(crate) const PIECES_IN_FLIGHT: usize = 3;
/// No piece is larger: with 8 MiB the price of a request no longer shows.
const PIECE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// No piece is smaller.
const PIECE_BYTES_MIN: usize = 4 * 1024;

/// How the memory is dealt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Hashing threads.
    pub(crate) threads: usize,
    /// Messages that one thread hashes at once.
    pub(crate) slots: usize,
    /// The buffer of each slot.
    pub(crate) chunk_bytes: usize,
    /// What is received of a remote object at once, at most.
    pub(crate) piece_bytes: usize,
    /// How many of all slots are kept for objects that somebody waits for.
    pub(crate) awaited_slots: usize,
}

impl Budget {
    /// Deals `memory_bytes` out to `threads`: chunks get at most half, halved in size down to 4 KiB before there are fewer
    /// slots; the pieces of as many remote objects as there are slots get the rest.
    pub(crate) fn deal(memory_bytes: u64, threads: usize) -> Result<Budget, EngineError> {
        let memory = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
        let (mut slots, mut chunk_bytes) = (SLOTS_MAX, CHUNK_BYTES_MAX);
        while threads * lanes_bytes(slots, chunk_bytes) > memory / 2 {
            if chunk_bytes > CHUNK_BYTES_MIN {
                chunk_bytes /= 2;
            } else if slots > 1 {
                slots /= 2;
            } else {
                let least_kib = (2 * threads * lanes_bytes(1, CHUNK_BYTES_MIN)).div_ceil(1024);
                return Err(EngineError::new(format!(
                    "a memory budget of {memory_bytes} bytes is too small for {threads} hashing threads; give at least \
                     {least_kib}KiB or fewer threads"
                )));
            }
        }
        let left = memory - threads * lanes_bytes(slots, chunk_bytes);
        let mut piece_bytes = left / (threads * slots * PIECES_IN_FLIGHT);
        while piece_bytes < PIECE_BYTES_MIN && slots > 1 {
            slots /= 2;
            piece_bytes = (memory - threads * lanes_bytes(slots, chunk_bytes)) / (threads * slots * PIECES_IN_FLIGHT);
        }
        // With one slot of the smallest chunk the half that is left may hold less than three of the smallest pieces.
        let piece_bytes = piece_bytes.clamp(1024, PIECE_BYTES_MAX);
        let awaited_slots = match threads * slots {
            // Jobs need one, so that the two share it.
            1 => 0,
            all => (all / SLOTS_PER_AWAITED).max(1),
        };
        Ok(Budget { threads, slots, chunk_bytes, piece_bytes, awaited_slots })
    }
}

impl Budget {
    /// For threads that read local files and nothing else.
    pub(crate) fn of_files(threads: usize) -> Budget {
        Budget { threads, slots: FILE_SLOTS, chunk_bytes: CHUNK_BYTES_MAX, piece_bytes: 0, awaited_slots: 0 }
    }
}

/// What the chunks of one thread take, as [`Lanes`] lays them out.
fn lanes_bytes(slots: usize, chunk_bytes: usize) -> usize {
    // A slot has space for padding behind its chunk and is staggered against the next one.
    slots * ((chunk_bytes + 512).next_multiple_of(4096) + 64) + 64
}

/// The lanes of one thread.
pub(crate) fn lanes(budget: &Budget, platform: Platform) -> Lanes {
    Lanes::new(platform, budget.slots, budget.chunk_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_pieces_stay_within_the_budget() {
        for memory_kib in [64, 100, 256, 1024, 1500, 4096, 49_152, 1 << 22] {
            for threads in [1, 2, 3] {
                let budget = Budget::deal(memory_kib * 1024, threads).expect("enough");
                let chunks = lanes(&budget, Platform::detect()).buffer_bytes();
                let pieces = budget.slots * PIECES_IN_FLIGHT * budget.piece_bytes;
                let all = (threads * (chunks + pieces)) as u64;
                assert!(all <= memory_kib * 1024, "{all} bytes of {memory_kib} KiB: {budget:?}");
                assert!(budget.slots >= 1);
                assert!(budget.awaited_slots < threads * budget.slots, "jobs have a slot: {budget:?}");
            }
        }
    }

    #[test]
    fn the_default_budget_has_full_slots_and_chunks() {
        let budget = Budget::deal(48 << 20, 2).expect("enough");
        assert_eq!((budget.slots, budget.chunk_bytes), (SLOTS_MAX, CHUNK_BYTES_MAX));
        assert!(budget.piece_bytes >= 128 * 1024, "{budget:?}");
        assert_eq!(budget.awaited_slots, 14);
    }

    #[test]
    fn a_budget_that_holds_nothing_is_refused_with_the_least_that_works() {
        let error = Budget::deal(1000, 2).expect_err("too small");
        assert_eq!(
            error.message,
            "a memory budget of 1000 bytes is too small for 2 hashing threads; give at least 33KiB or fewer threads"
        );
        assert!(Budget::deal(33 * 1024, 2).is_ok());
    }
}
