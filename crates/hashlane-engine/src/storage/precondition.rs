//! What must hold of the object that a key has now, so that it may be replaced or deleted (RFC 9110, section 13.1).
//!
//! It promises nothing itself: whoever publishes or deletes asks it while nobody else can change the key. What is left out on
//! purpose: how conditions are written; the wire knows.

use std::fmt;
use std::sync::Arc;

use super::{ObjectHead, StorageError, StorageFault};

type Question = dyn Fn(Option<&ObjectHead>) -> bool + Send + Sync;

/// A question about the object of a key; `None` when there is none.
#[derive(Clone)]
pub struct Precondition(Arc<Question>);

impl Precondition {
    /// A precondition that holds when `holds` says so.
    pub fn new(holds: impl Fn(Option<&ObjectHead>) -> bool + Send + Sync + 'static) -> Precondition {
        Precondition(Arc::new(holds))
    }

    pub(crate) fn check(&self, current: Option<&ObjectHead>) -> Result<(), StorageError> {
        if (self.0)(current) {
            return Ok(());
        }
        let message = "at least one of the preconditions of the request does not hold; nothing was changed";
        Err(StorageError::new(StorageFault::PreconditionFailed, message))
    }
}

impl fmt::Debug for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Precondition(..)")
    }
}

/// On which terms a finished object gets its key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// Refuse to replace an object that exists.
    pub(crate) keep_existing: bool,
    /// What must hold of the object that is replaced.
    pub(crate) precondition: Option<Precondition>,
}
