//! How much memory a parser may take: a constant, and so much for each byte of its input.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// For any input, a few buffers of fixed size.
const BYTES_MAX: usize = 64 << 10;
/// For each byte of input. The tree of an XML document takes the most: an element of four bytes, `<a/>`, is one of 72 bytes
/// in memory beside its name, in a list that doubles when it grows.
const BYTES_PER_BYTE_MAX: usize = 128;

/// Runs what reads an input of so many bytes.
///
/// # Panics
///
/// When at any moment it has taken more memory than such an input may cost.
pub fn bounded<T>(input_bytes: usize, run: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = run();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    assert!(
        taken <= BYTES_MAX + BYTES_PER_BYTE_MAX * input_bytes,
        "an input of {input_bytes} bytes took {taken} bytes of memory"
    );
    result
}
