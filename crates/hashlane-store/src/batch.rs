//! Joins concurrent calls into one commit.
//!
//! One thread owns what can be written. It takes the calls that wait at this moment, at most [`OPS_MAX`] and never waiting
//! for more, applies them inside one transaction, commits, and only then answers all of them: one fsync for hundreds of
//! callers, and a lone caller is not delayed. A call that fails by itself fails alone, having written nothing; what fails the
//! transaction fails every call of exactly that group.
//!
//! Calls are values that are applied by reference, so that a group can be applied again one by one when a single call broke a
//! constraint. This file knows no SQL.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::{StoreError, StoreErrorKind};

/// How many calls share one commit. More would only lengthen the wait of the first: at this number one fsync is already
/// less than a thousandth of each call.
const OPS_MAX: usize = 1_000;
/// How many calls may wait. At the slowest rate worth serving they are gone within a second; more callers are told at once.
const OPS_WAITING_MAX: usize = 8_192;
/// How long nothing must change before the thread tidies up.
const IDLE: Duration = Duration::from_secs(1);
/// Between two steps of tidying up: each is short, and a call that comes meanwhile waits for one at most.
const TIDY_PAUSE: Duration = Duration::from_millis(10);

/// A change to the store, as a value.
pub(crate) trait Verb<C>: Send + 'static {
    /// What the caller learns after the commit.
    type Answer: Send + 'static;

    /// Applies it inside the open transaction of `context`. May be called again after a rollback. When it returns
    /// [`Fault::Alone`], it has written nothing.
    fn apply(&self, context: &mut C) -> Result<Self::Answer, Fault>;
}

/// Why a verb could not be applied.
#[derive(Debug)]
pub(crate) enum Fault {
    /// This call is at fault and has changed nothing; the others of its group go on.
    Alone(StoreError),
    /// The transaction is at fault.
    Group {
        /// What every caller of the group is told.
        error: StoreError,
        /// What is to be done about it.
        class: FaultClass,
    },
}

/// What is to be done about a failed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultClass {
    /// One call broke a rule of the schema: apply the calls one by one.
    Rule,
    /// It may work next time: disk full, out of memory.
    Passing,
    /// The files or what is cached of them cannot be trusted: open them anew before anything else.
    Broken,
}

/// The side that owns what can be written.
pub(crate) trait Transactor: Send + 'static {
    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), Fault>;
    /// Makes durable what was applied since [`Transactor::begin`].
    fn commit(&mut self) -> Result<(), Fault>;
    /// Forgets what was applied since [`Transactor::begin`].
    fn rollback(&mut self, class: FaultClass);
    /// A group was told this: the place to warn.
    fn failed(&mut self, error: &StoreError);
    /// After the answers of a group: work that nobody should wait for. Says whether the group changed anything.
    fn after_group(&mut self) -> bool;
    /// Nothing has changed for a while; whether there is more to be tidied up than one short step.
    fn idle(&mut self) -> bool;
    /// Everything was answered, in order, and nothing more will come.
    fn close(&mut self);
}

/// The caller's side of the joined commits.
pub(crate) struct Batch<C> {
    sender: SyncSender<Message<C>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message<C> {
    Call(Box<dyn Queued<C>>),
    Stop,
}

impl<C: Transactor> Batch<C> {
    /// Starts the thread that owns `context`.
    pub(crate) fn start(context: C) -> Result<Batch<C>, StoreError> {
        let (sender, receiver) = sync_channel(OPS_WAITING_MAX);
        let thread =
            std::thread::Builder::new()
                .name("store-writer".into())
                .spawn(move || serve(context, &receiver))
                .map_err(|error| StoreError::unavailable(format!("cannot start the store's writer thread: {error}")))?;
        Ok(Batch { sender, thread: Mutex::new(Some(thread)) })
    }

    /// Applies a verb in the next transaction and waits for its commit. The verb is applied even when the returned future is
    /// dropped.
    pub(crate) async fn run<V: Verb<C>>(&self, verb: V) -> Result<V::Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        let call = Call { verb, reply, answer: None };
        self.sender.try_send(Message::Call(Box::new(call))).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::new(StoreErrorKind::Busy, "too many calls wait for the store"),
            TrySendError::Disconnected(_) => closed(),
        })?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Commits and answers what waits, then ends the thread. Calls that come later are refused.
    pub(crate) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Both fail only when the thread is gone already, which is what is wanted.
            self.sender.send(Message::Stop).ok();
            thread.join().ok();
        }
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the store is closed")
}

/// A [`Verb`] with its caller, so that verbs with different answers can wait in one line.
trait Queued<C>: Send {
    /// Applies the verb and keeps the answer.
    fn apply(&mut self, context: &mut C) -> Result<(), Fault>;
    /// Answers the caller: with `failure`, or else with what was kept.
    fn answer(self: Box<Self>, failure: Option<&StoreError>);
}

struct Call<C, V: Verb<C>> {
    verb: V,
    reply: oneshot::Sender<Result<V::Answer, StoreError>>,
    answer: Option<Result<V::Answer, StoreError>>,
}

impl<C, V: Verb<C>> Queued<C> for Call<C, V> {
    fn apply(&mut self, context: &mut C) -> Result<(), Fault> {
        self.answer = Some(match self.verb.apply(context) {
            Ok(answer) => Ok(answer),
            Err(Fault::Alone(error)) => Err(error),
            Err(fault) => return Err(fault),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&StoreError>) {
        let answer = match (failure, self.answer) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(answer)) => answer,
            (None, None) => Err(StoreError::corrupt("a call was committed without being applied")),
        };
        // The caller may have stopped waiting; what was done is done.
        self.reply.send(answer).ok();
    }
}

fn serve<C: Transactor>(mut context: C, receiver: &Receiver<Message<C>>) {
    // When the next step of tidying up is due; none when all is tidy.
    let mut tidy_at = Some(Instant::now() + IDLE);
    loop {
        let message = match tidy_at {
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => receiver.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        let first = match message {
            Ok(Message::Call(call)) => call,
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                tidy_at = context.idle().then(|| Instant::now() + TIDY_PAUSE);
                continue;
            }
        };
        let (group, stop) = take_waiting(first, receiver);
        run_group(&mut context, group);
        // Workers ask for work all the time: that there is none leaves everything as tidy as it was.
        if context.after_group() {
            tidy_at = Some(Instant::now() + IDLE);
        }
        if stop {
            break;
        }
    }
    context.close();
    // One step: what is left of tidying up waits for the next opening.
    context.idle();
}

fn take_waiting<C>(first: Box<dyn Queued<C>>, receiver: &Receiver<Message<C>>) -> (Vec<Box<dyn Queued<C>>>, bool) {
    let mut group = vec![first];
    while group.len() < OPS_MAX {
        match receiver.try_recv() {
            Ok(Message::Call(call)) => group.push(call),
            Ok(Message::Stop) => return (group, true),
            Err(_) => break,
        }
    }
    (group, false)
}

fn run_group<C: Transactor>(context: &mut C, mut group: Vec<Box<dyn Queued<C>>>) {
    match apply_and_commit(context, &mut group) {
        Ok(()) => group.into_iter().for_each(|call| call.answer(None)),
        Err((_, FaultClass::Rule)) if group.len() > 1 => {
            group.into_iter().for_each(|call| run_group(context, vec![call]));
        }
        Err((error, _)) => {
            context.failed(&error);
            group.into_iter().for_each(|call| call.answer(Some(&error)));
        }
    }
}

fn apply_and_commit<C: Transactor>(
    context: &mut C,
    group: &mut [Box<dyn Queued<C>>],
) -> Result<(), (StoreError, FaultClass)> {
    let started = Instant::now();
    let outcome = context
        .begin()
        .and_then(|()| group.iter_mut().try_for_each(|call| call.apply(context)))
        .and_then(|()| context.commit());
    match outcome {
        Ok(()) => {
            metrics::histogram!("hashlane_store_commit_seconds").record(started.elapsed());
            metrics::histogram!("hashlane_store_commit_ops").record(group.len() as f64);
            Ok(())
        }
        Err(Fault::Group { error, class }) => {
            context.rollback(class);
            Err((error, class))
        }
        // Begin and commit fail for the whole group, and a call's own fault was kept as its answer.
        Err(Fault::Alone(error)) => {
            context.rollback(FaultClass::Passing);
            Err((error, FaultClass::Passing))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Remembers numbers; commits when the test lets it, as the test says.
    struct Numbers {
        begun: Sender<()>,
        commits: Receiver<Result<(), FaultClass>>,
        pending: Vec<u32>,
        committed: Arc<Mutex<Vec<u32>>>,
    }

    struct Add(u32);

    impl Verb<Numbers> for Add {
        type Answer = u32;

        fn apply(&self, numbers: &mut Numbers) -> Result<u32, Fault> {
            numbers.pending.push(self.0);
            Ok(self.0)
        }
    }

    impl Transactor for Numbers {
        fn begin(&mut self) -> Result<(), Fault> {
            self.begun.send(()).expect("the test listens");
            Ok(())
        }

        fn commit(&mut self) -> Result<(), Fault> {
            let verdict = self.commits.recv().expect("the test decides");
            let error = StoreError::unavailable("the disk is full");
            verdict.map_err(|class| Fault::Group { error, class })?;
            self.committed.lock().expect("nobody panicked").append(&mut self.pending);
            Ok(())
        }

        fn rollback(&mut self, _: FaultClass) {
            self.pending.clear();
        }

        fn failed(&mut self, _: &StoreError) {}
        fn after_group(&mut self) -> bool {
            true
        }
        fn idle(&mut self) -> bool {
            false
        }
        fn close(&mut self) {}
    }

    struct Bench {
        batch: Arc<Batch<Numbers>>,
        begun: Receiver<()>,
        commit: Sender<Result<(), FaultClass>>,
        committed: Arc<Mutex<Vec<u32>>>,
    }

    impl Bench {
        fn new() -> Bench {
            let ((begin, begun), (commit, commits)) = (channel(), channel());
            let committed = Arc::new(Mutex::default());
            let numbers = Numbers { begun: begin, commits, pending: Vec::new(), committed: committed.clone() };
            let batch = Arc::new(Batch::start(numbers).expect("the thread starts"));
            Bench { batch, begun, commit, committed }
        }

        /// Calls and returns when the call waits in line; the answer comes later.
        async fn call(&self, number: u32) -> tokio::task::JoinHandle<Result<u32, StoreError>> {
            let batch = self.batch.clone();
            let mut answer = Box::pin(async move { batch.run(Add(number)).await });
            // The first poll puts the call in line.
            let early = poll_once(&mut answer).await;
            assert!(early.is_none(), "nobody is answered before the commit: {early:?}");
            tokio::spawn(answer)
        }
    }

    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn calls_that_wait_share_a_commit_and_a_failed_commit_fails_exactly_its_group() {
        let bench = Bench::new();
        let first = bench.call(1).await;
        bench.begun.recv().expect("the first call goes alone");
        let group = [bench.call(2).await, bench.call(3).await];
        bench.commit.send(Ok(())).expect("the thread waits");
        assert_eq!(first.await.expect("it ran"), Ok(1));
        bench.begun.recv().expect("the others go together");
        let last = bench.call(4).await;
        bench.commit.send(Err(FaultClass::Passing)).expect("the thread waits");
        for call in group {
            assert_eq!(call.await.expect("it ran").expect_err("it failed").kind, StoreErrorKind::Unavailable);
        }
        bench.commit.send(Ok(())).expect("the thread waits");
        assert_eq!(last.await.expect("it ran"), Ok(4));
        assert_eq!(*bench.committed.lock().expect("nobody panicked"), [1, 4]);
    }

    #[tokio::test]
    async fn a_group_in_which_a_rule_was_broken_is_applied_one_by_one() {
        let bench = Bench::new();
        let first = bench.call(1).await;
        bench.begun.recv().expect("the first call goes alone");
        let group = [bench.call(2).await, bench.call(3).await];
        for verdict in [Ok(()), Err(FaultClass::Rule), Err(FaultClass::Rule), Ok(())] {
            bench.commit.send(verdict).expect("the thread waits");
        }
        let [second, third] = group;
        assert_eq!(first.await.expect("it ran"), Ok(1));
        assert!(second.await.expect("it ran").is_err());
        assert_eq!(third.await.expect("it ran"), Ok(3));
        assert_eq!(*bench.committed.lock().expect("nobody panicked"), [1, 3]);
    }

    /// Failure rule E5.
    #[tokio::test]
    async fn when_too_many_calls_wait_the_next_is_told_at_once() {
        let bench = Bench::new();
        let first = bench.call(0).await;
        bench.begun.recv().expect("the first call goes alone");
        let mut waiting = Vec::new();
        for number in 0..OPS_WAITING_MAX {
            waiting.push(bench.call(number as u32).await);
        }
        let refused = bench.batch.run(Add(0)).await.expect_err("the line is full");
        assert_eq!(refused.kind, StoreErrorKind::Busy);
        for _ in 0..=OPS_WAITING_MAX.div_ceil(OPS_MAX) {
            bench.commit.send(Ok(())).expect("the thread waits");
        }
        first.await.expect("it ran").expect("it is committed");
        for call in waiting {
            call.await.expect("it ran").expect("it is committed");
        }
    }

    #[tokio::test]
    async fn closing_commits_what_waits_and_refuses_what_comes_later() {
        let bench = Bench::new();
        let first = bench.call(1).await;
        bench.begun.recv().expect("the first call goes alone");
        let second = bench.call(2).await;
        let batch = bench.batch.clone();
        let closing = std::thread::spawn(move || batch.close());
        for _ in 0..2 {
            bench.commit.send(Ok(())).expect("the thread waits");
        }
        closing.join().expect("the batch closes");
        assert_eq!((first.await.expect("it ran"), second.await.expect("it ran")), (Ok(1), Ok(2)));
        assert_eq!(bench.batch.run(Add(3)).await.expect_err("it is closed").kind, StoreErrorKind::Unavailable);
    }
}
