//! Pacing: 503s are told at once while they are few, and a little later when they are very many.
//!
//! A client that is refused should wait as `Retry-After` says. Those that ask again at once would take the processor from the jobs
//! that were accepted. Held back for some milliseconds, which costs nothing, a connection can ask only so often. It promises that no
//! refusal is held for longer than [`HELD_MAX`]; how many are held is bounded by the number of connections.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two refusals that are told at once: a thousand a second are a few percent of a core.
const PACE: Duration = Duration::from_millis(1);
/// The longest that a refusal is held back: clients are to be told within 50 ms, which leaves the rest to a busy server.
const HELD_MAX: Duration = Duration::from_millis(30);

/// When the next refusal may be told.
pub(crate) struct Pacing(Mutex<Instant>);

impl Pacing {
    /// Nothing was refused yet.
    pub(crate) fn new() -> Pacing {
        Pacing(Mutex::new(Instant::now()))
    }

    /// Waits until a refusal may be told.
    pub(crate) async fn wait(&self) {
        let held = self.hold(Instant::now());
        if !held.is_zero() {
            tokio::time::sleep(held).await;
        }
    }

    /// How long a refusal of this moment is to be held.
    fn hold(&self, now: Instant) -> Duration {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = (*next).max(now);
        *next = (told + PACE).min(now + HELD_MAX);
        told - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure rule E5.
    #[test]
    fn few_refusals_are_told_at_once_and_very_many_within_the_bound() {
        let pacing = Pacing::new();
        let start = Instant::now() + HELD_MAX;
        for number in 0..100 {
            assert_eq!(pacing.hold(start + PACE * number), Duration::ZERO, "a thousand a second are not held");
        }
        let flood = start + PACE * 100;
        let held: Vec<Duration> = (0..10_000).map(|_| pacing.hold(flood)).collect();
        assert_eq!(held[..3], [Duration::ZERO, PACE, PACE * 2], "they are spread");
        assert!(held.iter().all(|it| *it <= HELD_MAX) && held[9_999] == HELD_MAX, "and none for longer than promised");
        assert_eq!(pacing.hold(flood + HELD_MAX), Duration::ZERO, "it ends with the flood");
    }
}
