//! What is remembered of receivers: which answer, and which do not, with the circuit that holds callbacks back from those.
//!
//! A circuit opens when an attempt hangs, or when several in a row are refused: when there is no answer at all, but at once. Until it lets the next one through, a *probe*, nothing is sent to the receiver; each
//! probe that hangs doubles that pause. The first answer closes the circuit. What is remembered has a bound: of more
//! receivers the half is forgotten that was not heard of for longest, and is new again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The pause after the first attempt that hung. Shorter than the first pause of the schedule with its jitter, so that a receiver
/// with a single callback is tried when the schedule says so.
const PROBE_PAUSE_FIRST: Duration = Duration::from_secs(2);
/// A receiver that is well again is found out within this time and the length of an attempt.
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(60);
/// So many refusals in a row open a circuit. One or two are a receiver that is started anew, or a connection that it closed
/// just when it was used.
const REFUSALS_MAX: u32 = 3;
/// Receivers that are remembered: a MiB or two of names.
const KNOWN_MAX: usize = 10_000;

/// How a receiver has behaved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing is known of it.
    New,
    /// Its last answer came quickly, whatever it was.
    Answers,
    /// Its last attempt hung, or one too many was refused.
    Silent(Circuit),
}

/// The circuit of a receiver that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circuit {
    /// When the attempt was begun that opened it first.
    pub(crate) since: Instant,
    /// When it opened last.
    opened: Instant,
    /// The next attempt is let through from then on.
    pub(crate) probe_from: Instant,
    /// How often it opened.
    times: u32,
}

/// What is known of receivers, by name.
#[derive(Debug, Default)]
pub(crate) struct Standings(HashMap<String, Known>);

#[derive(Debug)]
struct Known {
    standing: Standing,
    /// Refusals since its last answer.
    refusals: u32,
    heard: Instant,
}

impl Standings {
    /// The standing of a receiver.
    pub(crate) fn of(&self, receiver: &str) -> Standing {
        self.0.get(receiver).map_or(Standing::New, |known| known.standing)
    }

    /// An attempt was answered.
    pub(crate) fn answered(&mut self, receiver: &str, now: Instant) {
        self.note(receiver, Standing::Answers, now);
    }

    /// An attempt that was begun at `started` hung.
    pub(crate) fn hung(&mut self, receiver: &str, started: Instant, now: Instant) {
        let circuit = match self.of(receiver) {
            // It was sent beside the one that opened the circuit, and says nothing new.
            Standing::Silent(circuit) if started < circuit.opened => return,
            Standing::Silent(circuit) => Circuit { times: circuit.times + 1, ..circuit },
            Standing::New | Standing::Answers => Circuit { since: started, opened: now, probe_from: now, times: 1 },
        };
        let pause = PROBE_PAUSE_FIRST.saturating_mul(1 << (circuit.times - 1).min(16)).min(PROBE_PAUSE_MAX);
        let circuit = Circuit { opened: now, probe_from: now + pause, ..circuit };
        self.note(receiver, Standing::Silent(circuit), now);
    }

    /// An attempt that was begun at `started` was refused.
    pub(crate) fn refused(&mut self, receiver: &str, started: Instant, now: Instant) {
        let (standing, refusals) = self.0.get(receiver).map_or((Standing::New, 0), |it| (it.standing, it.refusals));
        if matches!(standing, Standing::Silent(_)) || refusals + 1 >= REFUSALS_MAX {
            return self.hung(receiver, started, now);
        }
        self.note(receiver, standing, now);
        if let Some(known) = self.0.get_mut(receiver) {
            known.refusals = refusals + 1;
        }
    }

    fn note(&mut self, receiver: &str, standing: Standing, now: Instant) {
        if let Some(known) = self.0.get_mut(receiver) {
            *known = Known { standing, refusals: 0, heard: now };
            return;
        }
        if self.0.len() >= KNOWN_MAX {
            let mut heard: Vec<Instant> = self.0.values().map(|known| known.heard).collect();
            let middle = KNOWN_MAX / 2;
            let (_, median, _) = heard.select_nth_unstable(middle);
            let median = *median;
            self.0.retain(|_, known| known.heard > median);
        }
        self.0.insert(receiver.to_owned(), Known { standing, refusals: 0, heard: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pause(standings: &Standings, now: Instant) -> Option<Duration> {
        match standings.of("a") {
            Standing::Silent(circuit) => Some(circuit.probe_from - now),
            Standing::New | Standing::Answers => None,
        }
    }

    #[test]
    fn each_probe_that_hangs_doubles_the_pause_up_to_a_minute_and_an_answer_ends_it() {
        let mut standings = Standings::default();
        let mut now = Instant::now();
        let begin = now;
        for expected in [2, 4, 8, 16, 32, 60, 60] {
            let started = now;
            now += seconds(10);
            standings.hung("a", started, now);
            assert_eq!(pause(&standings, now), Some(seconds(expected)));
            now += seconds(expected);
        }
        assert!(matches!(standings.of("a"), Standing::Silent(circuit) if circuit.since == begin));
        standings.answered("a", now);
        assert_eq!(standings.of("a"), Standing::Answers);
        standings.hung("a", now, now + seconds(10));
        assert_eq!(pause(&standings, now + seconds(10)), Some(seconds(2)));
        assert_eq!(standings.of("b"), Standing::New);
    }

    #[test]
    fn attempts_that_hang_side_by_side_count_once() {
        let mut standings = Standings::default();
        let begin = Instant::now();
        for late in 0..4 {
            standings.hung("a", begin + Duration::from_millis(late), begin + seconds(10) + Duration::from_millis(late));
        }
        assert_eq!(pause(&standings, begin + seconds(10)), Some(seconds(2)));
    }

    #[test]
    fn the_third_refusal_in_a_row_opens_the_circuit_and_a_probe_that_is_refused_doubles_the_pause() {
        let mut standings = Standings::default();
        let now = Instant::now();
        for _ in 0..2 {
            standings.refused("a", now, now);
            assert_eq!(standings.of("a"), Standing::New);
        }
        standings.answered("a", now);
        for _ in 0..2 {
            standings.refused("a", now, now);
            assert_eq!(standings.of("a"), Standing::Answers, "an answer lies between");
        }
        standings.refused("a", now, now);
        assert_eq!(pause(&standings, now), Some(seconds(2)));
        let later = now + seconds(2);
        standings.refused("a", later, later);
        assert_eq!(pause(&standings, later), Some(seconds(4)));
        standings.answered("a", later);
        assert_eq!(standings.of("a"), Standing::Answers);
    }

    #[test]
    fn no_more_receivers_are_remembered_than_the_bound_says_and_the_latest_stay() {
        let mut standings = Standings::default();
        let begin = Instant::now();
        for index in 0..3 * KNOWN_MAX as u64 {
            standings.answered(&index.to_string(), begin + Duration::from_millis(index));
            assert!(standings.0.len() <= KNOWN_MAX);
        }
        assert_eq!(standings.of(&(3 * KNOWN_MAX - 1).to_string()), Standing::Answers);
        assert_eq!(standings.of("0"), Standing::New);
    }
}
