//! What the fuzz targets share: requests out of bytes, readings that are not ours, and the measure of memory.

mod memory;
pub mod reading;
mod request;
pub mod signer;

pub use memory::bounded;
pub use request::Request;
