//! The receivers of callbacks: who may be sent to now, who has to wait, and who is turned away.
//!
//! A plain data structure without clock, store or network. It keeps one line per receiver (scheme, host and port) and
//! lets a few of each line through at a time. Why a hanging receiver with any number of due callbacks cannot hold up a
//! healthy one for long:
//!
//! 1. A receiver that has not answered lately is *unproven* and has one callback in flight; only an answer within a second
//!    earns it four. So a dead receiver holds one of the worker's slots, not all of them.
//! 2. Behind those a bounded number waits here, under leases that are renewed. What does not fit is turned away: given
//!    back to the store at once, which puts it at the *end* of what is due. Turning away needs no slot, so claiming
//!    passes over the callbacks of the dead receiver at the speed of the store, thousands in a fraction of a second, and
//!    comes to those of the healthy one.
//! 3. Once an attempt has hung, the receiver is known to be *dead*, and what is turned away does not come back at once but
//!    by the schedule of deliveries.
//!
//! How often all of it is passed over is decided in `due_deliveries.rs`, what turned away means in `delivery_schedule.rs`.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hashlane_job::{CallbackTarget, NotifyAddress, Outcome};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use url::Url;

/// Callbacks in flight to one receiver that answers (failure rule D6).
const IN_FLIGHT_PROVEN_MAX: usize = 4;
/// To one that has not answered lately.
const IN_FLIGHT_UNPROVEN_MAX: usize = 1;
/// Waiting here for one receiver that answers: as many as one claim brings, so that it need not wait for the store.
const WAITING_PROVEN_MAX: usize = 256;
/// Waiting for one that has not answered lately: enough for the time until its first answer.
const WAITING_UNPROVEN_MAX: usize = 64;
/// Waiting for all receivers: a bound on memory (a lease is about 2 KiB) and on renewals.
const WAITING_MAX: usize = 2048;
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

/// The lines of all receivers. `T` is what waits.
#[derive(Debug)]
pub(crate) struct Receivers<T> {
    lines: HashMap<String, Line<T>>,
    /// May be sent now; their places are taken already.
    ready: VecDeque<(String, T)>,
    waiting: usize,
    hungry: bool,
}

/// There is no room for this item.
#[derive(Debug)]
pub(crate) struct TurnedAway<T> {
    /// The item.
    pub(crate) item: T,
    /// Whether the last attempt at its receiver hung.
    pub(crate) receiver_is_dead: bool,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<T>,
    in_flight: usize,
    /// What its last attempt showed; `None` when there was none.
    prompt: Option<bool>,
    /// Whether something was turned away since the last time that this line ran low.
    turned_away: bool,
}

impl<T> Line<T> {
    fn proven(&self) -> bool {
        self.prompt == Some(true)
    }

    fn in_flight_max(&self) -> usize {
        if self.proven() { IN_FLIGHT_PROVEN_MAX } else { IN_FLIGHT_UNPROVEN_MAX }
    }

    fn waiting_max(&self) -> usize {
        if self.proven() { WAITING_PROVEN_MAX } else { WAITING_UNPROVEN_MAX }
    }
}

impl<T> Receivers<T> {
    /// No receivers.
    pub(crate) fn new() -> Receivers<T> {
        Receivers { lines: HashMap::new(), ready: VecDeque::new(), waiting: 0, hungry: false }
    }

    /// Takes an item for a receiver, or turns it away.
    pub(crate) fn offer(&mut self, receiver: String, item: T) -> Result<(), TurnedAway<T>> {
        let line = self.lines.entry(receiver.clone()).or_insert_with(|| Line {
            waiting: VecDeque::new(),
            in_flight: 0,
            prompt: None,
            turned_away: false,
        });
        if line.in_flight < line.in_flight_max() {
            line.in_flight += 1;
            self.ready.push_back((receiver, item));
        } else if line.waiting.len() < line.waiting_max() && self.waiting < WAITING_MAX {
            line.waiting.push_back(item);
            self.waiting += 1;
        } else {
            line.turned_away = true;
            return Err(TurnedAway { item, receiver_is_dead: line.prompt == Some(false) });
        }
        Ok(())
    }

    /// At most `count` items that may be sent now, with their receivers. For each, [`Receivers::ended`] must follow.
    pub(crate) fn take(&mut self, count: usize) -> Vec<(String, T)> {
        self.ready.drain(..count.min(self.ready.len())).collect()
    }

    /// An item that was taken has ended: `prompt` when the receiver took it or said no quickly, `None` when that is not
    /// known.
    pub(crate) fn ended(&mut self, receiver: &str, prompt: Option<bool>) {
        let Some(line) = self.lines.get_mut(receiver) else { return };
        line.in_flight = line.in_flight.saturating_sub(1);
        line.prompt = prompt.or(line.prompt);
        while line.in_flight < line.in_flight_max() {
            let Some(item) = line.waiting.pop_front() else { break };
            self.waiting -= 1;
            line.in_flight += 1;
            self.ready.push_back((receiver.to_owned(), item));
        }
        if line.turned_away && line.waiting.len() <= line.waiting_max() / 4 {
            line.turned_away = false;
            self.hungry = true;
        }
        // A receiver without work is forgotten, so that there are never more lines than callbacks in hand.
        if line.in_flight == 0 {
            self.lines.remove(receiver);
        }
    }

    /// Whether a line whose items were turned away has run low since this was last asked.
    pub(crate) fn take_hungry(&mut self) -> bool {
        std::mem::take(&mut self.hungry)
    }

    /// All that was not taken.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        let mut rest: Vec<T> = self.ready.drain(..).map(|(_, item)| item).collect();
        rest.extend(self.lines.drain().flat_map(|(_, line)| line.waiting));
        self.waiting = 0;
        rest
    }
}

/// Tells that a place at a receiver is free again.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The receiver.
    pub(crate) receiver: String,
    /// See [`Receivers::ended`].
    pub(crate) prompt: Option<bool>,
}

/// A place at a receiver. When it is dropped, the place is free.
#[derive(Debug)]
pub(crate) struct ReceiverSlot {
    ended: Option<Ended>,
    taken: Instant,
    tell: UnboundedSender<Ended>,
}

impl ReceiverSlot {
    /// The place that an item of [`Receivers::take`] has, from now on. The channel needs no bound: it holds at most one
    /// message for each place.
    pub(crate) fn new(receiver: String, tell: UnboundedSender<Ended>) -> ReceiverSlot {
        ReceiverSlot { ended: Some(Ended { receiver, prompt: None }), taken: Instant::now(), tell }
    }

    /// The attempt has ended.
    pub(crate) fn ended(mut self, outcome: &Outcome) {
        let delivered = matches!(outcome, Outcome::Delivered { .. });
        let prompt = delivered || self.taken.elapsed() < PROMPT;
        if let Some(ended) = &mut self.ended {
            ended.prompt = Some(prompt);
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

    fn offer(receivers: &mut Receivers<u32>, receiver: &str, items: std::ops::Range<u32>) -> usize {
        items.filter(|item| receivers.offer(receiver.into(), *item).is_ok()).count()
    }

    #[test]
    fn a_receiver_gets_one_until_it_has_answered_and_then_four() {
        let mut receivers = Receivers::new();
        offer(&mut receivers, "a", 0..20);
        assert_eq!(receivers.take(100), [("a".to_owned(), 0)]);
        assert!(receivers.take(100).is_empty());
        receivers.ended("a", Some(true));
        assert_eq!(receivers.take(100).len(), 4);
        receivers.ended("a", Some(true));
        assert_eq!(receivers.take(100).len(), 1);
    }

    #[test]
    fn a_receiver_that_stops_answering_falls_back_to_one() {
        let mut receivers = Receivers::new();
        offer(&mut receivers, "a", 0..20);
        receivers.take(1);
        receivers.ended("a", Some(true));
        assert_eq!(receivers.take(100).len(), 4);
        for _ in 0..3 {
            receivers.ended("a", Some(false));
            assert!(receivers.take(100).is_empty());
        }
        receivers.ended("a", Some(false));
        assert_eq!(receivers.take(100).len(), 1);
    }

    #[test]
    fn what_waits_goes_in_order_and_other_receivers_do_not_wait_for_it() {
        let mut receivers = Receivers::new();
        offer(&mut receivers, "a", 0..10);
        offer(&mut receivers, "b", 10..11);
        assert_eq!(receivers.take(100), [("a".to_owned(), 0), ("b".to_owned(), 10)]);
        receivers.ended("a", Some(true));
        let order: Vec<u32> = receivers.take(100).into_iter().map(|(_, item)| item).collect();
        assert_eq!(order, [1, 2, 3, 4]);
    }

    #[test]
    fn no_more_waits_than_the_bounds_say() {
        let mut receivers = Receivers::new();
        assert_eq!(offer(&mut receivers, "a", 0..1000), IN_FLIGHT_UNPROVEN_MAX + WAITING_UNPROVEN_MAX);
        for index in 0..1000 {
            offer(&mut receivers, &format!("b{index}"), 0..1000);
        }
        assert_eq!(receivers.waiting, WAITING_MAX);
        // A receiver that nobody is sent to is served at once even then.
        assert_eq!(offer(&mut receivers, "healthy", 0..5), 1);
    }

    #[test]
    fn who_is_turned_away_learns_whether_the_receiver_is_dead() {
        let mut receivers = Receivers::new();
        let turn_away =
            |receivers: &mut Receivers<u32>| (0..1000).find_map(|item| receivers.offer("a".into(), item).err());
        assert!(turn_away(&mut receivers).is_some_and(|turned_away| !turned_away.receiver_is_dead));
        for dead in [true, false, true] {
            receivers.take(100);
            receivers.ended("a", Some(!dead));
            let turned_away = turn_away(&mut receivers).expect("there is no room");
            assert_eq!(turned_away.receiver_is_dead, dead);
            // An attempt that showed nothing changes nothing.
            receivers.take(100);
            receivers.ended("a", None);
            let turned_away = turn_away(&mut receivers).expect("there is no room");
            assert_eq!(turned_away.receiver_is_dead, dead);
        }
    }

    #[test]
    fn a_receiver_that_turned_away_and_runs_low_is_hungry_once() {
        let mut receivers = Receivers::new();
        offer(&mut receivers, "a", 0..1000);
        assert!(!receivers.take_hungry());
        let mut asked = 0;
        while !receivers.take(1).is_empty() {
            receivers.ended("a", Some(true));
            asked += usize::from(receivers.take_hungry());
        }
        assert_eq!(asked, 1);
    }

    #[test]
    fn everything_that_was_not_taken_can_be_drained_and_receivers_without_work_are_forgotten() {
        let mut receivers = Receivers::new();
        let taken_in = offer(&mut receivers, "a", 0..10) + offer(&mut receivers, "b", 0..10);
        let taken = receivers.take(1);
        assert_eq!(receivers.drain().len() + taken.len(), taken_in);
        let mut receivers = Receivers::new();
        offer(&mut receivers, "a", 0..1);
        receivers.take(1);
        receivers.ended("a", Some(true));
        assert!(receivers.lines.is_empty());
    }

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
