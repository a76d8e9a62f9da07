//! The callbacks that are due: claims them, lines them up by receiver, and gives back what has to wait too long.
//!
//! [`Receivers`] decides who goes first. This file decides when to claim. As long as nothing is turned away it claims as
//! the hash stage does: at a wake-up, or when the next row is due. When rows are turned away, they are due again at the end
//! of the store's line, so claiming goes on until the line is passed: a *sweep*, which ends at the first row that it meets
//! for the second time. After a sweep comes a pause of twice its length, so that a backlog that cannot be sent costs the
//! store at most a third of its time. The pause is cut short when a receiver that does answer runs out of callbacks, and a
//! wake-up in it, which may well be for somebody else, brings one claim, at most one each tenth of a second.
//!
//! How long a callback of a healthy receiver waits behind any number of rows of one that hangs (failure rule D6): those rows
//! are given back for a quarter of a second, until nothing in flight to their receiver is quick, and from then on postponed,
//! which takes them out of the line. While there is a line, half of each claim comes from its end (`JobStore::claim`), where
//! a callback that became due just now stands. So it waits for a claim or two and not for the line.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{CallbackTarget, JobId, Outcome, Stage};
use hashlane_store::StoreError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::complaint::Complaint;
use crate::delivery_schedule::DeliverySchedule;
use crate::due_jobs::{POLL_PAUSE, poll_pause};
use crate::finished;
use crate::keeper::{Held, Keeper};
use crate::leases::Leases;
use crate::receiver_slot::{Ended, ReceiverSlot};
use crate::receivers::{Holding, Receivers, TurnedAway};
use crate::stage::{Acquirer, Work, settle_all};

/// Rows per claim: a commit's cost is spread over them, and what is turned away of them stays cheap.
const CLAIM_MAX: usize = 200;
/// A sweep that was shorter counts as this long: a handful of rows is no reason to ask the store in a loop.
const SWEEP_PAUSE_MIN: Duration = Duration::from_millis(100);
/// A sweep ends after so many rows; the next one goes on where it ended, since what was turned away stands at the end.
const SWEEP_ROWS_MAX: usize = 100_000;

type Wake = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The acquirer of the deliver stage.
pub(crate) struct DueDeliveries<L> {
    leases: L,
    keeper: Keeper<L>,
    schedule: Arc<DeliverySchedule>,
    stop: CancellationToken,
    receivers: Receivers<Held>,
    tell_ended: UnboundedSender<Ended>,
    ended: UnboundedReceiver<Ended>,
    /// The claim or the settling of what was turned away that is under way, as a task of its own: it must go on while no slot is free.
    at_store: Option<JoinHandle<AtStore>>,
    /// Turned away since, to be settled at the next visit.
    turned_away: Vec<(Held, Outcome)>,
    next_claim: NextClaim,
    /// The end of the pause in which the claim under way is only a look.
    peek_within: Option<Instant>,
    sweep: Sweep,
    complaint: Complaint,
}

/// What came of a visit to the store.
enum AtStore {
    Claimed { held: Vec<Held>, next_due: Option<Duration>, woken: Wake },
    Failed(StoreError),
    TurnedAway,
}

/// When to claim again.
enum NextClaim {
    Now,
    /// At a wake-up, or then.
    Woken(Wake, Instant),
    /// When a receiver has run out of callbacks, or at `until`; after `wake_from` once at each wake-up, which may be for somebody
    /// else than those that were turned away.
    Paused {
        wake_from: Instant,
        woken: Option<Wake>,
        until: Instant,
    },
}

/// The passing over of rows that have to wait.
struct Sweep {
    started: Instant,
    turned_away: HashSet<JobId>,
}

impl<L: Leases> DueDeliveries<L> {
    /// Claims from `leases` until `stop`, and sends `quick_max` at once to receivers that answer quickly.
    pub(crate) fn new(
        leases: L,
        keeper: Keeper<L>,
        schedule: Arc<DeliverySchedule>,
        quick_max: usize,
        stop: CancellationToken,
    ) -> DueDeliveries<L> {
        let (tell_ended, ended) = unbounded_channel();
        DueDeliveries {
            leases,
            keeper,
            schedule,
            stop,
            receivers: Receivers::new(quick_max),
            tell_ended,
            ended,
            at_store: None,
            turned_away: Vec::new(),
            next_claim: NextClaim::Now,
            peek_within: None,
            sweep: Sweep { started: Instant::now(), turned_away: HashSet::new() },
            complaint: Complaint::about("could not claim callbacks"),
        }
    }

    fn start_claim(&mut self) {
        if self.sweep.turned_away.is_empty() {
            self.sweep.started = Instant::now();
        }
        let (leases, keeper) = (self.leases.clone(), self.keeper.clone());
        self.at_store = Some(tokio::spawn(async move {
            // Made before claiming: a callback that comes in between is not missed.
            let woken: Wake = Box::pin(leases.woken(Stage::Deliver));
            let asked = Instant::now();
            match leases.claim(Stage::Deliver, CLAIM_MAX, keeper.length()).await {
                Ok(claimed) => AtStore::Claimed {
                    held: claimed.leases.into_iter().map(|lease| keeper.hold(lease, asked)).collect(),
                    next_due: claimed.next_due,
                    woken,
                },
                Err(error) => AtStore::Failed(error),
            }
        }));
    }

    /// Lines up what was claimed and says when to claim again.
    fn line_up(&mut self, held: Vec<Held>, next_due: Option<Duration>, woken: Wake) {
        let more_is_due = held.len() == CLAIM_MAX || (!held.is_empty() && next_due == Some(Duration::ZERO));
        // The second half of a full claim is the end of the line: meeting that again says nothing of how much was passed.
        let from_front = if held.len() == CLAIM_MAX { CLAIM_MAX / 2 } else { held.len() };
        let now = Instant::now();
        let mut met_again = false;
        for (index, held) in held.into_iter().enumerate() {
            let job = held.lease().token.job;
            met_again |= index < from_front && self.sweep.turned_away.contains(&job);
            let receiver = held.lease().job.target.as_ref().map_or_else(String::new, CallbackTarget::receiver);
            if let Err(turned_away) = self.receivers.offer(receiver, held, now) {
                self.turn_away(turned_away);
            }
        }
        let all_passed = met_again || !more_is_due || self.sweep.turned_away.len() >= SWEEP_ROWS_MAX;
        let none_waits = self.sweep.turned_away.is_empty();
        // A look in the middle of a pause does not end it.
        let peek_within = self.peek_within.take().filter(|until| *until > now);
        let pause_until = match peek_within {
            Some(until) => Some(until),
            None if all_passed && !none_waits => Some(now + 2 * (now - self.sweep.started).max(SWEEP_PAUSE_MIN)),
            None => None,
        };
        self.next_claim = if let Some(until) = pause_until {
            self.sweep.turned_away.clear();
            NextClaim::Paused { wake_from: now + SWEEP_PAUSE_MIN, woken: Some(woken), until }
        } else if all_passed {
            NextClaim::Woken(woken, now + poll_pause(next_due))
        } else {
            NextClaim::Now
        };
        if !self.turned_away.is_empty() {
            self.start_settling();
        }
    }

    /// What is turned away leaves our hands at the next visit to the store, which comes before the next claim.
    fn turn_away(&mut self, turned_away: TurnedAway<Held>) {
        let TurnedAway { item: held, silent_for } = turned_away;
        let outcome = self.schedule.no_room(silent_for);
        if outcome == Outcome::GivenBack {
            self.sweep.turned_away.insert(held.lease().token.job);
        } else {
            finished::count_callback(finished::kind(held.lease().job.target.as_ref()), "postponed");
        }
        self.turned_away.push((held, outcome));
    }

    fn start_settling(&mut self) {
        let turned_away = std::mem::take(&mut self.turned_away);
        let postponed = turned_away.iter().filter(|(_, outcome)| *outcome != Outcome::GivenBack).count();
        if postponed > 0 {
            tracing::debug!(callbacks = postponed, "postponed because their receivers do not answer");
        }
        let leases = self.leases.clone();
        self.at_store = Some(tokio::spawn(async move {
            settle_all(&leases, turned_away).await;
            AtStore::TurnedAway
        }));
    }

    fn returned(&mut self, at_store: AtStore) {
        match at_store {
            AtStore::Claimed { held, next_due, woken } => self.line_up(held, next_due, woken),
            AtStore::Failed(error) => {
                self.complaint.raise(&error);
                let until = Instant::now() + POLL_PAUSE;
                self.next_claim = NextClaim::Paused { wake_from: until, woken: None, until };
            }
            // What was given back or postponed wakes nobody: a wake-up since the claim was for somebody else.
            AtStore::TurnedAway => {}
        }
    }

    fn ended(&mut self, ended: &Ended) {
        for turned_away in self.receivers.ended(ended.ticket, ended.showed, Instant::now()) {
            self.turn_away(turned_away);
        }
        if self.receivers.take_hungry() && matches!(self.next_claim, NextClaim::Paused { .. }) {
            self.next_claim = NextClaim::Now;
        }
    }

    /// Tells the store whose callbacks need not come here.
    fn hold_back(&mut self) {
        for Holding { receiver, silence } in self.receivers.take_holdings() {
            self.leases.hold_back(&receiver, silence.as_ref().map(DeliverySchedule::hold_back));
        }
    }
}

/// Completes with the visit to the store that is under way, if there is one.
async fn visit(at_store: &mut Option<JoinHandle<AtStore>>) -> AtStore {
    match at_store {
        Some(task) => {
            let result = task.await;
            *at_store = None;
            // The task neither panics nor is it aborted; if it were, its leases would lapse and come again.
            result.unwrap_or(AtStore::TurnedAway)
        }
        None => std::future::pending().await,
    }
}

/// Completes at a time; never when there is none.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Completes when it is time to claim.
async fn time_to_claim(next_claim: &mut NextClaim) {
    match next_claim {
        NextClaim::Now => {}
        NextClaim::Woken(woken, until) => tokio::select! {
            () = woken => {}
            () = sleep_until(*until) => {}
        },
        NextClaim::Paused { wake_from, woken: Some(woken), until } => {
            sleep_until(*wake_from).await;
            tokio::select! {
                () = woken => {}
                () = sleep_until(*until) => {}
            }
        }
        NextClaim::Paused { woken: None, until, .. } => sleep_until(*until).await,
    }
}

impl<L: Leases> Acquirer for DueDeliveries<L> {
    async fn acquire(&mut self, slots: usize) -> Vec<Work> {
        while !self.stop.is_cancelled() {
            while let Ok(ended) = self.ended.try_recv() {
                self.ended(&ended);
            }
            let now = Instant::now();
            self.receivers.pass_slow(now);
            self.hold_back();
            let ready = self.receivers.take(slots, now);
            if !ready.is_empty() {
                let work =
                    |(ticket, held)| Work { held, slot: Some(ReceiverSlot::new(ticket, self.tell_ended.clone())) };
                return ready.into_iter().map(work).collect();
            }
            if self.at_store.is_none() && !self.turned_away.is_empty() {
                self.start_settling();
            }
            let store_is_free = self.at_store.is_none();
            let slow_from = self.receivers.slow_from();
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(ended) = self.ended.recv() => self.ended(&ended),
                () = until(slow_from) => {}
                at_store = visit(&mut self.at_store) => self.returned(at_store),
                () = time_to_claim(&mut self.next_claim), if store_is_free => {
                    self.peek_within = match self.next_claim {
                        NextClaim::Paused { until, .. } => Some(until),
                        NextClaim::Now | NextClaim::Woken(..) => None,
                    };
                    // A wake-up is used up, and until the claim has returned nobody looks here.
                    self.next_claim = NextClaim::Now;
                    self.start_claim();
                }
            }
        }
        Vec::new()
    }

    async fn rest(&mut self) -> Vec<Held> {
        let mut rest = match self.at_store.take() {
            Some(task) => match task.await {
                Ok(AtStore::Claimed { held, .. }) => held,
                _ => Vec::new(),
            },
            None => Vec::new(),
        };
        rest.extend(self.receivers.drain());
        rest.extend(self.turned_away.drain(..).map(|(held, _)| held));
        rest
    }
}
