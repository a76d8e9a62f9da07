//! A checkpoint: how far the hashing of one version of an object is.
//!
//! It is made and read by the engine alone, which vouches for what it makes and throws away what it cannot vouch for. To all
//! others it is bytes to be kept with the lease.

/// The running digests of an object's first bytes, with the identity of the object.
#[derive(Clone, PartialEq, Eq)]
pub struct Checkpoint(Vec<u8>);

impl Checkpoint {
    /// The checkpoint of [`Checkpoint::as_bytes`]. Any bytes will do: the engine judges them.
    pub fn from_bytes(bytes: Vec<u8>) -> Checkpoint {
        Checkpoint(bytes)
    }

    /// What is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checkpoint({} bytes)", self.0.len())
    }
}
