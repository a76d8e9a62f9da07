//! The schedule of deliveries: what follows an attempt at a callback that was not taken (spec section 9).

use std::time::Duration;

use hashlane_job::{Lease, Outcome, Reply, delivery_delay};
use hashlane_store::HoldBack;

use crate::chance::chance;
use crate::receivers::Silence;

/// A callback is postponed for half as long as its receiver has been silent, up to as long, so that a backlog that cannot be
/// sent is looked at ever more rarely; but as if that were no less than this, so that it is not looked at all the time,
const SILENCE_MIN: Duration = Duration::from_secs(4);
/// and no more than this, which a receiver that is well again waits at most for the last of its backlog.
const SILENCE_MAX: Duration = Duration::from_secs(5 * 60);

/// By how much jitter may lengthen the pause that a receiver wishes: as much as those of the schedule (spec section 9).
const AFTER_STRETCH: f64 = 0.2;
/// What the delivery record says of a callback that was postponed.
const NOT_SENT: &str = "not sent: the receiver does not answer";

/// How often and when a callback is tried.
#[derive(Debug, Clone)]
pub(crate) struct DeliverySchedule {
    /// Attempts at a callback.
    pub(crate) attempts_max: u32,
    /// The pauses before each of them.
    pub(crate) delays: Vec<Duration>,
}

impl DeliverySchedule {
    /// After a failed attempt. The receiver may ask for more time with `after`, not for less; what it asks of many is spread
    /// over a fifth of it more, so that they do not come all at once (failure rule D7).
    pub(crate) fn again(&self, lease: &Lease, reply: Reply, after: Option<Duration>) -> Outcome {
        match delivery_delay(&self.delays, self.attempts_max, lease.attempt, chance()) {
            Some(delay) => {
                let after = after.unwrap_or_default().mul_f64(1.0 + AFTER_STRETCH * chance());
                Outcome::DeliverAgain { delay: delay.max(after), reply }
            }
            None => Outcome::DeliveryFailed(reply),
        }
    }

    /// Instead of an attempt, because there is no room in the receiver's line. No attempt is spent, so that no callback is
    /// given up that was not sent.
    ///
    /// A callback of a receiver that is well goes to the end of what is due. One of a receiver that has been silent for a
    /// while leaves the way of the others; the jitter spreads a backlog over time.
    pub(crate) fn no_room(&self, silent_for: Option<Duration>) -> Outcome {
        match silent_for {
            None => Outcome::GivenBack,
            Some(silent_for) => Outcome::Postponed {
                delay: silent_for.clamp(SILENCE_MIN, SILENCE_MAX).mul_f64(0.5 + 0.5 * chance()),
                said: NOT_SENT.into(),
            },
        }
    }

    /// For callbacks that become due while their receiver is silent: as short as any that is postponed now. Without jitter,
    /// since they come one after another.
    pub(crate) fn hold_back(silence: &Silence) -> HoldBack {
        let delay = silence.since.clamp(SILENCE_MIN, SILENCE_MAX) / 2;
        HoldBack { delay, lasts: delay.max(silence.until), said: NOT_SENT.into() }
    }
}

#[cfg(test)]
mod tests {
    use hashlane_job::{JobIds, Stage};

    use super::*;
    use crate::fake_leases::lease;

    fn schedule() -> DeliverySchedule {
        DeliverySchedule {
            attempts_max: 3,
            delays: vec![Duration::ZERO, Duration::from_secs(5), Duration::from_secs(300)],
        }
    }

    fn reply() -> Reply {
        Reply { said: "500".into(), status: Some(500), took: Duration::ZERO }
    }

    fn attempt(attempt: u32) -> Lease {
        Lease { attempt, ..lease(&JobIds::random(), Stage::Deliver, "http://receiver.example/") }
    }

    /// Failure rule D7.
    #[test]
    fn the_receivers_wish_counts_when_it_is_longer() {
        for (wish, least, most) in [(None, 4, 6), (Some(1), 4, 6), (Some(60), 60, 72)] {
            match schedule().again(&attempt(1), reply(), wish.map(Duration::from_secs)) {
                Outcome::DeliverAgain { delay, .. } => {
                    assert!((Duration::from_secs(least)..=Duration::from_secs(most)).contains(&delay), "{delay:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Failure rule D7.
    #[test]
    fn callbacks_that_were_told_the_same_time_do_not_come_all_at_once() {
        let due = |_| match schedule().again(&attempt(1), reply(), Some(Duration::from_secs(60))) {
            Outcome::DeliverAgain { delay, .. } => delay,
            other => panic!("{other:?}"),
        };
        let delays: Vec<Duration> = (0..100).map(due).collect();
        let (first, last) = (delays.iter().min(), delays.iter().max());
        assert!(last.zip(first).is_some_and(|(last, first)| *last - *first > Duration::from_secs(6)), "{delays:?}");
    }

    #[test]
    fn the_last_attempt_is_the_end_whatever_the_receiver_wishes() {
        let outcome = schedule().again(&attempt(3), reply(), Some(Duration::from_secs(60)));
        assert_eq!(outcome, Outcome::DeliveryFailed(reply()));
    }

    #[test]
    fn callbacks_are_held_back_for_half_the_silence_so_far_and_until_the_next_attempt_is_due() {
        for (since, until, delay, lasts) in [(0, 1, 2, 2), (10, 60, 5, 60), (1_000_000, 60, 150, 150)] {
            let silence = Silence { since: Duration::from_secs(since), until: Duration::from_secs(until) };
            let hold = DeliverySchedule::hold_back(&silence);
            assert_eq!((hold.delay, hold.lasts), (Duration::from_secs(delay), Duration::from_secs(lasts)));
        }
    }

    #[test]
    fn a_callback_that_finds_no_room_waits_for_its_turn_or_the_longer_the_longer_its_receiver_is_silent() {
        assert_eq!(schedule().no_room(None), Outcome::GivenBack);
        for (silent_for, least, most) in [(0, 2, 4), (60, 30, 60), (1_000_000, 150, 300)] {
            match schedule().no_room(Some(Duration::from_secs(silent_for))) {
                Outcome::Postponed { delay, .. } => {
                    assert!((Duration::from_secs(least)..=Duration::from_secs(most)).contains(&delay), "{delay:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
