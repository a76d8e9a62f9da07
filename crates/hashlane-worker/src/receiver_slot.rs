//! A place at a callback's receiver, as the step that sends the callback holds it, and the receiver's name.

use std::time::Duration;

use hashlane_job::{CallbackTarget, NotifyAddress, Outcome};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use url::Url;

/// An attempt that fails but ends within this time does not cost a slot for long, and the receiver is alive.
const PROMPT: Duration = Duration::from_secs(1);

/// The receiver of a callback: scheme, host and port, without path and query, which may hold secrets.
pub(crate) fn receiver_name(target: &CallbackTarget) -> String {
    match &target.address {
        NotifyAddress::Url(text) => match Url::parse(text) {
            Ok(url) => url.origin().ascii_serialization(),
            // It will be refused for that, promptly.
            Err(_) => "not a url".into(),
        },
        NotifyAddress::Mq(queue) => format!("tdmq {}", queue.region),
    }
}

/// Which callback in flight.
pub(crate) type Ticket = u64;

/// What an attempt showed of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Showed {
    /// It took the callback, or it said no quickly.
    Answer,
    /// It did not take the callback and took its time for that.
    Silence,
}

/// Tells that a place at a receiver is free again.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Which.
    pub(crate) ticket: Ticket,
    /// `None` when nothing is known, because the attempt was cut off.
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
        let delivered = matches!(outcome, Outcome::Delivered(_));
        let prompt = delivered || self.taken.elapsed() < PROMPT;
        if let Some(ended) = &mut self.ended {
            ended.showed = Some(if prompt { Showed::Answer } else { Showed::Silence });
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
    use super::*;

    #[test]
    fn a_receiver_is_named_without_path_query_and_credentials() {
        for (url, expected) in [
            ("http://user:pass@example.com/secret?token=1#x", "http://example.com"),
            ("https://example.com:8443/a", "https://example.com:8443"),
            ("https://EXAMPLE.com:443/a", "https://example.com"),
            ("http://0x7f.1/", "http://127.0.0.1"),
            ("nonsense", "not a url"),
        ] {
            let target = CallbackTarget { address: NotifyAddress::Url(url.into()), format: Default::default() };
            assert_eq!(receiver_name(&target), expected);
        }
    }
}
