//! A random number, for the jitter of pauses.

/// Uniform in 0..1. In the middle when the operating system has no random bytes: then pauses are merely regular.
pub(crate) fn chance() -> f64 {
    // 53 bits are what an f64 holds between 0 and 1.
    getrandom::u64().map_or(0.5, |bits| (bits >> 11) as f64 / (1_u64 << 53) as f64)
}
