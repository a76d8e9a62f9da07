//! The schedule of deliveries: what follows an attempt at a callback that was not taken (spec section 9).

use std::time::Duration;

use hashlane_job::{Lease, Outcome, delivery_delay};

use crate::chance::chance;

/// How often and when a callback is tried.
#[derive(Debug, Clone)]
pub(crate) struct DeliverySchedule {
    /// Attempts at a callback.
    pub(crate) attempts_max: u32,
    /// The pauses before each of them.
    pub(crate) delays: Vec<Duration>,
}

impl DeliverySchedule {
    /// After a failed attempt. The receiver may ask for more time with `after`, not for less.
    pub(crate) fn again(&self, lease: &Lease, said: String, after: Option<Duration>) -> Outcome {
        match delivery_delay(&self.delays, self.attempts_max, lease.attempt, chance()) {
            Some(delay) => Outcome::DeliverAgain { delay: delay.max(after.unwrap_or_default()), said },
            None => Outcome::DeliveryFailed { said },
        }
    }

    /// Instead of an attempt, because there is no room in the receiver's line.
    ///
    /// When the receiver did not answer its last attempt, this one counts as failed too: it could only have hung as well,
    /// and its next one follows by the schedule, so that the backlog of a dead receiver dissolves instead of being claimed
    /// over and over. The last attempt is never spent like that: no callback is given up that was not sent.
    pub(crate) fn no_room(&self, lease: &Lease, receiver_is_dead: bool) -> Outcome {
        if receiver_is_dead && lease.attempt < self.attempts_max {
            let said = "not sent: the receiver does not answer and earlier callbacks wait for it".to_owned();
            self.again(lease, said, None)
        } else {
            Outcome::GivenBack
        }
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

    fn attempt(attempt: u32) -> Lease {
        Lease { attempt, ..lease(&JobIds::random(), Stage::Deliver, "http://receiver.example/") }
    }

    #[test]
    fn the_receivers_wish_counts_when_it_is_longer() {
        for (wish, least, most) in [(None, 4, 6), (Some(1), 4, 6), (Some(60), 60, 60)] {
            match schedule().again(&attempt(1), "500".into(), wish.map(Duration::from_secs)) {
                Outcome::DeliverAgain { delay, .. } => {
                    assert!((Duration::from_secs(least)..=Duration::from_secs(most)).contains(&delay), "{delay:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_last_attempt_is_the_end_whatever_the_receiver_wishes() {
        let outcome = schedule().again(&attempt(3), "500".into(), Some(Duration::from_secs(60)));
        assert_eq!(outcome, Outcome::DeliveryFailed { said: "500".into() });
    }

    #[test]
    fn a_callback_that_finds_no_room_waits_for_its_turn_or_for_the_schedule_but_is_never_given_up() {
        assert_eq!(schedule().no_room(&attempt(1), false), Outcome::GivenBack);
        assert!(matches!(schedule().no_room(&attempt(1), true), Outcome::DeliverAgain { .. }));
        for last in [3, 4, 100] {
            assert_eq!(schedule().no_room(&attempt(last), true), Outcome::GivenBack);
        }
    }
}
