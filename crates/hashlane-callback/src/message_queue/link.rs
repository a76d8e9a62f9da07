//! The one connection to a broker: made when it is first needed, kept, and made anew with growing pauses when it is lost.
//!
//! Attempts that meet a broker which is down wait for the next try at connecting, one after another, and fail when it fails.
//! So an outage costs no more attempts than there are tries, and soon the worker sends single ones only.

use std::sync::Arc;
use std::time::Duration;

use hashlane_job::MqTarget;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use super::broker::{Broker, NotPublished, Session};
use crate::message::Message;

/// Connecting, login included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the first failure to connect; it doubles up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(2);

/// A broker and the connection to it.
#[derive(Debug)]
pub(crate) struct Link {
    broker: Box<dyn Broker>,
    /// Held while connecting: whoever comes meanwhile waits for the same connection.
    state: Mutex<State>,
}

struct State {
    session: Option<Arc<dyn Session>>,
    /// Before that nobody connects.
    next: Instant,
    pause: Duration,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("connected", &self.session.is_some()).field("pause", &self.pause).finish()
    }
}

impl Link {
    /// Not connected yet.
    pub(crate) fn new(broker: Box<dyn Broker>) -> Link {
        let state = State { session: None, next: Instant::now(), pause: PAUSE_FIRST };
        Link { broker, state: Mutex::new(state) }
    }

    /// Publishes over the connection. When this is dropped before its end, the connection is not trusted any more.
    pub(crate) async fn publish(&self, target: &MqTarget, message: &Message) -> Result<(), NotPublished> {
        let session = self.session().await?;
        let mut doubt = Doubt { link: self, session: Some(session.clone()) };
        let published = session.publish(target, message).await;
        doubt.session = None;
        published
    }

    async fn session(&self) -> Result<Arc<dyn Session>, NotPublished> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.as_ref().filter(|session| session.is_up()) {
            return Ok(session.clone());
        }
        state.session = None;
        sleep_until(state.next).await;
        // Set before trying, so that an attempt whose time ends meanwhile counts as a failure too.
        state.next = Instant::now() + state.pause;
        state.pause = (state.pause * 2).min(PAUSE_LONGEST);
        let session = timeout(CONNECT_TIMEOUT, self.broker.connect())
            .await
            .unwrap_or_else(|_| Err(NotPublished::Unavailable("the broker did not accept us in time".into())))?;
        state.session = Some(session.clone());
        state.pause = PAUSE_FIRST;
        Ok(session)
    }
}

/// While it lives a publish is under way; what remains in it at its end was broken off.
struct Doubt<'a> {
    link: &'a Link,
    session: Option<Arc<dyn Session>>,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        // When somebody connects right now, it is being replaced anyway.
        if let Ok(mut state) = self.link.state.try_lock()
            && state.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, &session))
        {
            state.session = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use bytes::Bytes;
    use hashlane_job::{BucketName, JobId, MqMode};

    use super::super::broker::Coming;
    use super::*;

    /// A broker that does as it is told, and counts.
    #[derive(Debug, Default)]
    struct Fake {
        connects: AtomicUsize,
        refuses: AtomicBool,
        hangs: AtomicBool,
        /// Sessions that were made before this number of connects are lost.
        lost_before: AtomicUsize,
    }

    #[derive(Debug, Clone)]
    struct FakeBroker(Arc<Fake>);

    struct FakeSession {
        fake: Arc<Fake>,
        number: usize,
    }

    impl Broker for FakeBroker {
        fn connect(&self) -> Coming<'_, Arc<dyn Session>> {
            Box::pin(async {
                let number = self.0.connects.fetch_add(1, Ordering::SeqCst);
                if self.0.refuses.load(Ordering::SeqCst) {
                    return Err(NotPublished::Unavailable("refused".into()));
                }
                let session: Arc<dyn Session> = Arc::new(FakeSession { fake: self.0.clone(), number });
                Ok(session)
            })
        }
    }

    impl Session for FakeSession {
        fn is_up(&self) -> bool {
            self.number >= self.fake.lost_before.load(Ordering::SeqCst)
        }

        fn publish<'a>(&'a self, _: &'a MqTarget, _: &'a Message) -> Coming<'a, ()> {
            Box::pin(async {
                if self.fake.hangs.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                Ok(())
            })
        }
    }

    fn link() -> (Arc<Fake>, Link) {
        let fake = Arc::new(Fake::default());
        (fake.clone(), Link::new(Box::new(FakeBroker(fake))))
    }

    /// One attempt of ten seconds.
    async fn attempt(link: &Link) -> Option<Result<(), NotPublished>> {
        let target = MqTarget { region: "gz".into(), mode: MqMode::Queue, name: "jobs".into() };
        let message = Message {
            job: JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("the documented id"),
            bucket: BucketName::parse("demo-1250000000").expect("a name"),
            event_id: "event-1".into(),
            request_id: "attempt-1".into(),
            content_type: "application/xml",
            body: Bytes::from_static(b"<Response/>"),
        };
        timeout(Duration::from_secs(10), link.publish(&target, &message)).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_serves_all_until_it_is_lost() {
        let (fake, link) = link();
        for _ in 0..10 {
            assert!(matches!(tokio::join!(attempt(&link), attempt(&link)), (Some(Ok(())), Some(Ok(())))));
        }
        assert_eq!(fake.connects.load(Ordering::SeqCst), 1);
        fake.lost_before.store(1, Ordering::SeqCst);
        assert!(matches!(attempt(&link).await, Some(Ok(()))));
        assert_eq!(fake.connects.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_is_down_is_asked_less_and_less_often_and_found_again() {
        let (fake, link) = link();
        fake.refuses.store(true, Ordering::SeqCst);
        let started = Instant::now();
        for _ in 0..20 {
            assert!(matches!(attempt(&link).await, Some(Err(NotPublished::Unavailable(_)))));
        }
        // 50 ms, 100 ms, ..., and 2 s each from the seventh on.
        assert!(started.elapsed() > Duration::from_secs(25), "{:?}", started.elapsed());
        fake.refuses.store(false, Ordering::SeqCst);
        assert!(matches!(attempt(&link).await, Some(Ok(()))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_a_publish_hung_is_not_used_again() {
        let (fake, link) = link();
        fake.hangs.store(true, Ordering::SeqCst);
        assert!(attempt(&link).await.is_none());
        fake.hangs.store(false, Ordering::SeqCst);
        assert!(matches!(attempt(&link).await, Some(Ok(()))));
        assert_eq!(fake.connects.load(Ordering::SeqCst), 2);
    }
}
