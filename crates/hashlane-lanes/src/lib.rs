//! Bytes to digests: messages hashed side by side in lanes.
//!
//! - [`Lanes`] hashes many messages at once on one thread: how it keeps lanes full is told in `lanes.rs`.
//! - [`Hasher`] hashes one message, by the fastest single-stream path of the CPU.
//! - [`State`] is a running digest taken out of either, so that a message can go on after a crash or elsewhere.
//! - [`Platform`] is the instruction set that the lanes run on.
//!
//! An algorithm is written once, safe, over the `Vector` trait (`algorithm/`); an instruction set is written once
//! (`vector/`); `unsafe` lives only in the instruction-set files of `vector/` and `single/`. What this crate leaves out on
//! purpose: async, I/O, threads, clocks and serialisation formats.
#![deny(unsafe_code)]

mod algorithm;
mod chained;
mod chunks;
mod digest;
mod finished;
mod hasher;
mod kernel;
mod lanes;
mod platform;
mod row;
mod running;
mod single;
mod slot;
mod state;
mod streamed;
mod vector;
mod word;

pub use algorithm::Algorithm;
pub use digest::Digest;
pub use finished::{Digests, Finished};
pub use hasher::Hasher;
pub use lanes::Lanes;
pub use platform::{Platform, PlatformError};
pub use slot::Slot;
pub use state::State;
