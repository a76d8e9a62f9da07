//! The receivers whose callbacks are held back. Kept in memory: after a restart they are found out anew, at a few attempts each.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use hashlane_job::{CallbackTarget, Timestamp};

use crate::HoldBack;

/// Receivers that are held back at once: a MiB or two of names. Callbacks of further ones are claimed and put back.
const RECEIVERS_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct HeldBack(RwLock<HashMap<String, (HoldBack, Timestamp)>>);

impl HeldBack {
    /// Holds a receiver back from `now` on, or does so no longer.
    pub(super) fn set(&self, receiver: &str, hold: Option<HoldBack>, now: Timestamp) {
        let mut receivers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(hold) = hold else {
            receivers.remove(receiver);
            return;
        };
        if receivers.len() >= RECEIVERS_MAX && !receivers.contains_key(receiver) {
            receivers.retain(|_, (_, until)| *until > now);
        }
        if receivers.len() < RECEIVERS_MAX || receivers.contains_key(receiver) {
            let until = now.plus(hold.lasts);
            receivers.insert(receiver.to_owned(), (hold, until));
        }
    }

    /// How callbacks to this target are held back now, if they are.
    pub(super) fn of(&self, target: &CallbackTarget, now: Timestamp) -> Option<HoldBack> {
        let receivers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if receivers.is_empty() {
            return None;
        }
        receivers.get(&target.receiver()).filter(|(_, until)| *until > now).map(|(hold, _)| hold.clone())
    }
}
