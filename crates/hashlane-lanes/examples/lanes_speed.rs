//! Prints how fast lanes are on this machine: GB/s by algorithm, platform and number of busy lanes.
//!
//! `cargo run --release -p hashlane-lanes --example lanes_speed [-- ALGORITHM...]`. One core, scheduler included, endless messages
//! whose chunks stay in the second-level cache. The crossovers in the code (`busy_min`) come from such a table. Rounds of
//! all rows alternate, so that a noisy moment hits no row alone; each figure is the median of its rounds. Time is the time that
//! this thread had the processor.

use std::time::Duration;

use hashlane_lanes::{Algorithm, Hasher, Lanes, Platform};
use rustix::time::{ClockId, clock_gettime};

const BUSY: [usize; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 16, 17, 22, 24, 26, 28, 30, 32];
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(12);
/// 32 chunks of this fill half of a small second-level cache.
const CHUNK_BYTES: usize = 8 * 1024;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let mut algorithms = Algorithm::ALL.to_vec();
    algorithms.retain(|algorithm| asked.is_empty() || asked.iter().any(|name| name == algorithm.name()));
    let heads: Vec<String> = BUSY.iter().map(|busy| format!("{busy:>5}")).collect();
    println!("GB/s                   {} busy lanes", heads.join(" "));
    for algorithm in algorithms {
        println!(
            "{:<16} {:>5.2}",
            format!("{algorithm} alone"),
            median((0..ROUNDS).map(|_| alone(algorithm)).collect())
        );
        let platforms: Vec<Platform> = Platform::available().collect();
        let mut figures = vec![vec![Vec::new(); BUSY.len()]; platforms.len()];
        for _ in 0..ROUNDS {
            for (platform, row) in platforms.iter().zip(&mut figures) {
                for (busy, cell) in BUSY.iter().zip(row) {
                    cell.push(together(algorithm, *platform, *busy));
                }
            }
        }
        for (platform, row) in platforms.iter().zip(figures) {
            let cells: Vec<String> = row.into_iter().map(|cell| format!("{:>5.2}", median(cell))).collect();
            println!(
                "{:<16} degree {:<2} {}",
                format!("{algorithm} {platform}"),
                platform.degree(algorithm),
                cells.join(" ")
            );
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The time that this thread has had the processor.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("it is not negative")
}

fn alone(algorithm: Algorithm) -> f64 {
    let bytes = vec![1; 256 * 1024];
    let mut hasher = Hasher::new(algorithm);
    let start = now();
    while now() - start < ROUND {
        hasher.update(&bytes);
    }
    hasher.message_bytes() as f64 / (now() - start).as_nanos() as f64
}

fn together(algorithm: Algorithm, platform: Platform, busy: usize) -> f64 {
    let mut lanes = Lanes::new(platform, busy, CHUNK_BYTES);
    for tag in 0..busy {
        let slot = lanes.admit(tag as u64, &[algorithm]).expect("as many slots as messages");
        lanes.space(slot).fill(tag as u8);
    }
    let mut hungry = Vec::new();
    let mut bytes = 0;
    let start = now();
    while now() - start < ROUND {
        hungry.extend(lanes.hungry());
        for slot in hungry.drain(..) {
            let space = lanes.space(slot).len();
            lanes.feed(slot, space);
            bytes += space;
        }
        lanes.step();
    }
    bytes as f64 / (now() - start).as_nanos() as f64
}
