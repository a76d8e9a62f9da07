//! A contest: the same messages hashed by each contestant in turn, round after round, and the table of it.

use std::time::Duration;

use hashlane_lanes::{Algorithm, Hasher};
use rustix::time::{ClockId, clock_gettime};

use crate::messages::Messages;

const ROUNDS: usize = 9;
/// The least that a contestant runs in a round.
const ROUND: Duration = Duration::from_millis(20);

/// One implementation. It is given the messages and room for their digests, one behind the other.
pub struct Contestant {
    /// How the table calls it.
    pub name: &'static str,
    /// Hashes all messages.
    pub run: Box<dyn FnMut(&[&[u8]], &mut [u8])>,
    /// Whether its digests are those of the messages.
    pub checked: bool,
}

impl Contestant {
    /// One whose digests are checked.
    pub fn new(name: &'static str, run: impl FnMut(&[&[u8]], &mut [u8]) + 'static) -> Contestant {
        Contestant { name, run: Box::new(run), checked: true }
    }
}

/// A table to be.
pub struct Contest {
    /// Its heading.
    pub title: String,
    /// What is computed.
    pub algorithm: Algorithm,
    /// Of what.
    pub messages: Messages,
    /// By whom; the first is what others are compared with.
    pub contestants: Vec<Contestant>,
}

impl Contest {
    /// Holds it and prints the table.
    pub fn hold(mut self) {
        let slices = self.messages.slices();
        let mut digests = vec![0; self.messages.count() * self.algorithm.digest_bytes()];
        let expected: Vec<u8> =
            slices.iter().flat_map(|message| Hasher::digest(self.algorithm, message).as_bytes().to_vec()).collect();
        // The first run fills the caches too.
        for contestant in &mut self.contestants {
            digests.fill(0);
            (contestant.run)(&slices, &mut digests);
            assert!(!contestant.checked || digests == expected, "{} gives other digests", contestant.name);
        }
        let mut speeds = vec![Vec::new(); self.contestants.len()];
        for _ in 0..ROUNDS {
            for (contestant, speeds) in self.contestants.iter_mut().zip(&mut speeds) {
                let start = now();
                let mut passes = 0;
                while now() - start < ROUND {
                    (contestant.run)(&slices, &mut digests);
                    passes += 1;
                }
                speeds.push((passes * self.messages.total()) as f64 / (now() - start).as_nanos() as f64);
            }
        }
        println!("\n## {}\n\n| | GB/s | ratio |\n|---|---|---|", self.title);
        for (contestant, own) in self.contestants.iter().zip(&speeds) {
            let ratios = sorted(speeds[0].iter().zip(own).map(|(ours, own)| ours / own).collect());
            let (least, most) = (ratios[0], ratios[ROUNDS - 1]);
            let speed = sorted(own.clone())[ROUNDS / 2];
            println!("| {} | {speed:.2} | {:.2} ({least:.2}-{most:.2}) |", contestant.name, ratios[ROUNDS / 2]);
        }
    }
}

fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.sort_by(f64::total_cmp);
    figures
}

/// The time that this thread has had the processor.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("it is not negative")
}
