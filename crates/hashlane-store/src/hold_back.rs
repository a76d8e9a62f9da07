//! How callbacks of a receiver that does not answer are held back.

use std::time::Duration;

/// What becomes of callbacks to a receiver that does not answer, when they become due because their job has ended: they are
/// postponed in the transaction that ends the job, so that a backlog that cannot be sent is not claimed to be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldBack {
    /// By how much each is postponed.
    pub delay: Duration,
    /// For how long this goes on, unless it is said anew.
    pub lasts: Duration,
    /// Why, in words for the delivery record.
    pub said: String,
}
