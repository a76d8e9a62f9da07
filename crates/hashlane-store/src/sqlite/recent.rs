//! What was submitted lately, so that a repeat of a submit whose answer was lost is the same job.
//!
//! It promises to know every job of the last [`StoreOptions::submit_twice_window`](crate::StoreOptions), or the newest
//! [`RECENT_MAX`] when there are more; after a restart too, since it is read from the jobs themselves. It leaves out who may
//! ask: only a request that says of itself that it is a repeat is compared with it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hashlane_job::{JobId, NewJob, Timestamp};
use hashlane_lanes::{Algorithm, Hasher};
use rusqlite::Connection;

use super::directory::Directory;
use super::{address, job_row};
use crate::StoreError;

/// At most so many are known, about 20 MiB: half a minute of submits as fast as the disk takes them.
const RECENT_MAX: usize = 200_000;

/// What two submits have in common when the second repeats the first: all that was asked, and who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The first half of a SHA-256 over the fields, each behind its length; the id is not part of it.
    pub(super) fn of(job: &NewJob) -> Fingerprint {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let flags = [u8::from(job.add_to_header), job.level, u8::from(job.fresh)];
        let (queue, callback) = (job.queue.to_string(), address::print_request(&job.callback.address));
        let fields: [Option<&[u8]>; 9] = [
            job.submitter.as_deref().map(str::as_bytes),
            Some(job.bucket().as_str().as_bytes()),
            Some(job.object.key.as_bytes()),
            Some(queue.as_bytes()),
            Some(job.algorithm_as_given.as_bytes()),
            Some(&flags),
            job.user_data.as_deref().map(str::as_bytes),
            callback.as_deref().map(str::as_bytes),
            job.callback.format.map(|format| address::print_format(format).as_bytes()),
        ];
        for field in fields {
            match field {
                None => hasher.update(&[0]),
                Some(bytes) => {
                    hasher.update(&[1]);
                    hasher.update(&(bytes.len() as u64).to_le_bytes());
                    hasher.update(bytes);
                }
            }
        }
        let digest = hasher.finish();
        Fingerprint(std::array::from_fn(|index| digest.as_bytes()[index]))
    }
}

/// The jobs of the window.
#[derive(Debug)]
pub(super) struct Recent {
    window: Duration,
    jobs: HashMap<Fingerprint, JobId>,
    /// When each was submitted, on the steady clock, oldest first.
    order: VecDeque<Entry>,
    /// How many of the newest are not committed yet.
    uncommitted: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Timestamp,
    fingerprint: Fingerprint,
    id: JobId,
}

impl Recent {
    /// What the store holds of the window. `wall` and `steady` are the same moment.
    pub(super) fn load(
        connection: &Connection,
        directory: &Directory,
        window: Duration,
        wall: Timestamp,
        steady: Timestamp,
    ) -> Result<Recent, StoreError> {
        let mut recent = Recent { window, jobs: HashMap::new(), order: VecDeque::new(), uncommitted: 0 };
        if window.is_zero() {
            return Ok(recent);
        }
        let mut found = Vec::new();
        let from = JobId::lower_bound(Timestamp::from_unix_millis(
            wall.unix_millis().saturating_sub(i64::try_from(window.as_millis()).unwrap_or(i64::MAX)),
        ));
        for (name, number) in directory.buckets() {
            let mut statement = connection.prepare_cached(include_str!("recent.sql"))?;
            let limit = i64::try_from(RECENT_MAX).unwrap_or(i64::MAX);
            let mut rows = statement.query((number, from.to_bytes(), limit))?;
            while let Some(row) = rows.next()? {
                let id = JobId::from_bytes(row.get(0)?);
                // A damaged job is nobody's repeat.
                if let Ok(Some(job)) = job_row::read_job(connection, name, number, id, steady) {
                    found.push((id, Fingerprint::of(&job.request)));
                }
            }
        }
        found.sort_unstable_by_key(|(id, _)| id.created());
        let skip = found.len().saturating_sub(RECENT_MAX);
        for (id, fingerprint) in found.into_iter().skip(skip) {
            let age = wall.since(id.created());
            let at = Timestamp::from_unix_millis(
                steady.unix_millis().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
            );
            recent.jobs.insert(fingerprint, id);
            recent.order.push_back(Entry { at, fingerprint, id });
        }
        Ok(recent)
    }

    /// Whether anything is remembered at all.
    pub(super) fn is_on(&self) -> bool {
        !self.window.is_zero()
    }

    /// The newest job of the window with that fingerprint.
    pub(super) fn find(&mut self, fingerprint: Fingerprint, now: Timestamp) -> Option<JobId> {
        self.forget(now);
        self.jobs.get(&fingerprint).copied()
    }

    /// Remembers a job that was stored in the open transaction.
    pub(super) fn remember(&mut self, fingerprint: Fingerprint, id: JobId, now: Timestamp) {
        self.forget(now);
        self.jobs.insert(fingerprint, id);
        self.order.push_back(Entry { at: now, fingerprint, id });
        self.uncommitted += 1;
    }

    /// What was remembered is durable.
    pub(super) fn commit(&mut self) {
        self.uncommitted = 0;
    }

    /// What was remembered since the last commit never happened. An earlier job that it took the place of is forgotten as
    /// well: its repeat then is a second job, which is what happens without any window.
    pub(super) fn rollback(&mut self) {
        for _ in 0..std::mem::take(&mut self.uncommitted) {
            if let Some(entry) = self.order.pop_back() {
                self.drop_entry(&entry);
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(entry) = self.order.front().copied() {
            if now.since(entry.at) < self.window && self.order.len() < RECENT_MAX {
                break;
            }
            self.order.pop_front();
            self.uncommitted = self.uncommitted.min(self.order.len());
            self.drop_entry(&entry);
        }
    }

    /// A newer job of the same fingerprint stays known.
    fn drop_entry(&mut self, entry: &Entry) {
        if self.jobs.get(&entry.fingerprint) == Some(&entry.id) {
            self.jobs.remove(&entry.fingerprint);
        }
    }
}
