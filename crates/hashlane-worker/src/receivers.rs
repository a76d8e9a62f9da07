//! The receivers of callbacks: who may be sent to now, who has to wait, and who is turned away.
//!
//! A plain data structure without clock, store or network. It keeps one line per receiver (scheme, host and port) and lets
//! a few of each through at a time. Why receivers that hang cannot hold up those that answer, whether it is one with a hundred
//! thousand callbacks or hundreds with one each:
//!
//! 1. A receiver has one callback in flight until it has answered once, then four. So one that hangs holds one place.
//! 2. Places are of two kinds. A callback is sent on a *quick* one. When it is not answered within [`QUICK`], it moves to a
//!    *slow* one, of which there are three times as many, and its quick place is free again: hundreds of receivers that
//!    hang hold quick places for a quarter of a second each and not for ten. Some quick places are kept for receivers that
//!    are known to answer.
//! 3. Once an attempt has hung or several were refused, the receiver is known to be *silent* (`standing.rs`): it is sent
//!    single probes, on slow places only and on no more than a quarter of them.
//! 4. Behind what is in flight a bounded number waits here, under leases that are renewed. The rest is turned away, which
//!    needs no place. When the receiver is well, it goes back to the end of what is due; when it is silent, or when nothing
//!    that is in flight to it has been answered quickly, it is postponed, and so leaves the way of the others.
//! 5. What becomes due for such a receiver later is held back by the store ([`Holding`]): it does not come here at all, so
//!    that those that answer need not share the store's time with those that do not.
//!
//! When to claim is decided in `due_deliveries.rs`, how long a postponement lasts in `delivery_schedule.rs`.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::receiver_slot::{Showed, Ticket};
use crate::standing::{Standing, Standings};

/// Callbacks in flight to one receiver that answers (failure rule D6).
const IN_FLIGHT_MAX: usize = 4;
/// To one that is new or silent.
const IN_FLIGHT_UNPROVEN_MAX: usize = 1;
/// Waiting here for one receiver that answers: as many as one claim brings, so that it need not wait for the store.
const WAITING_PER_LINE_MAX: usize = 256;
/// Waiting for one that is new: enough for the time until its first answer.
const WAITING_UNPROVEN_MAX: usize = 64;
/// Waiting for all receivers, and again for a place though their receiver would take them: a bound on memory (a lease is
/// about 2 KiB) and on renewals.
const WAITING_MAX: usize = 2048;
/// What is not answered in this time gives up its quick place. Long enough for a new connection over a continent, short
/// enough that some hundred receivers that hang pass within a second.
pub(crate) const QUICK: Duration = Duration::from_millis(250);
/// A receiver that nobody knows is held back no longer than this on account of an attempt in flight, which ends before.
const HELD_MAX: Duration = Duration::from_secs(60);
/// So many slow places for each quick one: sockets and small buffers, ten seconds long.
const SLOW_PER_QUICK: usize = 3;
/// The share of the quick places that is kept for receivers that are known to answer.
const KEPT_SHARE: usize = 8;
/// The share of the slow places that probes may take: the others are for what turns out to be slow.
const PROBES_SHARE: usize = 4;

/// The lines of all receivers. `T` is what waits.
#[derive(Debug)]
pub(crate) struct Receivers<T> {
    lines: HashMap<String, Line<T>>,
    standings: Standings,
    /// May be sent as soon as there is a place; they count as in flight in their lines.
    ready: Ready<T>,
    in_flight: HashMap<Ticket, InFlight>,
    /// What is on a quick place, the longest first; what has ended since is still among them.
    quick: VecDeque<(Instant, Ticket)>,
    places: Places,
    waiting: usize,
    hungry: bool,
    /// What the store is to be told.
    holdings: Vec<Holding>,
    next_ticket: Ticket,
}

/// What becomes from now on of callbacks of a receiver that become due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// The receiver.
    pub(crate) receiver: String,
    /// Held back, or as is the rule.
    pub(crate) silence: Option<Silence>,
}

/// How silent a receiver is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    /// For how long so far.
    pub(crate) since: Duration,
    /// The next attempt at it is let through after this, or the one in flight has ended by then.
    pub(crate) until: Duration,
}

/// There is no room for this item.
#[derive(Debug)]
pub(crate) struct TurnedAway<T> {
    /// The item.
    pub(crate) item: T,
    /// How long the receiver has been silent; `None` when it is well and merely busy.
    pub(crate) silent_for: Option<Duration>,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<T>,
    in_flight: usize,
    /// How many of those have given up their quick place.
    slow: usize,
    /// When the first of those in flight was begun.
    oldest: Option<Instant>,
    /// Whether something was turned away since the last time that this line ran low.
    turned_away: bool,
    /// Whether it is held back although it is not known to be silent.
    is_held: bool,
}

#[derive(Debug)]
struct InFlight {
    receiver: String,
    started: Instant,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Quick,
    Slow,
    Probe,
}

/// How many places there are and how many are taken; probes are among the slow ones.
#[derive(Debug)]
struct Places {
    quick_max: usize,
    quick: usize,
    slow: usize,
    probes: usize,
}

impl Places {
    fn slow_max(&self) -> usize {
        self.quick_max.saturating_mul(SLOW_PER_QUICK)
    }

    fn has(&self, place: Place, known: bool) -> bool {
        let kept = if known { 0 } else { self.quick_max / KEPT_SHARE };
        match place {
            Place::Quick => self.quick + kept < self.quick_max,
            Place::Slow => self.slow < self.slow_max(),
            Place::Probe => self.slow < self.slow_max() && self.probes < (self.slow_max() / PROBES_SHARE).max(1),
        }
    }

    fn take(&mut self, place: Place) {
        match place {
            Place::Quick => self.quick += 1,
            Place::Slow => self.slow += 1,
            Place::Probe => (self.slow, self.probes) = (self.slow + 1, self.probes + 1),
        }
    }

    fn free(&mut self, place: Place) {
        match place {
            Place::Quick => self.quick -= 1,
            Place::Slow => self.slow -= 1,
            Place::Probe => (self.slow, self.probes) = (self.slow - 1, self.probes - 1),
        }
    }
}

/// What waits for a place, by the standing of its receiver.
#[derive(Debug)]
struct Ready<T> {
    known: VecDeque<(String, T)>,
    new: VecDeque<(String, T)>,
    probes: VecDeque<(String, T)>,
    /// Whose turn it is, of those that answer and those that are new.
    new_first: bool,
}

impl<T> Ready<T> {
    fn push(&mut self, standing: Standing, receiver: String, item: T) {
        match standing {
            Standing::Answers => self.known.push_back((receiver, item)),
            Standing::New => self.new.push_back((receiver, item)),
            Standing::Silent(_) => self.probes.push_back((receiver, item)),
        }
    }

    /// Whether one more would be too many. Those that answer are bounded by their lines.
    fn is_full(&self, standing: Standing) -> bool {
        match standing {
            Standing::Answers => false,
            Standing::New => self.new.len() >= WAITING_MAX,
            Standing::Silent(_) => self.probes.len() >= WAITING_MAX,
        }
    }

    fn pop(&mut self, places: &Places) -> Option<(Place, String, T)> {
        let known = |ready: &mut Ready<T>| {
            let item = places.has(Place::Quick, true).then(|| ready.known.pop_front()).flatten()?;
            Some((Place::Quick, item.0, item.1))
        };
        let new = |ready: &mut Ready<T>| {
            let item = places.has(Place::Quick, false).then(|| ready.new.pop_front()).flatten()?;
            Some((Place::Quick, item.0, item.1))
        };
        self.new_first = !self.new_first;
        let quick = if self.new_first { new(self).or_else(|| known(self)) } else { known(self).or_else(|| new(self)) };
        quick.or_else(|| {
            let item = places.has(Place::Probe, false).then(|| self.probes.pop_front()).flatten()?;
            Some((Place::Probe, item.0, item.1))
        })
    }
}

/// All places, quick and slow, when there are so many quick ones.
pub(crate) fn places_max(quick_max: usize) -> usize {
    quick_max.saturating_mul(1 + SLOW_PER_QUICK)
}

impl<T> Receivers<T> {
    /// No receivers, and so many quick places, at least one.
    pub(crate) fn new(quick_max: usize) -> Receivers<T> {
        Receivers {
            lines: HashMap::new(),
            standings: Standings::default(),
            ready: Ready { known: VecDeque::new(), new: VecDeque::new(), probes: VecDeque::new(), new_first: false },
            in_flight: HashMap::new(),
            quick: VecDeque::new(),
            places: Places { quick_max: quick_max.max(1), quick: 0, slow: 0, probes: 0 },
            waiting: 0,
            hungry: false,
            holdings: Vec::new(),
            next_ticket: 0,
        }
    }

    /// Takes an item for a receiver, or turns it away.
    pub(crate) fn offer(&mut self, receiver: String, item: T, now: Instant) -> Result<(), TurnedAway<T>> {
        let standing = self.standings.of(&receiver);
        let line = self.lines.entry(receiver.clone()).or_insert_with(|| Line {
            waiting: VecDeque::new(),
            in_flight: 0,
            slow: 0,
            oldest: None,
            turned_away: false,
            is_held: false,
        });
        let (in_flight_max, waiting_max, may_send) = match standing {
            Standing::Answers => (IN_FLIGHT_MAX, WAITING_PER_LINE_MAX, true),
            Standing::New => (IN_FLIGHT_UNPROVEN_MAX, WAITING_UNPROVEN_MAX, true),
            Standing::Silent(circuit) => (IN_FLIGHT_UNPROVEN_MAX, 0, circuit.probe_from <= now),
        };
        let is_full = self.ready.is_full(standing);
        if may_send && line.in_flight < in_flight_max && !is_full {
            line.in_flight += 1;
            self.ready.push(standing, receiver, item);
            return Ok(());
        }
        if !is_full && line.waiting.len() < waiting_max && self.waiting < WAITING_MAX {
            line.waiting.push_back(item);
            self.waiting += 1;
            return Ok(());
        }
        let silent_since = match standing {
            Standing::Silent(circuit) => Some(circuit.since),
            _ if line.in_flight > 0 && line.slow == line.in_flight => line.oldest,
            _ => None,
        };
        line.turned_away = true;
        self.forget_when_idle(&receiver);
        Err(TurnedAway { item, silent_for: silent_since.map(|since| now.saturating_duration_since(since)) })
    }

    /// At most `count` items that are sent now. For each, [`Receivers::ended`] must follow.
    pub(crate) fn take(&mut self, count: usize, now: Instant) -> Vec<(Ticket, T)> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let Some((place, receiver, item)) = self.ready.pop(&self.places) else { break };
            self.places.take(place);
            self.next_ticket += 1;
            let ticket = self.next_ticket;
            if let Some(line) = self.lines.get_mut(&receiver) {
                line.oldest = line.oldest.or(Some(now));
                line.slow += usize::from(place == Place::Probe);
            }
            if place == Place::Quick {
                self.quick.push_back((now, ticket));
            }
            self.in_flight.insert(ticket, InFlight { receiver, started: now, place });
            taken.push((ticket, item));
        }
        taken
    }

    /// When [`Receivers::pass_slow`] has something to do.
    pub(crate) fn slow_from(&mut self) -> Option<Instant> {
        while let Some((started, ticket)) = self.quick.front() {
            if self.in_flight.contains_key(ticket) {
                return self.places.has(Place::Slow, false).then_some(*started + QUICK);
            }
            self.quick.pop_front();
        }
        None
    }

    /// Moves what was not answered in time from quick places to slow ones, as far as there are any.
    pub(crate) fn pass_slow(&mut self, now: Instant) {
        while self.slow_from().is_some_and(|from| from <= now) {
            let Some((_, ticket)) = self.quick.pop_front() else { return };
            let Some(in_flight) = self.in_flight.get_mut(&ticket) else { continue };
            self.places.free(in_flight.place);
            in_flight.place = Place::Slow;
            self.places.take(in_flight.place);
            let Some(line) = self.lines.get_mut(&in_flight.receiver) else { continue };
            line.slow += 1;
            // One that has answered before may be slow at times, and goes on as fast as it can.
            let is_new = self.standings.of(&in_flight.receiver) == Standing::New;
            if is_new && line.slow == line.in_flight && !line.is_held {
                line.is_held = true;
                let since = line.oldest.map_or(QUICK, |oldest| now.saturating_duration_since(oldest));
                let silence = Some(Silence { since, until: HELD_MAX });
                self.holdings.push(Holding { receiver: in_flight.receiver.clone(), silence });
            }
        }
    }

    /// An item that was taken has ended, and showed this of its receiver; `None` when that is not known. Gives back what
    /// waited for a receiver that turns out to be silent.
    pub(crate) fn ended(&mut self, ticket: Ticket, showed: Option<Showed>, now: Instant) -> Vec<TurnedAway<T>> {
        let Some(InFlight { receiver, started, place }) = self.in_flight.remove(&ticket) else { return Vec::new() };
        self.places.free(place);
        let was_silent = matches!(self.standings.of(&receiver), Standing::Silent(_));
        match showed {
            Some(Showed::Answer) => self.standings.answered(&receiver, now),
            Some(Showed::Refusal) => self.standings.refused(&receiver, started, now),
            Some(Showed::Silence) => self.standings.hung(&receiver, started, now),
            None => {}
        }
        let standing = self.standings.of(&receiver);
        let was_held =
            was_silent || self.lines.get_mut(&receiver).is_some_and(|line| std::mem::take(&mut line.is_held));
        let silence = match standing {
            Standing::Silent(circuit) => Some(Silence {
                since: now.saturating_duration_since(circuit.since),
                until: circuit.probe_from.saturating_duration_since(now),
            }),
            Standing::New | Standing::Answers => None,
        };
        if silence.is_some() || was_held {
            self.holdings.push(Holding { receiver: receiver.clone(), silence });
        }
        let Some(line) = self.lines.get_mut(&receiver) else { return Vec::new() };
        line.in_flight -= 1;
        line.slow -= usize::from(place != Place::Quick);
        // Whatever is still in flight was begun later than this one or at about the same time.
        line.oldest = Some(now).filter(|_| line.in_flight > 0);

        let mut turned_away = Vec::new();
        match standing {
            Standing::Silent(circuit) => {
                self.waiting -= line.waiting.len();
                let silent_for = Some(now.saturating_duration_since(circuit.since));
                turned_away.extend(line.waiting.drain(..).map(|item| TurnedAway { item, silent_for }));
            }
            Standing::New | Standing::Answers => {
                let (in_flight_max, waiting_max) = match standing {
                    Standing::Answers => (IN_FLIGHT_MAX, WAITING_PER_LINE_MAX),
                    _ => (IN_FLIGHT_UNPROVEN_MAX, WAITING_UNPROVEN_MAX),
                };
                while line.in_flight < in_flight_max {
                    let Some(item) = line.waiting.pop_front() else { break };
                    self.waiting -= 1;
                    line.in_flight += 1;
                    self.ready.push(standing, receiver.clone(), item);
                }
                if line.turned_away && line.waiting.len() <= waiting_max / 4 {
                    line.turned_away = false;
                    self.hungry = true;
                }
            }
        }
        self.forget_when_idle(&receiver);
        turned_away
    }

    /// Whether a line whose items were turned away has run low since this was last asked.
    pub(crate) fn take_hungry(&mut self) -> bool {
        std::mem::take(&mut self.hungry)
    }

    /// What the store is to be told since this was last asked.
    pub(crate) fn take_holdings(&mut self) -> Vec<Holding> {
        std::mem::take(&mut self.holdings)
    }

    /// All that was not taken.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        let ready = [&mut self.ready.known, &mut self.ready.new, &mut self.ready.probes];
        let mut rest: Vec<T> = ready.into_iter().flat_map(|ready| ready.drain(..)).map(|(_, item)| item).collect();
        rest.extend(self.lines.drain().flat_map(|(_, line)| line.waiting));
        self.waiting = 0;
        rest
    }

    /// A line without work is dropped, so that there are never more lines than callbacks in hand. What is known of the
    /// receiver stays.
    fn forget_when_idle(&mut self, receiver: &str) {
        if self.lines.get(receiver).is_some_and(|line| line.in_flight == 0 && line.waiting.is_empty()) {
            self.lines.remove(receiver);
        }
    }
}

#[cfg(test)]
mod tests;
