//! One reading of an object, and everybody who waits for it.
//!
//! Identical jobs in flight read the object once: who comes while a reading of his object is under way joins it, and each
//! member gets the result. The reading is work that belongs to nobody: whichever member is there drives it, and when that one
//! goes (a cancelled job, a lost lease), another takes over where it stands. It ends when the last member goes.
//!
//! # Why a member may believe a reading that began before he came
//!
//! A digest must be of a version that the object had when the job was submitted, or later.
//!
//! - Who joins while members still gather came before the object was looked at: to him it is a reading of his own.
//! - Who joins later is *late*. The reading looks at the object's identity once more when all bytes are read, and nobody
//!   is admitted from just before that look on ([`Reading::close`]). If the object is then still the version that was
//!   read, it was that version after the late member came, so the digest is what he asked for. If it is not, the reading
//!   fails with "changed" for everybody, which says nothing about a late member's job: the change may have come before
//!   he did. So a late member takes a digest and no failure; instead he begins anew.
//! - The look proves this only when identity tells versions apart: an ETag of a store (not a weak one); for a local file
//!   device, inode, length, modified time and change time, which the file system moves with every write and nobody
//!   can set back. When a store tells less, there are no late members ([`Reading::refuse_late`]).
//!
//! What it leaves out on purpose: whether a job may read the object, which is asked for each job before it joins; and
//! results of readings that are over.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hashlane_job::{Checkpoint, FailureCode, JobError, ObjectRef};
use hashlane_lanes::Algorithm;

use crate::checkpoint::spared_bytes;
use crate::hashed::Whole;
use crate::readings::Readings;
use crate::{HashRequest, Meter, ReadProgress};

/// Who is ahead of a reading by no more than this joins it all the same: the reading passes these bytes in any case, and two
/// readings would read all that comes after them twice. As much as is read again after a kill (the default of `worker.checkpoint`).
const AHEAD_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The work of a reading.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Whole, JobError>> + Send>>;

/// One reading of an object.
pub(crate) struct Reading {
    object: ObjectRef,
    meter: Arc<Meter>,
    circle: Mutex<Circle>,
}

/// Those who wait for it, and what they wait for.
struct Circle {
    phase: Phase,
    /// What is computed; each once.
    algorithms: Vec<Algorithm>,
    /// Where earlier attempts were.
    checkpoints: Vec<Checkpoint>,
    /// The last checkpoint of this reading.
    newest: Option<Checkpoint>,
    /// In the order in which they came. The first stores the checkpoints.
    members: Vec<Member>,
    /// The number of the next member.
    next: u64,
    /// Who drives the work: the member whose waker it knows.
    driver: Option<u64>,
    /// The work, while nobody polls it.
    work: Option<Work>,
    result: Option<Result<Arc<Whole>, JobError>>,
    refuses_late: bool,
}

/// Who may still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The object was not looked at: everybody, with other algorithms too.
    Gathering,
    /// It is being read: who wants what is computed anyway.
    Open,
    /// Nobody.
    Closed,
}

struct Member {
    number: u64,
    progress: Arc<ReadProgress>,
    late: bool,
    waker: Option<Waker>,
}

impl Reading {
    /// A reading that nobody waits for yet.
    pub(crate) fn new(request: &HashRequest) -> Reading {
        let mut algorithms = Vec::with_capacity(request.algorithms.len());
        add_new(&mut algorithms, &request.algorithms);
        let circle = Circle {
            phase: Phase::Gathering,
            algorithms,
            checkpoints: Vec::new(),
            newest: None,
            members: Vec::new(),
            next: 0,
            driver: None,
            work: None,
            result: None,
            refuses_late: false,
        };
        Reading { object: request.object.clone(), meter: Arc::default(), circle: Mutex::new(circle) }
    }

    /// The object.
    pub(crate) fn object(&self) -> &ObjectRef {
        &self.object
    }

    /// How far it is.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Says what is to be done; before anybody waits.
    pub(crate) fn set_work(&self, work: Work) {
        self.circle().work = Some(work);
    }

    /// Makes the request a member, when the reading gives him what he asked for.
    pub(crate) fn admit(self: &Arc<Self>, request: &HashRequest, may_be_late: bool) -> Option<Admitted> {
        let read_bytes = self.meter.read_bytes.load(Ordering::Relaxed);
        let mut circle = self.circle();
        if !circle.fits(request, may_be_late, read_bytes) {
            return None;
        }
        add_new(&mut circle.algorithms, &request.algorithms);
        circle.checkpoints.extend(request.checkpoint.clone());
        let (number, late) = (circle.next, circle.phase != Phase::Gathering);
        circle.next += 1;
        let shared = !circle.members.is_empty();
        circle.members.push(Member { number, progress: request.progress.clone(), late, waker: None });
        let newest = circle.newest.clone().filter(|_| request.progress.is_early());
        drop(circle);
        request.progress.follow(self.meter.clone());
        newest.into_iter().for_each(|checkpoint| request.progress.offer(checkpoint));
        Some(Admitted { number, late, shared })
    }

    /// The object is going to be looked at: what is to be computed, and where earlier attempts were.
    pub(crate) fn open(&self) -> (Vec<Algorithm>, Vec<Checkpoint>) {
        let mut circle = self.circle();
        if circle.phase == Phase::Gathering {
            circle.phase = Phase::Open;
        }
        (circle.algorithms.clone(), circle.checkpoints.clone())
    }

    /// The object's identity proves nothing to late members: those who are there begin anew.
    pub(crate) fn refuse_late(&self) {
        let mut circle = self.circle();
        circle.refuses_late = true;
        let late: Vec<Waker> =
            circle.members.iter_mut().filter(|member| member.late).filter_map(|member| member.waker.take()).collect();
        drop(circle);
        late.into_iter().for_each(Waker::wake);
    }

    /// Admits nobody from now on: to be called before the last look at the object.
    pub(crate) fn close(&self) {
        self.circle().phase = Phase::Closed;
    }

    /// Whether anybody wants first checkpoints early.
    pub(crate) fn is_early(&self) -> bool {
        self.circle().members.iter().any(|member| member.progress.is_early())
    }

    /// Whether everybody asked for the end.
    pub(crate) fn is_leaving(&self) -> bool {
        self.meter.somebody_leaves() && self.circle().members.iter().all(|member| member.progress.is_leaving())
    }

    /// Here it could be taken up again. One member stores it: the jobs of all others join his when they are taken again. And so do
    /// those who want first checkpoints early: what they join has shown that it kills nobody, which is what they have to show.
    pub(crate) fn offer(&self, checkpoint: Checkpoint) {
        let mut circle = self.circle();
        circle.newest = Some(checkpoint.clone());
        let wants = |(place, member): &(usize, &Member)| *place == 0 || member.progress.is_early();
        let storing: Vec<_> =
            circle.members.iter().enumerate().filter(wants).map(|(_, member)| member.progress.clone()).collect();
        drop(circle);
        storing.iter().for_each(|progress| progress.offer(checkpoint.clone()));
    }

    fn circle(&self) -> MutexGuard<'_, Circle> {
        // Nothing that can panic runs while it is locked.
        self.circle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("object", &self.object).finish_non_exhaustive()
    }
}

impl Circle {
    fn fits(&self, request: &HashRequest, may_be_late: bool, read_bytes: u64) -> bool {
        let computed = request.algorithms.iter().all(|algorithm| self.algorithms.contains(algorithm));
        match self.phase {
            Phase::Closed => false,
            // Who has a checkpoint of his own may be far ahead of a reading that did not begin there.
            Phase::Open => {
                let ahead = |own: &Checkpoint| spared_bytes(own).saturating_sub(read_bytes) > AHEAD_BYTES_MAX;
                computed && may_be_late && !self.refuses_late && !request.checkpoint.as_ref().is_some_and(ahead)
            }
            // A checkpoint is of certain algorithms, and with others it would be worth nothing.
            Phase::Gathering if request.checkpoint.is_some() || !self.checkpoints.is_empty() => {
                computed && self.algorithms.iter().all(|algorithm| request.algorithms.contains(algorithm))
            }
            // One that cannot be taken up in the middle would take that from the others.
            Phase::Gathering => computed || resumable(&self.algorithms) == resumable(&request.algorithms),
        }
    }
}

fn resumable(algorithms: &[Algorithm]) -> bool {
    algorithms.iter().all(|algorithm| algorithm.resumable())
}

fn add_new(algorithms: &mut Vec<Algorithm>, asked: &[Algorithm]) {
    for algorithm in asked {
        if !algorithms.contains(algorithm) {
            algorithms.push(*algorithm);
        }
    }
}

/// How a member was admitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admitted {
    number: u64,
    late: bool,
    shared: bool,
}

/// What a member gets.
pub(crate) enum Answer {
    /// The result.
    Done(Result<Arc<Whole>, JobError>),
    /// The reading proves nothing to a late member: he is to begin anew.
    Anew,
}

/// A member of a reading; a future that gives him the result. Dropping it leaves the reading.
pub(crate) struct Membership {
    readings: Arc<Readings>,
    reading: Arc<Reading>,
    admitted: Admitted,
}

impl Membership {
    /// The membership of somebody who was admitted.
    pub(crate) fn new(readings: Arc<Readings>, reading: Arc<Reading>, admitted: Admitted) -> Membership {
        Membership { readings, reading, admitted }
    }

    /// Whether others were there before.
    pub(crate) fn is_shared(&self) -> bool {
        self.admitted.shared
    }

    fn answer(&self, result: Result<Arc<Whole>, JobError>) -> Answer {
        match result {
            Err(_) if self.admitted.late => Answer::Anew,
            result => Answer::Done(result),
        }
    }

    fn end(&self, result: Result<Whole, JobError>) -> Result<Arc<Whole>, JobError> {
        let result = result.map(Arc::new);
        let mut circle = self.reading.circle();
        circle.phase = Phase::Closed;
        circle.result = Some(result.clone());
        let wakers: Vec<Waker> = circle.members.iter_mut().filter_map(|member| member.waker.take()).collect();
        drop(circle);
        self.readings.remove(&self.reading);
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

impl Future for Membership {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Admitted { number, late, .. } = self.admitted;
        let mut circle = self.reading.circle();
        if let Some(result) = circle.result.clone() {
            return Poll::Ready(self.answer(result));
        }
        if late && circle.refuses_late {
            return Poll::Ready(Answer::Anew);
        }
        if *circle.driver.get_or_insert(number) != number {
            if let Some(member) = circle.members.iter_mut().find(|member| member.number == number) {
                member.waker = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        let Some(mut work) = circle.work.take() else {
            // It panicked in the hands of its driver.
            drop(circle);
            let message = "the server failed while hashing the object";
            return Poll::Ready(self.answer(self.end(Err(JobError::temporary(FailureCode::Internal, message)))));
        };
        drop(circle);
        match work.as_mut().poll(context) {
            Poll::Pending => {
                self.reading.circle().work = Some(work);
                Poll::Pending
            }
            Poll::Ready(result) => Poll::Ready(self.answer(self.end(result))),
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let number = self.admitted.number;
        let mut circle = self.reading.circle();
        let Some(place) = circle.members.iter().position(|member| member.number == number) else { return };
        circle.members.remove(place);
        let Some(first) = circle.members.first().map(|member| member.progress.clone()) else {
            // Nobody wants it any more. The work may do anything when it is dropped, so not under the lock.
            circle.phase = Phase::Closed;
            let over = (circle.work.take(), circle.result.take());
            drop(circle);
            self.readings.remove(&self.reading);
            drop(over);
            return;
        };
        if circle.result.is_some() {
            return;
        }
        let newest = circle.newest.clone().filter(|_| place == 0);
        let mut next = None;
        if circle.driver.is_none_or(|driver| driver == number) {
            circle.driver = None;
            next = circle.members.iter_mut().find_map(|member| member.waker.take());
        }
        drop(circle);
        newest.into_iter().for_each(|checkpoint| first.offer(checkpoint));
        next.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use hashlane_job::BucketName;

    use super::*;

    fn request(early: bool) -> HashRequest {
        let bucket = BucketName::parse("photos-1250000000").expect("a bucket name");
        let mut progress = ReadProgress::default();
        if early {
            progress.ask_early();
        }
        HashRequest {
            object: ObjectRef { bucket, key: "k".into() },
            algorithms: vec![Algorithm::Md5],
            checkpoint: None,
            progress: Arc::new(progress),
        }
    }

    /// Failure rule A9: a suspect runs alone until it shows progress. One that joins a reading which has shown some need not wait
    /// for its end, and nobody else for it.
    #[test]
    fn a_suspect_that_joins_a_reading_has_its_progress_at_once() {
        let (first, suspect, plain, later) = (request(true), request(true), request(false), request(true));
        let reading = Arc::new(Reading::new(&first));
        reading.admit(&first, true).expect("it gathers");
        reading.open();
        let checkpoint = Checkpoint::from_bytes(vec![1]);
        reading.admit(&later, true).expect("it is open");
        assert_eq!(later.progress.checkpoint(), None, "nothing is shown yet");
        reading.offer(checkpoint.clone());
        for joined in [&suspect, &plain] {
            reading.admit(joined, true).expect("it is open");
        }
        for early in [&first, &later, &suspect] {
            assert_eq!(early.progress.checkpoint(), Some(checkpoint.clone()));
        }
        assert_eq!(plain.progress.checkpoint(), None, "one member stores it for those who need none");
    }

    /// After a kill every job of a reading may have a checkpoint of about the same place, and they come one after another.
    #[test]
    fn who_has_a_checkpoint_joins_a_reading_that_is_not_far_behind() {
        let first = request(false);
        let reading = Arc::new(Reading::new(&first));
        reading.admit(&first, true).expect("it gathers");
        reading.open();
        reading.meter.begin(1 << 30, 1 << 40);
        for (spared_bytes, joins) in [
            (0, true),
            (1 << 29, true),
            ((1 << 30) + AHEAD_BYTES_MAX, true),
            ((1 << 30) + AHEAD_BYTES_MAX + 64, false),
            (1 << 39, false),
        ] {
            let joined =
                reading.admit(&HashRequest { checkpoint: Some(sparing(spared_bytes)), ..request(false) }, true);
            assert_eq!(joined.is_some(), joins, "{spared_bytes}");
        }
    }

    /// A checkpoint after so many bytes, a multiple of a block.
    fn sparing(bytes: u64) -> Checkpoint {
        let mut hasher = hashlane_lanes::Hasher::new(Algorithm::Md5);
        hasher.update(&[0; 64]);
        let mut state = hasher.export().expect("MD5 can be taken up").to_bytes();
        state[1..9].copy_from_slice(&bytes.to_le_bytes());
        let mut sealed = vec![1, 2, 0, b'v', b'1'];
        sealed.extend(state);
        sealed.extend([0; 8]);
        Checkpoint::from_bytes(sealed)
    }
}
