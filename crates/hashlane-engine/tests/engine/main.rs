//! What the engine promises of stored objects, on real folders and through its public interface.

mod bucket;
mod changes;
mod digests;
mod escapes;
mod header;
mod limits;
mod startup;
