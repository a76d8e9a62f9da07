//! A place at a callback's receiver, as the step that sends the callback holds it.

use std::time::Duration;

use hashlane_job::Outcome;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// An attempt that fails but ends within this time does not cost a slot for long, and the receiver is alive.
const PROMPT: Duration = Duration::from_secs(1);
/// One that is answered with a status within this time neither, though it is slow.
const ANSWERED: Duration = Duration::from_secs(5);

/// Which callback in flight.
pub(crate) type Ticket = u64;

/// What an attempt showed of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Showed {
    /// It took the callback, or it said no quickly.
    Answer,
    /// Quickly, but without an answer: a closed port, a reset, what is no HTTP.
    Refusal,
    /// It did not take the callback and took its time for that.
    Silence,
}

impl Showed {
    /// What an outcome after this time shows; `None` when nothing was sent, or when it was the last of many refusals.
    fn by(outcome: &Outcome, took: Duration) -> Option<Showed> {
        let (reply, is_last) = match outcome {
            Outcome::DeliverAgain { reply, .. } => (reply, false),
            Outcome::DeliveryFailed(reply) => (reply, true),
            _ => return Some(Showed::Answer),
        };
        match reply.status {
            Some(_) if took < ANSWERED => Some(Showed::Answer),
            None if took < PROMPT => (!is_last).then_some(Showed::Refusal),
            _ => Some(Showed::Silence),
        }
    }
}

/// Tells that a place at a receiver is free again.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Which.
    pub(crate) ticket: Ticket,
    /// `None` when nothing is known, because the attempt was cut off or nothing was sent.
    pub(crate) showed: Option<Showed>,
}

/// A place at a receiver. When it is dropped, the place is free.
#[derive(Debug)]
pub(crate) struct ReceiverSlot {
    ended: Option<Ended>,
    taken: Instant,
    tell: UnboundedSender<Ended>,
}

impl ReceiverSlot {
    /// The place of this ticket, from now on. The channel needs no bound: it holds at most one message for each place.
    pub(crate) fn new(ticket: Ticket, tell: UnboundedSender<Ended>) -> ReceiverSlot {
        ReceiverSlot { ended: Some(Ended { ticket, showed: None }), taken: Instant::now(), tell }
    }

    /// The attempt has ended.
    pub(crate) fn ended(mut self, outcome: &Outcome) {
        let showed = Showed::by(outcome, self.taken.elapsed());
        if let Some(ended) = &mut self.ended {
            ended.showed = showed;
        }
    }
}

impl Drop for ReceiverSlot {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            // Nobody listens when the loop has ended, and then nobody needs to know.
            self.tell.send(ended).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use hashlane_job::Reply;

    use super::*;

    #[test]
    fn an_answer_with_a_status_is_an_answer_though_it_is_slow() {
        let reply = |status| Reply { said: "...".into(), status, took: Duration::ZERO };
        let again = |status| Outcome::DeliverAgain { delay: Duration::ZERO, reply: reply(status) };
        let last = |status| Outcome::DeliveryFailed(reply(status));
        let delivered = Outcome::Delivered(reply(Some(200)));
        for (outcome, milliseconds, shown) in [
            (&delivered, 0, Some(Showed::Answer)),
            (&delivered, 9_900, Some(Showed::Answer)),
            (&again(Some(503)), 0, Some(Showed::Answer)),
            (&again(Some(503)), 1_200, Some(Showed::Answer)),
            (&again(Some(503)), 9_900, Some(Showed::Silence)),
            (&last(Some(503)), 1_200, Some(Showed::Answer)),
            (&again(None), 10_000, Some(Showed::Silence)),
            (&last(None), 10_000, Some(Showed::Silence)),
            (&again(None), 0, Some(Showed::Refusal)),
            // An address that is not sent to, or the end of many refusals.
            (&last(None), 0, None),
        ] {
            assert_eq!(Showed::by(outcome, Duration::from_millis(milliseconds)), shown, "{outcome:?} {milliseconds}");
        }
    }
}
