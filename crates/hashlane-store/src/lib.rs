//! The durable job store: submit, get, list, cancel, claim, renew, settle, counts, prune; deliveries and their replay;
//! queues and services.
//!
//! What is answered is durable. What is claimed is leased: only the holder of the latest token can renew or settle, so that
//! a late worker cannot overwrite. "Finished" and "callback is due" are one transaction. docs/store.md has the tables and
//! the crash points, docs/states.md the moves.
//!
//! This crate knows no wire format, no HTTP and no object. It decides no outcome; it only refuses what the state machine
//! does not have.

mod answer;
mod batch;
mod checked;
mod counts;
mod delivery_list;
mod error;
mod hold_back;
mod job_store;
mod list;
mod options;
mod queue_change;
mod sqlite;

pub use answer::{Cancelled, Claimed, Renewal, Renewed, Settled};
pub use checked::Checked;
pub use counts::Counts;
pub use delivery_list::{DeliveryCursor, DeliveryPage, DeliveryQuery, DeliveryRecord, ListedDelivery, Replayed};
pub use error::{StoreError, StoreErrorKind, SubmitError};
pub use hold_back::HoldBack;
pub use job_store::JobStore;
pub use list::{JobPage, ListQuery, ListState};
pub use options::{QueueDefaults, StoreOptions};
pub use queue_change::QueueChange;
