//! Prints how fast hashlane's lanes are beside other implementations, on one core: GB/s and ratios, as Markdown.
//!
//! `bench/rivals/run [FILTER...]`; a filter is a part of a table's title. Before anything is measured, all contestants must give the
//! same digests. Time is the time that this thread had the processor; contestants take turns, and ratios are medians of the
//! ratios within a round, so that a noisy moment hits no contestant alone.

mod contest;
mod messages;
mod ours;
mod theirs;

use contest::{Contest, Contestant};
use hashlane_lanes::{Algorithm, Platform};
use messages::Messages;

const ALGORITHMS: [Algorithm; 4] = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

fn main() {
    let filters: Vec<String> = std::env::args().skip(1).collect();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    println!(
        "CPU {}, platform {}, one thread; {}.",
        cpu.trim_start_matches([' ', '\t', ':']),
        Platform::detect(),
        load()
    );
    println!(
        "The first line of a table is ours; a ratio is our speed through that line's, the median of rounds (least to most)."
    );
    for algorithm in ALGORITHMS {
        for count in [32, 48, 64] {
            let title = format!("{algorithm}, {count} messages of 4 KiB");
            if asked(&filters, &title) {
                let messages = Messages::equal(count, 4096);
                let mut contestants = vec![ours::in_place(algorithm, count, 4096), ours::lanes(algorithm, count, 4096)];
                contestants.extend(theirs::of_many(algorithm));
                contestants.extend(theirs::of_one(algorithm));
                Contest { title, algorithm, messages, contestants }.hold();
            }
        }
        let title = format!("{algorithm}, messages of 512 B to 1 MiB, 67 MB");
        if asked(&filters, &title) {
            let mut contestants: Vec<Contestant> = vec![ours::lanes(algorithm, 64, 8 * 1024)];
            contestants.extend(theirs::of_many(algorithm));
            contestants.extend(theirs::of_one(algorithm));
            Contest { title, algorithm, messages: Messages::mixed(67_000_000), contestants }.hold();
        }
        let title = format!("{algorithm}, one message of 256 KiB");
        if asked(&filters, &title) {
            let mut contestants = vec![ours::alone(algorithm)];
            contestants.extend(theirs::of_one(algorithm));
            Contest { title, algorithm, messages: Messages::equal(1, 256 * 1024), contestants }.hold();
        }
    }
    println!("\nAt the end: {}.", load());
}

fn asked(filters: &[String], title: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| title.contains(filter.as_str()))
}

/// What else the machine has to do; figures taken under load are noisy.
fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("load {} on {cores} cores", load.split(' ').next().unwrap_or("unknown"))
}
