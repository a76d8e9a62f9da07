//! When to try again, as pure functions of the attempt and of a random number.

use std::time::Duration;

/// How often and for how long an object is tried that fails to be read for a temporary reason; the last failure is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashRetry {
    /// Attempts that may end with a failure.
    pub attempts_max: u32,
    /// No attempt begins later than this after the first failure.
    pub time_max: Duration,
}

impl Default for HashRetry {
    /// Five attempts with their pauses outlast a storage that hiccups for some seconds; more would only delay the answer that
    /// it is down. An attempt itself may take as long as its object is large, so an hour: then the job has waited for its
    /// storage long enough, and who asked learns it.
    fn default() -> HashRetry {
        HashRetry { attempts_max: 5, time_max: Duration::from_secs(3600) }
    }
}

/// How often in a row an object may change while it is read; the last time is final (failure rule B2). Who writes to it all
/// the time would make every attempt read it for nothing.
pub const HASH_CHANGES_MAX: u32 = 3;

/// The pause before the second attempt at an object; it doubles from attempt to attempt.
const HASH_DELAY_FIRST: Duration = Duration::from_secs(1);
/// No pause is longer than this.
const HASH_DELAY_MAX: Duration = Duration::from_secs(60);

/// The pause after failed attempt number `attempt` (from 1) at hashing an object: exponential with full jitter, so that
/// jobs that failed together do not come back together. `random` is uniform in 0..1. Never less than a tenth of a
/// second, so that a failing disk is not asked in a loop.
pub fn hash_delay(attempt: u32, random: f64) -> Duration {
    let doubled = HASH_DELAY_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    doubled.min(HASH_DELAY_MAX).mul_f64(random.clamp(0.0, 1.0)).max(Duration::from_millis(100))
}

/// The pauses of spec section 9 between attempts at a callback, each after the attempt before: the first is sent at
/// once, the second after 5 s, the tenth a day after the ninth.
pub const DELIVERY_DELAYS: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// The share of a pause by which it is shortened or lengthened at random (spec section 9).
const DELIVERY_JITTER: f64 = 0.2;

/// The pause after failed attempt number `attempt` (from 1) at a callback, or `None` when `attempts_max` are used up.
/// Attempts past the schedule's end use its last pause. `random` is uniform in 0..1.
pub fn delivery_delay(schedule: &[Duration], attempts_max: u32, attempt: u32, random: f64) -> Option<Duration> {
    if attempt >= attempts_max {
        return None;
    }
    let delay = schedule.get(attempt as usize).or(schedule.last())?;
    Some(delay.mul_f64(1.0 - DELIVERY_JITTER + 2.0 * DELIVERY_JITTER * random.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure rule D7.
    #[test]
    fn a_callback_is_tried_ten_times_on_the_schedule_of_the_spec() {
        let delays: Vec<_> = (1..=10).map(|attempt| delivery_delay(&DELIVERY_DELAYS, 10, attempt, 0.5)).collect();
        assert_eq!(delays[0], Some(Duration::from_secs(5)));
        assert_eq!(delays[8], Some(Duration::from_secs(86_400)));
        assert_eq!(delays[9], None);
    }

    /// Failure rule A21.
    #[test]
    fn jitter_stays_within_a_fifth() {
        for random in [0.0, 0.25, 1.0] {
            let delay = delivery_delay(&DELIVERY_DELAYS, 10, 2, random).expect("attempts are left");
            assert!((Duration::from_secs(240)..=Duration::from_secs(360)).contains(&delay));
        }
    }

    /// Failure rule A21.
    #[test]
    fn hash_delays_grow_and_are_capped() {
        assert_eq!(hash_delay(1, 1.0), Duration::from_secs(1));
        assert_eq!(hash_delay(4, 1.0), Duration::from_secs(8));
        assert_eq!(hash_delay(u32::MAX, 1.0), Duration::from_secs(60));
        assert_eq!(hash_delay(3, 0.0), Duration::from_millis(100));
    }
}
