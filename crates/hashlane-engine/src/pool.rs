//! The hashing threads: each owns its lanes, and messages are dealt out to them.
//!
//! It promises that a message is taken at once by the least busy thread, that no more messages are in than there are
//! slots, and that giving up the [`Ticket`] of a message ends its reading within a chunk.
//!
//! # Why nothing waits for ever
//!
//! - A message is handed over only together with a [`Seat`]: a permit for one slot of one thread, given back by that
//!   thread when the slot is free. There are as many seats as slots, so an inbox with as many places is never full, and
//!   the message it holds is admitted in the thread's next turn.
//! - Bytes of a remote object are asked for only when its message has a seat, and go through a channel of that message
//!   alone. So a full channel waits for its own lane and for nothing else, and an empty one holds up no other message.
//! - The thread itself waits only when no lane can run and every message waits for bytes from its channel. Whoever puts
//!   something into the inbox or a channel, or closes one, unparks the thread afterwards; an unpark that comes before the
//!   park makes the park return at once.
//!
//! Waiting callers queue for a seat in the order in which they came.
//!
//! # Why jobs do not hold up a client that waits
//!
//! A synchronous hash has seconds, a job has all the time there is, and there may be any number of jobs, each of any size.
//!
//! - Some seats are kept for messages that are awaited; a job never takes one, however many wait. The server admits no more
//!   synchronous hashes at once than there are such seats, so that none of them queues for one behind anything, and
//!   they never take the seat of a job either. Waiting jobs are rows in the store: they cost nothing here.
//! - In a thread an awaited message stands beside at most as many jobs as there are slots left, and each turn is bounded:
//!   one chunk of each slot. Where bytes are what is short (a slow disk), that share would be one in so many slots; so
//!   while a thread has an awaited message, it reads its jobs in one turn of [`hashing::TURNS_PER_JOB_TURN`] only. Where
//!   hashing is what is short, lanes run side by side, and those left over from one step go first in the next.
//! - Jobs go on all the same: in each of those turns, and whenever the thread would have nothing else to do.
//!
//! What is left is the speed of the storage itself. An object that it cannot give within the limit is answered with 504.

pub(crate) mod hashing;
mod inbox;
#[cfg(test)]
mod tests;
mod thread;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hashlane_job::{FailureCode, JobError};
use hashlane_lanes::{Digest, Platform};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::budget::Budget;
use crate::local::OpenFile;

use inbox::Letter;
pub(crate) use inbox::{Course, Feeder, Input, Message};
pub(crate) use thread::check_size;

/// The counter of bytes hashed, by algorithm: an object that is hashed by two algorithms counts for both.
pub(crate) const HASHED_BYTES: &str = "hashlane_hashed_bytes_total";
/// The gauge of messages that are in lanes now.
pub(crate) const LANES_BUSY: &str = "hashlane_lanes_busy";

/// What became of a message.
#[derive(Debug)]
pub(crate) struct Read {
    /// One for each algorithm, in the order asked.
    pub(crate) digests: Vec<Digest>,
    /// The length of the message.
    pub(crate) message_bytes: u64,
    /// The file that was read, verified after its last byte; none when the bytes came through a channel.
    pub(crate) file: Option<OpenFile>,
}

/// Why a message has no digests.
#[derive(Debug)]
pub(crate) enum Unread {
    /// As a client is told.
    Failed(JobError),
    /// The file was modified this very moment: hand the message in again after a few milliseconds.
    TooFresh,
}

impl From<JobError> for Unread {
    fn from(error: JobError) -> Unread {
        Unread::Failed(error)
    }
}

/// Hears what becomes of a message. Dropping it gives the message up.
#[derive(Debug)]
pub(crate) struct Ticket(oneshot::Receiver<Result<Read, Unread>>);

impl Ticket {
    /// Waits for the end of the message.
    pub(crate) async fn read(self) -> Result<Read, Unread> {
        self.0.await.unwrap_or_else(|_| Err(stopping().into()))
    }
}

/// The hashing threads. Dropping the pool stops them without waiting.
#[derive(Debug)]
pub(crate) struct Pool {
    crew: Arc<Crew>,
    desks: Vec<Desk>,
    joins: Mutex<Vec<JoinHandle<()>>>,
    budget: Budget,
}

/// What all threads and seats share.
#[derive(Debug)]
struct Crew {
    /// For jobs.
    seats: Arc<Semaphore>,
    /// For messages that somebody waits for. Together with the others as many as there are slots.
    awaited_seats: Arc<Semaphore>,
    /// The seats taken of each thread.
    taken: Mutex<Vec<usize>>,
    stopping: AtomicBool,
}

/// Where one thread takes messages.
#[derive(Debug)]
struct Desk {
    inbox: std::sync::mpsc::SyncSender<Letter>,
    thread: std::thread::Thread,
}

/// The right to one slot of one thread.
#[derive(Debug)]
pub(crate) struct Seat {
    crew: Arc<Crew>,
    desk: usize,
    awaited: bool,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crew.lock_taken()[self.desk] -= 1;
    }
}

impl Crew {
    fn lock_taken(&self) -> std::sync::MutexGuard<'_, Vec<usize>> {
        // The counts are changed by single statements that do not panic.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl Pool {
    /// Starts the threads.
    pub(crate) fn start(budget: Budget, platform: Platform) -> io::Result<Pool> {
        let crew = Arc::new(Crew {
            seats: Arc::new(Semaphore::new(budget.threads * budget.slots - budget.awaited_slots)),
            awaited_seats: Arc::new(Semaphore::new(budget.awaited_slots)),
            taken: Mutex::new(vec![0; budget.threads]),
            stopping: AtomicBool::new(false),
        });
        let mut pool = Pool { crew, desks: Vec::new(), joins: Mutex::default(), budget };
        for number in 0..budget.threads {
            let (inbox, letters) = std::sync::mpsc::sync_channel(budget.slots);
            let crew = pool.crew.clone();
            let name = format!("hash-{number}");
            let join = std::thread::Builder::new()
                .name(name)
                .spawn(move || thread::run(&crew, &letters, &budget, platform))?;
            pool.desks.push(Desk { inbox, thread: join.thread().clone() });
            pool.lock_joins().push(join);
        }
        Ok(pool)
    }

    /// How many messages of jobs can be in at once.
    pub(crate) fn slots(&self) -> usize {
        self.budget.threads * self.budget.slots - self.budget.awaited_slots
    }

    /// How many messages that somebody waits for can be in at once, beside those of jobs.
    pub(crate) fn awaited_slots(&self) -> usize {
        self.budget.awaited_slots
    }

    /// What is received of a remote object at once, at most.
    pub(crate) fn piece_bytes(&self) -> usize {
        self.budget.piece_bytes
    }

    /// A seat at the least busy thread, for a job or for a message that somebody waits for; waits until there is one.
    pub(crate) async fn seat(&self, awaited: bool) -> Result<Seat, JobError> {
        let seats = match awaited && self.budget.awaited_slots > 0 {
            true => &self.crew.awaited_seats,
            false => &self.crew.seats,
        };
        let permit = seats.clone().acquire_owned().await.map_err(|_| stopping())?;
        let mut taken = self.crew.lock_taken();
        let desk = (0..taken.len()).min_by_key(|desk| taken[*desk]).unwrap_or(0);
        taken[desk] += 1;
        drop(taken);
        Ok(Seat { crew: self.crew.clone(), desk, awaited, _permit: permit })
    }

    /// Hands a message to the thread of its seat.
    pub(crate) fn submit(&self, message: Message, seat: Seat) -> Result<Ticket, JobError> {
        let desk = &self.desks[seat.desk];
        let (reply, ticket) = oneshot::channel();
        // Never full: see the head of this file. So it fails only when the thread is gone.
        desk.inbox.try_send(Letter { message, reply, seat }).map_err(|_| stopping())?;
        desk.thread.unpark();
        Ok(Ticket(ticket))
    }

    /// The thread of a seat, to be unparked when there is something for it.
    pub(crate) fn thread(&self, seat: &Seat) -> std::thread::Thread {
        self.desks[seat.desk].thread.clone()
    }

    /// Tells the threads to stop: they give up what they have within a step.
    fn stop(&self) {
        self.crew.stopping.store(true, Ordering::Release);
        self.crew.seats.close();
        self.crew.awaited_seats.close();
        self.desks.iter().for_each(|desk| desk.thread.unpark());
    }

    /// Stops the threads and waits for them; blocks.
    pub(crate) fn join(&self) {
        self.stop();
        let joins = std::mem::take(&mut *self.lock_joins());
        for join in joins {
            if join.join().is_err() {
                tracing::error!("a hashing thread ended by a panic outside of any message");
            }
        }
    }

    fn lock_joins(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.joins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The engine is being stopped; the worker gives the job back.
pub(crate) fn stopping() -> JobError {
    JobError::temporary(FailureCode::Internal, "the server is stopping")
}
