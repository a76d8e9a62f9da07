//! The callbacks that are due: claims them, lines them up by receiver, and gives back what has to wait too long.
//!
//! [`Receivers`] decides who goes first. This file decides when to claim. As long as nothing is turned away it claims as
//! the hash stage does: at a wake-up, or when the next row is due. When rows are turned away, they are due again at the end
//! of the store's line, so claiming goes on until the line is passed: a *sweep*, which ends at the first row that it meets
//! for the second time. After a sweep comes a pause of twice its length, so that a backlog that cannot be sent costs the
//! store at most a third of its time. The pause is cut short when a receiver that does answer runs out of callbacks, and to
//! the sweep's length by a wake-up, which may well be for somebody else.
//!
//! A callback of a healthy receiver thus waits for the end of a sweep, a pause and part of the next sweep: at most four
//! times the time in which the store can pass over the rows in front. With some thousand of them that is about a second,
//! and it lasts only until the first attempt at the hanging receiver has timed out: from then on its rows leave the line
//! (`DeliverySchedule::no_room`).

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{JobId, Outcome, Stage};
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
use crate::receivers::{Ended, ReceiverSlot, Receivers, TurnedAway, receiver_name};
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
    next_claim: NextClaim,
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
    /// When a receiver has run out of callbacks, after `wake_from` at a wake-up, or at `until`.
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
    /// Claims from `leases` until `stop`.
    pub(crate) fn new(
        leases: L,
        keeper: Keeper<L>,
        schedule: Arc<DeliverySchedule>,
        stop: CancellationToken,
    ) -> DueDeliveries<L> {
        let (tell_ended, ended) = unbounded_channel();
        DueDeliveries {
            leases,
            keeper,
            schedule,
            stop,
            receivers: Receivers::new(),
            tell_ended,
            ended,
            at_store: None,
            next_claim: NextClaim::Now,
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
        let mut met_again = false;
        let mut turned_away = Vec::new();
        for held in held {
            let job = held.lease().token.job;
            met_again |= self.sweep.turned_away.contains(&job);
            let receiver = held.lease().job.target.as_ref().map_or_else(String::new, receiver_name);
            if let Err(TurnedAway { item: held, receiver_is_dead }) = self.receivers.offer(receiver, held) {
                let outcome = self.schedule.no_room(held.lease(), receiver_is_dead);
                if outcome == Outcome::GivenBack {
                    self.sweep.turned_away.insert(job);
                } else {
                    finished::count_callback(finished::kind(held.lease().job.target.as_ref()), "retried");
                }
                turned_away.push((held, outcome));
            }
        }
        let all_passed = met_again || !more_is_due || self.sweep.turned_away.len() >= SWEEP_ROWS_MAX;
        self.next_claim = if !all_passed {
            NextClaim::Now
        } else if self.sweep.turned_away.is_empty() {
            NextClaim::Woken(woken, Instant::now() + poll_pause(next_due))
        } else {
            self.sweep.turned_away.clear();
            let now = Instant::now();
            let length = (now - self.sweep.started).max(SWEEP_PAUSE_MIN);
            NextClaim::Paused { wake_from: now + length, woken: None, until: now + 2 * length }
        };
        if !turned_away.is_empty() {
            let put_off = turned_away.iter().filter(|(_, outcome)| *outcome != Outcome::GivenBack).count();
            if put_off > 0 {
                tracing::warn!(
                    callbacks = put_off,
                    outcome = "retried",
                    "put off because their receivers do not answer"
                );
            }
            let leases = self.leases.clone();
            self.at_store = Some(tokio::spawn(async move {
                settle_all(&leases, turned_away).await;
                AtStore::TurnedAway
            }));
        }
    }

    fn returned(&mut self, at_store: AtStore) {
        match at_store {
            AtStore::Claimed { held, next_due, woken } => self.line_up(held, next_due, woken),
            AtStore::Failed(error) => {
                self.complaint.raise(&error);
                let until = Instant::now() + POLL_PAUSE;
                self.next_claim = NextClaim::Paused { wake_from: until, woken: None, until };
            }
            // From now on, since what was given back is due and may have woken us itself.
            AtStore::TurnedAway => {
                if let NextClaim::Paused { woken, .. } = &mut self.next_claim {
                    *woken = Some(Box::pin(self.leases.woken(Stage::Deliver)));
                }
            }
        }
    }

    fn ended(&mut self, ended: &Ended) {
        self.receivers.ended(&ended.receiver, ended.prompt);
        if self.receivers.take_hungry() && matches!(self.next_claim, NextClaim::Paused { .. }) {
            self.next_claim = NextClaim::Now;
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
            let ready = self.receivers.take(slots);
            if !ready.is_empty() {
                let work =
                    |(receiver, held)| Work { held, slot: Some(ReceiverSlot::new(receiver, self.tell_ended.clone())) };
                return ready.into_iter().map(work).collect();
            }
            let store_is_free = self.at_store.is_none();
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(ended) = self.ended.recv() => self.ended(&ended),
                at_store = visit(&mut self.at_store) => self.returned(at_store),
                () = time_to_claim(&mut self.next_claim), if store_is_free => {
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
        rest
    }
}
