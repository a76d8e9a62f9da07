//! The clients: each submits one planned request after the other, writes down what it sends and hears, and now and then
//! cancels or asks.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hashlane_client::{Client, ClientError};
use tokio::sync::RwLock;

use crate::failure::Failure;
use crate::model::{Entry, Model};
use crate::plan::Planned;

/// A client that was refused waits this long.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// What all clients share.
#[derive(Debug)]
pub struct Load {
    /// The run's seed.
    pub seed: u64,
    model: Model,
    client: Client,
    urls: [String; 2],
    /// The pause of each client between two requests.
    pause: Duration,
    next: AtomicU64,
    /// Held for reading during each request; who writes holds up all.
    gate: RwLock<()>,
    stop: AtomicBool,
    accepted: Mutex<Vec<(Instant, String)>>,
    /// Submits that were refused in order.
    pub refused: AtomicU64,
    /// Submits that were not answered.
    pub unanswered: AtomicU64,
    violations: Mutex<Vec<String>>,
}

impl Load {
    /// Nothing is sent yet. `rate` is the number of requests a second of all `clients` together, 0 for as many as possible.
    pub fn new(seed: u64, model: Model, client: Client, urls: [String; 2], clients: usize, rate: usize) -> Arc<Load> {
        let pause = if rate == 0 { Duration::ZERO } else { Duration::from_secs(1) * clients as u32 / rate as u32 };
        Arc::new(Load {
            seed,
            model,
            client,
            urls,
            pause,
            next: AtomicU64::new(0),
            gate: RwLock::new(()),
            stop: AtomicBool::new(false),
            accepted: Mutex::default(),
            refused: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            violations: Mutex::default(),
        })
    }

    /// One client, until [`Load::end`].
    pub async fn run(self: Arc<Load>) -> Result<(), Failure> {
        while !self.stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            self.once().await?;
            tokio::time::sleep(self.pause.saturating_sub(began.elapsed())).await;
        }
        Ok(())
    }

    /// The next request; true when it was accepted.
    pub async fn once(&self) -> Result<bool, Failure> {
        let _passing = self.gate.read().await;
        self.submit().await
    }

    /// As [`Load::once`], also while the others are held up.
    pub async fn submit(&self) -> Result<bool, Failure> {
        self.send(self.next.fetch_add(1, Ordering::Relaxed)).await
    }

    /// Submits a job for the object that ends whoever reads it.
    pub async fn submit_deadly(&self, number: u64) -> Result<bool, Failure> {
        self.send(Planned::deadly(number)).await
    }

    async fn send(&self, n: u64) -> Result<bool, Failure> {
        let planned = Planned::of(self.seed, n);
        self.model.write(&Entry::Send { n }).await?;
        let id = match self.client.submit(&planned.request(&self.urls)).await {
            Ok((job, _)) => job.job_id,
            Err(ClientError::Refused { status: 503, .. }) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                self.model.write(&Entry::Refused { n }).await?;
                tokio::time::sleep(AFTER_REFUSAL).await;
                return Ok(false);
            }
            Err(error) => {
                if !matches!(error, ClientError::Unreachable(_)) {
                    self.violation(format!("submit {n}: {error}"));
                }
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                self.model.write(&Entry::Unanswered { n, why: error.to_string() }).await?;
                return Ok(false);
            }
        };
        self.model.write(&Entry::Accepted { n, id: id.clone() }).await?;
        self.accepted.lock().expect("no holder panics").push((Instant::now(), id.clone()));
        if planned.is_cancelled {
            self.model.write(&Entry::Cancel { n }).await?;
            if self.client.cancel_job(&id).await.is_ok() {
                self.model.write(&Entry::Cancelled { n }).await?;
            }
        }
        if planned.is_asked_for {
            self.ask(n, id).await?;
        }
        Ok(true)
    }

    /// An accepted job is known at once; what it says in a final state is written down.
    async fn ask(&self, n: u64, id: String) -> Result<(), Failure> {
        let Ok((jobs, missing, _)) = self.client.describe(std::slice::from_ref(&id)).await else { return Ok(()) };
        if !missing.is_empty() {
            self.violation(format!("job {id} was accepted and is not known right after"));
        }
        for job in jobs.into_iter().filter(hashlane_wire::job_detail::JobDetail::is_final) {
            let digest =
                job.result.and_then(|it| it.digests.into_iter().next()).map(|(_, hex)| hex).unwrap_or_default();
            self.model.write(&Entry::Seen { n, state: job.state, digest }).await?;
        }
        Ok(())
    }

    /// Whether a job that was accepted at some time can be asked for now; true when there is none.
    pub async fn can_ask(&self) -> bool {
        let last = self.accepted.lock().expect("no holder panics").last().map(|(_, id)| id.clone());
        match last {
            Some(id) => self.client.describe(&[id]).await.is_ok(),
            None => true,
        }
    }

    /// Holds up all clients, once the requests under way are answered, until the guard is dropped.
    pub async fn hold_up(&self) -> tokio::sync::RwLockWriteGuard<'_, ()> {
        self.gate.write().await
    }

    /// The ids of the jobs that were accepted until now, not longer ago than `within`.
    pub fn accepted(&self, within: Duration) -> Vec<String> {
        let accepted = self.accepted.lock().expect("no holder panics");
        accepted.iter().filter(|(at, _)| at.elapsed() <= within).map(|(_, id)| id.clone()).collect()
    }

    /// How many jobs were accepted.
    pub fn accepted_count(&self) -> usize {
        self.accepted.lock().expect("no holder panics").len()
    }

    /// Tells the clients to end.
    pub fn end(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn violation(&self, what: String) {
        self.violations.lock().expect("no holder panics").push(what);
    }

    /// Answers that a service that keeps its promises does not give.
    pub fn violations(&self) -> Vec<String> {
        self.violations.lock().expect("no holder panics").clone()
    }
}
