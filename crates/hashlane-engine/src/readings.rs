//! The readings that are under way, by object.
//!
//! It promises that a request joins a reading when one gives it what it asks for, and begins one otherwise. There are no more
//! entries than members of readings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlane_job::ObjectRef;

use crate::HashRequest;
use crate::reading::{Membership, Reading, Work};

/// The readings that can be joined.
#[derive(Debug, Default)]
pub(crate) struct Readings(Mutex<HashMap<ObjectRef, Vec<Arc<Reading>>>>);

impl Readings {
    /// Joins a reading, or begins one with the work that `begin` makes for it. Who may not be late joins no reading that looked
    /// at the object already.
    pub(crate) fn join(
        self: &Arc<Self>,
        request: &HashRequest,
        may_be_late: bool,
        begin: impl FnOnce(&Arc<Reading>) -> Work,
    ) -> Membership {
        let mut readings = self.lock();
        let under_way = readings.get(&request.object).into_iter().flatten();
        let joined = under_way.rev().find_map(|reading| Some((reading.clone(), reading.admit(request, may_be_late)?)));
        let (reading, admitted) = joined.unwrap_or_else(|| {
            let reading = Arc::new(Reading::new(request));
            reading.set_work(begin(&reading));
            let admitted = reading.admit(request, false).expect("a reading that gathers admits who made it");
            readings.entry(request.object.clone()).or_default().push(reading.clone());
            (reading, admitted)
        });
        drop(readings);
        Membership::new(self.clone(), reading, admitted)
    }

    /// Begins a reading that nobody else joins.
    pub(crate) fn alone(
        self: &Arc<Self>,
        request: &HashRequest,
        begin: impl FnOnce(&Arc<Reading>) -> Work,
    ) -> Membership {
        let reading = Arc::new(Reading::new(request));
        reading.set_work(begin(&reading));
        let admitted = reading.admit(request, false).expect("a reading that gathers admits who made it");
        Membership::new(self.clone(), reading, admitted)
    }

    /// Forgets a reading; to be called while it is not locked.
    pub(crate) fn remove(&self, reading: &Arc<Reading>) {
        let mut readings = self.lock();
        if let Some(of_object) = readings.get_mut(reading.object()) {
            of_object.retain(|other| !Arc::ptr_eq(other, reading));
            if of_object.is_empty() {
                readings.remove(reading.object());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectRef, Vec<Arc<Reading>>>> {
        // What runs while it is locked leaves it whole at every point.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
