//! The job store alone, without HTTP: what each verb costs in an empty store and beside many finished or waiting jobs.
//!
//! The store is filled through its own verbs, so that the file is what it would be after so many jobs. CPU time is that of this
//! process: the store's threads and the caller's share of the calls.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashlane_job::{
    BucketName, CallbackAddress, CallbackRequest, Clock, FileFacts, Job, JobId, JobIds, JobState, Lease, NewJob,
    ObjectRef, Outcome, QueueId, Stage, SteadyClock, SystemClock,
};
use hashlane_lanes::{Algorithm, Hasher};
use hashlane_store::{JobStore, ListQuery, ListState, QueueDefaults, StoreOptions};
use tokio::task::JoinSet;

use crate::cpu;
use crate::failure::Failure;

/// Calls that are made at once, as by so many connections.
const CALLS: usize = 256;
/// Leases of one claim: about what the engine has slots for on two cores.
const SLOTS: usize = 56;
/// A lease that no fill outlasts.
const LEASE: Duration = Duration::from_secs(3600);
/// Jobs of the first page of a list, as the wire gives them by default.
const PAGE: usize = 10;

/// Measures an empty store; then one with so many finished jobs; then one with so many waiting jobs.
pub async fn measure(jobs: usize, finished: usize, waiting: usize) -> Result<(), Failure> {
    println!("\n## store: its verbs without HTTP, {CALLS} calls at once\n");
    println!(
        "| beside | verb | per second | CPU \u{b5}s | of empty |\n\
         |---|---|---:|---:|---:|"
    );
    let mut empty = Vec::new();
    for (ended, held) in [(0, 0), (finished, 0), (0, waiting)] {
        if ended + held == 0 && !empty.is_empty() {
            continue;
        }
        let folder = tempfile::tempdir()?;
        let desk = Desk::open(folder.path()).await?;
        desk.fill(ended, held).await?;
        let verbs = desk.verbs(jobs).await?;
        for (number, verb) in verbs.iter().enumerate() {
            let ratio = empty.get(number).map_or(1.0, |first: &Verb| verb.rate / first.rate);
            let beside = format!("{ended} finished, {held} waiting");
            println!("| {beside} | {} | {:.0} | {:.1} | {ratio:.2} |", verb.name, verb.rate, verb.cpu_us);
        }
        if empty.is_empty() {
            empty = verbs;
        }
        desk.store.close().await;
        if ended > 0 {
            let bytes = std::fs::metadata(folder.path().join("jobs.db"))?.len();
            println!("\nThe file has {:.0} bytes per finished job.\n", bytes as f64 / (ended + jobs) as f64);
        }
    }
    Ok(())
}

struct Verb {
    name: &'static str,
    rate: f64,
    cpu_us: f64,
}

/// A store with a bucket and its queue.
struct Desk {
    store: JobStore,
    bucket: BucketName,
    queue: QueueId,
    ids: Arc<JobIds>,
}

impl Desk {
    async fn open(folder: &Path) -> Result<Desk, Failure> {
        let options = StoreOptions {
            wall: Arc::new(SystemClock),
            steady: Arc::new(SteadyClock::start()),
            queue_defaults: QueueDefaults { jobs_waiting_max: u64::MAX, jobs_running_max: u64::MAX },
            submit_twice_window: std::time::Duration::from_secs(60),
        };
        let url = format!("sqlite:{}", folder.join("jobs.db").display());
        let store = JobStore::open(&url, options).await?;
        let bucket = BucketName::parse("local-1250000000").ok_or_else(|| Failure::new("no bucket name"))?;
        store.open_service(&bucket).await?;
        let queues = store.queues(&bucket).await?;
        let queue = queues.first().ok_or_else(|| Failure::new("the service has no queue"))?.id;
        Ok(Desk { store, bucket, queue, ids: Arc::new(JobIds::random()) })
    }

    fn job(&self) -> NewJob {
        let id = self.ids.next(SystemClock.now());
        NewJob {
            id,
            object: ObjectRef { bucket: self.bucket.clone(), key: format!("objects/2026/11/23/{id}.bin") },
            queue: self.queue,
            algorithm: Algorithm::Sha256,
            algorithm_as_given: "SHA256".into(),
            add_to_header: false,
            level: 0,
            submitter: None,
            user_data: None,
            callback: CallbackRequest { address: CallbackAddress::Queue, format: None },
        }
    }

    /// Brings the store to so many finished and so many waiting jobs.
    async fn fill(&self, finished: usize, waiting: usize) -> Result<(), Failure> {
        const STEP: usize = 100_000;
        let mut left = finished;
        while left > 0 {
            let step = left.min(STEP);
            self.submit(step).await?;
            for leases in self.claim(step).await? {
                self.settle(leases).await?;
            }
            left -= step;
        }
        self.submit(waiting).await?;
        Ok(())
    }

    async fn verbs(&self, jobs: usize) -> Result<Vec<Verb>, Failure> {
        let mut verbs = Vec::new();
        let (verb, ids) = timed("submit", jobs, self.submit(jobs)).await?;
        verbs.push(verb);
        let (verb, claimed) = timed("claim", jobs, self.claim(jobs)).await?;
        verbs.push(verb);
        let settling = async {
            for leases in claimed {
                self.settle(leases).await?;
            }
            Ok(())
        };
        let (verb, ()) = timed("settle", jobs, settling).await?;
        verbs.push(verb);
        let asked = jobs.min(10_000);
        let asking = async {
            let spread = ids.iter().step_by((ids.len() / asked).max(1)).take(asked);
            for id in spread {
                let found: Vec<Job> = self.store.get(&self.bucket, std::slice::from_ref(id)).await?;
                if found.len() != 1 {
                    return Err(Failure::new(format!("job {id} is lost")));
                }
            }
            Ok(())
        };
        verbs.push(timed("get by id, one after the other", asked, asking).await?.0);
        let pages = 2_000;
        for (name, states) in
            [("first page of all", vec![]), ("first page of the succeeded", vec![ListState::Is(JobState::Succeeded)])]
        {
            let listing = async {
                for _ in 0..pages {
                    let query = ListQuery {
                        bucket: self.bucket.clone(),
                        queue: Some(self.queue),
                        states: states.clone(),
                        newest_first: true,
                        created_from: None,
                        created_to: None,
                        after: None,
                        limit: PAGE,
                    };
                    self.store.list(query).await?;
                }
                Ok(())
            };
            verbs.push(timed(name, pages, listing).await?.0);
        }
        Ok(verbs)
    }

    async fn submit(&self, jobs: usize) -> Result<Vec<JobId>, Failure> {
        let mut calls = JoinSet::new();
        let mut ids = Vec::with_capacity(jobs);
        for _ in 0..jobs {
            if calls.len() >= CALLS {
                joined(&mut calls).await?;
            }
            let (store, job) = (self.store.clone(), self.job());
            ids.push(job.id);
            calls.spawn(async move { store.submit(job).await.map_err(|error| Failure::new(error.to_string())) });
        }
        while !calls.is_empty() {
            joined(&mut calls).await?;
        }
        Ok(ids)
    }

    async fn claim(&self, jobs: usize) -> Result<Vec<Vec<Lease>>, Failure> {
        let mut all = Vec::new();
        let mut left = jobs;
        while left > 0 {
            let leases = self.store.claim(Stage::Hash, left.min(SLOTS), LEASE).await?.leases;
            if leases.is_empty() {
                return Err(Failure::new("the store does not give what waits"));
            }
            left -= leases.len();
            all.push(leases);
        }
        Ok(all)
    }

    async fn settle(&self, leases: Vec<Lease>) -> Result<(), Failure> {
        let digest = Hasher::digest(Algorithm::Sha256, b"an object");
        let mut calls = JoinSet::new();
        for lease in leases {
            let facts = FileFacts {
                digests: vec![digest],
                size_bytes: 4096,
                etag: "\"0123456789abcdef0123456789abcdef\"".into(),
                modified: lease.job.request.id.created(),
            };
            let store = self.store.clone();
            calls.spawn(async move {
                store.settle(lease.token, Outcome::Hashed(facts)).await?;
                Ok::<_, Failure>(())
            });
        }
        while !calls.is_empty() {
            joined(&mut calls).await?;
        }
        Ok(())
    }
}

async fn joined(calls: &mut JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    match calls.join_next().await {
        Some(ended) => ended.map_err(|error| Failure::new(error.to_string()))?,
        None => Ok(()),
    }
}

async fn timed<T>(
    name: &'static str,
    count: usize,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<(Verb, T), Failure> {
    let (before, started) = (cpu::used(std::process::id())?, Instant::now());
    let answer = work.await?;
    let (elapsed, after) = (started.elapsed(), cpu::used(std::process::id())?);
    let rate = count as f64 / elapsed.as_secs_f64();
    Ok((Verb { name, rate, cpu_us: cpu::microseconds_each(before, after, count) }, answer))
}
