//! Who works on a multipart upload: one thing for each upload, the same for all who ask at the same time.
//!
//! It promises that two callers never hold different things for one upload, and that what nobody holds is forgotten when too
//! many are remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many are remembered although nobody holds them: a client sends the parts of an upload one after the other.
const REMEMBERED_MAX: usize = 64;

/// The uploads that somebody works on, by their ids.
#[derive(Debug)]
pub(crate) struct Claims<T>(Mutex<HashMap<String, Arc<T>>>);

impl<T> Default for Claims<T> {
    fn default() -> Claims<T> {
        Claims(Mutex::default())
    }
}

impl<T> Claims<T> {
    /// What stands for that upload.
    pub(crate) fn of(&self, id: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = held.get(id) {
            return one.clone();
        }
        if held.len() >= REMEMBERED_MAX {
            held.retain(|_, one| Arc::strong_count(one) > 1);
        }
        held.entry(id.to_owned()).or_insert_with(|| Arc::new(make())).clone()
    }

    /// Forgets an upload that is over, unless somebody holds it still.
    pub(crate) fn forget(&self, id: &str) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(id).is_some_and(|one| Arc::strong_count(one) == 1) {
            held.remove(id);
        }
    }
}
