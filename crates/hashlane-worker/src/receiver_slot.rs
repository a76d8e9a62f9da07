//! A place at a callback's receiver, as the step that sends the callback holds it.

use std::time::Duration;

use hashlane_job::{CallbackTarget, NotifyAddress, Outcome, Reply};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// An attempt that fails but ends within this time does not cost a slot for long, and the receiver is alive.
const PROMPT: Duration = Duration::from_secs(1);

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
    /// Whether an answer has a status: a URL, not a broker.
    has_status: bool,
    tell: UnboundedSender<Ended>,
}

impl ReceiverSlot {
    /// The place of this ticket, from now on. The channel needs no bound: it holds at most one message for each place.
    pub(crate) fn new(ticket: Ticket, target: Option<&CallbackTarget>, tell: UnboundedSender<Ended>) -> ReceiverSlot {
        let has_status = matches!(target, Some(CallbackTarget { address: NotifyAddress::Url(_), .. }));
        ReceiverSlot { ended: Some(Ended { ticket, showed: None }), taken: Instant::now(), has_status, tell }
    }

    /// The attempt has ended.
    pub(crate) fn ended(mut self, outcome: &Outcome) {
        let without_answer = |reply: &Reply| self.has_status && reply.status.is_none();
        let showed = match outcome {
            Outcome::Delivered(_) => Some(Showed::Answer),
            _ if self.taken.elapsed() >= PROMPT => Some(Showed::Silence),
            Outcome::DeliverAgain { reply, .. } if without_answer(reply) => Some(Showed::Refusal),
            // A last attempt that was refused, or a target that is not sent to at all.
            Outcome::DeliveryFailed(reply) if without_answer(reply) => None,
            _ => Some(Showed::Answer),
        };
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
