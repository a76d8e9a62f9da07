//! Permission: whether a job may still be done when its turn comes.
//!
//! A job is checked when it is submitted; it may wait for long, and its key may be taken away meanwhile (failure rule E3). Who the keys
//! are is not known here: the owner of the worker says it.

use std::fmt;
use std::sync::Arc;

use hashlane_job::NewJob;

/// Answers whether the one who submitted a job may still have its object read.
#[derive(Clone)]
pub struct Permission(Arc<dyn Fn(&NewJob) -> bool + Send + Sync>);

impl Permission {
    /// Asks this before each attempt at hashing. It is called on the threads of the runtime and must not block.
    pub fn asking(may_read: impl Fn(&NewJob) -> bool + Send + Sync + 'static) -> Permission {
        Permission(Arc::new(may_read))
    }

    pub(crate) fn allows(&self, job: &NewJob) -> bool {
        (self.0)(job)
    }
}

impl Default for Permission {
    /// Allows everything: for stores that only the owner of the process can write to.
    fn default() -> Permission {
        Permission::asking(|_| true)
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permission")
    }
}
