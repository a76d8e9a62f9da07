//! The slot of a step, and steps that need none.
//!
//! A job that joined the reading of another waits and does nothing else. If it kept its slot meanwhile, identical jobs would be
//! read in groups as large as there are slots, and would keep others out. So it gives the slot back, for a place *beside* the
//! slots. It promises that there are never more such places than the bound says: each is a lease to be renewed and some KiB of
//! memory, and whoever finds none keeps its slot, upon which no more is claimed than slots get free.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Steps that may wait beside the slots. Their leases are renewed twice a second, all in one statement's loop of some
/// milliseconds; ten times as many would show beside the submits.
const BESIDE_MAX: usize = 1_024;

/// The places beside the slots of one loop.
#[derive(Debug, Clone)]
pub(crate) struct Beside(Arc<Semaphore>);

impl Default for Beside {
    fn default() -> Beside {
        Beside(Arc::new(Semaphore::new(BESIDE_MAX)))
    }
}

/// Where a step is: in a slot, or beside. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct StepSlot {
    place: Mutex<Option<OwnedSemaphorePermit>>,
    beside: Beside,
}

impl StepSlot {
    /// A step in this slot; none is the slot of a loop that has more work than it asked for.
    pub(crate) fn new(slot: Option<OwnedSemaphorePermit>, beside: Beside) -> StepSlot {
        StepSlot { place: Mutex::new(slot), beside }
    }

    /// The step waits for the work of another step and does none itself: its slot is free.
    pub(crate) fn step_aside(&self) {
        if let Ok(place) = self.beside.0.clone().try_acquire_owned() {
            *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        }
    }
}
