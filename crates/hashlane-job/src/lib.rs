//! The nouns of hashlane and the rules between them.
//!
//! A *job* is a client's request; a *lease* is the right to work on it; an *outcome* is what a worker says about it;
//! *facts* are what was learnt of the object. This crate knows no storage, no network and no message format: the words
//! of the wire live in `hashlane-wire`, the rows in `hashlane-store`.

mod attempt;
mod callback;
mod checkpoint;
mod error;
pub mod failpoint;
mod id;
mod job;
mod lease;
mod object;
mod queue;
mod retry;
mod state;
mod time;

pub use attempt::{ATTEMPTS_KEPT_MAX, Attempt, AttemptOutcome, Reply, event_id};
pub use callback::{
    CallbackAddress, CallbackFormat, CallbackRequest, CallbackTarget, Delivery, DeliveryState, MqMode, MqTarget,
};
pub use checkpoint::Checkpoint;
pub use error::{FailureCode, JobError};
pub use id::{JobId, JobIds, QueueId};
pub use job::{Job, NewJob};
pub use lease::{Lease, LeaseToken, Outcome, Stage};
pub use object::{BucketName, FileFacts, ObjectRef, ObjectVersion};
pub use queue::{Notify, NotifyAddress, Queue, Service};
pub use retry::{DELIVERY_DELAYS, HASH_CHANGES_MAX, HashRetry, delivery_delay, hash_delay};
pub use state::{Event, JobState, NotAllowed, advance};
pub use time::{Clock, ManualClock, SteadyClock, SystemClock, Timestamp};
