//! The loops that take jobs, hash them and deliver their callbacks.
//!
//! This is where outcomes are decided, and the only place: the engine says what went wrong, a transport says what was
//! answered, and the steps here (`hash.rs`, `deliver.rs`) say what becomes of the job. Both stages are the same loop
//! (`stage.rs`) with other parts; the keeper renews their leases apart from the work.
//!
//! Rows and statements are the store's business, bytes the engine's, sockets the transports'.

mod chance;
mod complaint;
mod deliver;
mod delivery_schedule;
mod due_deliveries;
mod due_jobs;
#[cfg(test)]
mod fake_leases;
mod finished;
mod hash;
mod keeper;
mod leases;
mod options;
mod permission;
mod prune;
mod receiver_slot;
mod receivers;
mod results;
mod stage;
mod standing;
mod step_slot;
mod watch;
mod worker;

pub use options::WorkerOptions;
pub use permission::Permission;
pub use worker::Worker;
