//! What a check of a whole store came to.

/// What [`JobStore::check`](crate::JobStore::check) read and found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// The schema version.
    pub schema: u32,
    /// How many jobs were read.
    pub jobs: u64,
    /// How many problems were told. None: the store is what its writer wrote.
    pub problems: u64,
}
