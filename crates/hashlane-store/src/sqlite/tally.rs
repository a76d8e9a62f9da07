//! The writer's counts: how many rows of which kind each queue has, and how many jobs have ended.
//!
//! Nothing is counted by scanning but once at open. Changes are remembered until the commit, so that a rollback takes them back.

use std::collections::{BTreeSet, HashMap};

use hashlane_job::{QueueId, Stage};
use rusqlite::Connection;

use super::directory::{Directory, QueueEntry};
use crate::{Counts, StoreError};

/// A queue with its bucket, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct QueueKey {
    pub(super) bucket: i64,
    pub(super) queue: i64,
}

/// What is counted: the four kinds of live rows (schema/0001.sql), the three final states, and failed callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Ready,
    Delayed,
    Leased,
    Delivering,
    Succeeded,
    Failed,
    Cancelled,
    /// Ended, with a callback that was given up.
    Undelivered,
}

/// A queue's live rows that are to be hashed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    pub(super) ready: u64,
    pub(super) delayed: u64,
    pub(super) leased: u64,
}

impl Load {
    /// Jobs that wait: for a worker, or for the next attempt.
    pub(super) fn waiting(&self) -> u64 {
        self.ready + self.delayed
    }
}

/// All counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    loads: HashMap<QueueKey, Load>,
    /// The queues with ready rows.
    ready: BTreeSet<QueueKey>,
    /// Sums over all queues; `paused` stays zero in here.
    sums: Counts,
    undo: Vec<(QueueKey, Place, bool)>,
}

impl Tally {
    pub(super) fn load(connection: &Connection, directory: &Directory) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        let mut statement = connection.prepare(include_str!("open_tally.sql"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let queue: i64 = row.get(0)?;
            let deliver = row.get_ref(1)?.as_str() == Ok(Stage::Deliver.word());
            let place = match (deliver, row.get(2)?, row.get(3)?) {
                (true, _, _) => Place::Delivering,
                (false, true, _) => Place::Ready,
                (false, false, false) => Place::Delayed,
                (false, false, true) => Place::Leased,
            };
            let bucket = directory
                .queue(queue)
                .ok_or_else(|| StoreError::corrupt(format!("the store holds live jobs of the unknown queue {queue}")))?
                .bucket;
            let key = QueueKey { bucket, queue };
            *tally.count(key, place) += row.get::<_, i64>(4)?.unsigned_abs();
            tally.note_ready(key);
        }
        let mut statement = connection.prepare("select state, jobs from total")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let jobs = row.get::<_, i64>(1)?.unsigned_abs();
            match row.get_ref(0)?.as_str() {
                Ok("succeeded") => tally.sums.succeeded = jobs,
                Ok("failed") => tally.sums.failed = jobs,
                _ => tally.sums.cancelled = jobs,
            }
        }
        let failed: i64 = connection.query_row(include_str!("open_undelivered.sql"), [], |row| row.get(0))?;
        tally.sums.deliveries_failed = failed.unsigned_abs();
        for load in tally.loads.values() {
            tally.sums.waiting += load.waiting();
            tally.sums.running += load.leased;
        }
        Ok(tally)
    }

    /// One more in a place.
    pub(super) fn enter(&mut self, key: QueueKey, place: Place) {
        self.change(key, place, true);
        self.undo.push((key, place, true));
    }

    /// One less.
    pub(super) fn leave(&mut self, key: QueueKey, place: Place) {
        self.change(key, place, false);
        self.undo.push((key, place, false));
    }

    /// One less here, one more there.
    pub(super) fn step(&mut self, key: QueueKey, from: Place, to: Place) {
        self.leave(key, from);
        self.enter(key, to);
    }

    /// How the numbers of ended jobs changed since the last commit, by the word of the state.
    pub(super) fn ended_since_commit(&self) -> [(&'static str, i64); 3] {
        let change = |place| {
            let changes = self.undo.iter().filter(|(_, changed, _)| *changed == place);
            changes.map(|(_, _, more)| if *more { 1 } else { -1 }).sum()
        };
        [
            ("succeeded", change(Place::Succeeded)),
            ("failed", change(Place::Failed)),
            ("cancelled", change(Place::Cancelled)),
        ]
    }

    /// How many jobs were cancelled since the last commit.
    pub(super) fn cancelled_since_commit(&self) -> u64 {
        self.undo.iter().filter(|(_, place, more)| *place == Place::Cancelled && *more).count() as u64
    }

    /// The changes are durable.
    pub(super) fn commit(&mut self) {
        self.undo.clear();
    }

    /// The changes never happened.
    pub(super) fn rollback(&mut self) {
        while let Some((key, place, more)) = self.undo.pop() {
            self.change(key, place, !more);
        }
    }

    pub(super) fn queue(&self, key: QueueKey) -> Load {
        self.loads.get(&key).copied().unwrap_or_default()
    }

    /// Queues with ready rows, by bucket.
    pub(super) fn ready(&self) -> impl Iterator<Item = (QueueKey, Load)> {
        self.ready.iter().map(|key| (*key, self.queue(*key)))
    }

    /// The counts to be shown.
    pub(super) fn counts(&self, directory: &Directory) -> Counts {
        let paused = directory
            .all_queues()
            .filter(|entry| entry.queue.paused)
            .map(|entry| self.queue(QueueKey { bucket: entry.bucket, queue: entry.number }).waiting())
            .sum();
        Counts { paused, waiting: self.sums.waiting.saturating_sub(paused), ..self.sums }
    }

    /// Open queues in which as many jobs wait as may.
    pub(super) fn full(&self, directory: &Directory) -> Vec<QueueId> {
        let is_full = |entry: &&QueueEntry| {
            let key = QueueKey { bucket: entry.bucket, queue: entry.number };
            entry.open && self.queue(key).waiting() >= entry.queue.jobs_waiting_max
        };
        directory.all_queues().filter(is_full).map(|entry| entry.queue.id).collect()
    }

    fn change(&mut self, key: QueueKey, place: Place, more: bool) {
        let count = self.count(key, place);
        *count = step(*count, more);
        match place {
            Place::Ready | Place::Delayed => self.sums.waiting = step(self.sums.waiting, more),
            Place::Leased => self.sums.running = step(self.sums.running, more),
            Place::Delivering | Place::Succeeded | Place::Failed | Place::Cancelled | Place::Undelivered => {}
        }
        if place == Place::Ready {
            self.note_ready(key);
        }
    }

    fn count(&mut self, key: QueueKey, place: Place) -> &mut u64 {
        match place {
            Place::Ready => &mut self.loads.entry(key).or_default().ready,
            Place::Delayed => &mut self.loads.entry(key).or_default().delayed,
            Place::Leased => &mut self.loads.entry(key).or_default().leased,
            Place::Delivering => &mut self.sums.deliveries_due,
            Place::Succeeded => &mut self.sums.succeeded,
            Place::Failed => &mut self.sums.failed,
            Place::Cancelled => &mut self.sums.cancelled,
            Place::Undelivered => &mut self.sums.deliveries_failed,
        }
    }

    fn note_ready(&mut self, key: QueueKey) {
        if self.queue(key).ready > 0 {
            self.ready.insert(key);
        } else {
            self.ready.remove(&key);
        }
    }
}

fn step(count: u64, more: bool) -> u64 {
    if more { count + 1 } else { count.saturating_sub(1) }
}
