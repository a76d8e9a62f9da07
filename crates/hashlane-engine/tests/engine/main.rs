//! What the engine promises of stored objects, on real folders and through its public interface.

mod awaited;
mod bucket;
mod changes;
mod checkpoints;
mod digests;
mod escapes;
mod header;
mod limits;
mod multipart;
mod preconditions;
mod startup;
mod storage;
mod versions;
