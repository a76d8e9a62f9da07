//! What it costs to make bytes durable here: the floor of every commit.

use std::io::Write;
use std::time::Instant;

use crate::failure::Failure;
use crate::quantile::Sorted;

/// Appends 4 KiB and waits for `fdatasync`, some hundred times, in the folder for temporary files, where data directories are
/// made; prints the quantiles.
pub fn measure() -> Result<(), Failure> {
    const ROUNDS: usize = 300;
    let mut file = tempfile::tempfile()?;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        file.write_all(&[0x5a; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        took.push(began.elapsed());
    }
    let sorted = Sorted::new(took);
    println!(
        "\nfdatasync of 4 KiB appended: p50 {:.3} ms, p99 {:.3} ms.",
        sorted.milliseconds(50),
        sorted.milliseconds(99)
    );
    Ok(())
}
