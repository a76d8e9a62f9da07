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
use crate::quantile::median;

/// Calls that are made at once, as by so many connections.
const CALLS: usize = 256;
/// While a store is filled: what one commit of the store takes.
const FILL_CALLS: usize = 1_000;
/// Leases of one claim: about what the engine has slots for on two cores.
const SLOTS: usize = 56;
/// A lease that no fill outlasts.
const LEASE: Duration = Duration::from_secs(3600);
/// Jobs of the first page of a list, as the wire gives them by default.
const PAGE: usize = 10;

/// Measures rounds of a pair, an empty store and one with so many finished jobs; then the same with so many waiting jobs. Prints
/// medians of the rounds. With `kept`, the filled stores stay in that folder: the next measurement only adds what is missing.
pub async fn measure(
    jobs: usize,
    finished: usize,
    waiting: usize,
    rounds: usize,
    kept: Option<&Path>,
) -> Result<(), Failure> {
    println!("\n## store: its verbs without HTTP, {CALLS} calls at once\n");
    println!(
        "| beside | verb | per second | CPU \u{b5}s | empty: per second | CPU \u{b5}s | of empty |\n\
         |---|---|---:|---:|---:|---:|---:|"
    );
    let mut notes = String::new();
    for fill in [Fill { finished, waiting: 0 }, Fill { finished: 0, waiting }] {
        if fill.finished + fill.waiting == 0 {
            continue;
        }
        let temporary = tempfile::tempdir()?;
        let folder = kept.unwrap_or(temporary.path()).join(fill.folder());
        std::fs::create_dir_all(&folder)?;
        fill.bring(&folder).await?;
        let mut measured: Vec<Vec<(Verb, Verb)>> = Vec::new();
        for number in 0..rounds.max(1) {
            let nothing = tempfile::tempdir()?;
            // Which of the two is first takes turns: whoever comes second meets what the first left to the disk.
            let (of_empty, of_full) = if number % 2 == 0 {
                let of_empty = round(nothing.path(), jobs).await?;
                (of_empty, round(&folder, jobs).await?)
            } else {
                let of_full = round(&folder, jobs).await?;
                (round(nothing.path(), jobs).await?, of_full)
            };
            measured.push(of_empty.into_iter().zip(of_full).collect());
        }
        for number in 0..measured.first().map_or(0, Vec::len) {
            let of =
                |what: fn(&(Verb, Verb)) -> f64| median(measured.iter().map(|verbs| what(&verbs[number])).collect());
            println!(
                "| {} | {} | {:.0} | {:.1} | {:.0} | {:.1} | {:.2} |",
                fill.words(),
                measured[0][number].0.name,
                of(|(_, full)| full.rate),
                of(|(_, full)| full.cpu_us),
                of(|(empty, _)| empty.rate),
                of(|(empty, _)| empty.cpu_us),
                of(|(empty, full)| full.rate / empty.rate),
            );
        }
        if fill.finished > 0 {
            let bytes = std::fs::metadata(folder.join("jobs.db"))?.len();
            let desk = Desk::open(&folder).await?;
            let ended = desk.store.counts().await?.succeeded;
            desk.store.close().await;
            let each = bytes as f64 / ended as f64;
            notes = format!("\nThe file has {each:.0} bytes per finished job, {bytes} for {ended}.");
        }
    }
    println!("{notes}\n{jobs} jobs go through each store, {} rounds.", rounds.max(1));
    Ok(())
}

/// What a store holds before it is measured.
#[derive(Debug, Clone, Copy)]
struct Fill {
    finished: usize,
    waiting: usize,
}

impl Fill {
    fn folder(self) -> String {
        format!("{}-finished-{}-waiting", self.finished, self.waiting)
    }

    fn words(self) -> String {
        format!("{} finished, {} waiting", self.finished, self.waiting)
    }

    /// Adds what a store lacks, and says now and then how far it is.
    async fn bring(self, folder: &Path) -> Result<(), Failure> {
        const STEP: usize = 100_000;
        let desk = Desk::open(folder).await?;
        loop {
            let counts = desk.store.counts().await?;
            let (ended, waiting) = (counts.succeeded as usize, counts.waiting as usize);
            if ended < self.finished {
                // Those of a filling that was broken off come first.
                let step = if waiting > 0 { waiting } else { (self.finished - ended).min(STEP) };
                if waiting == 0 {
                    desk.submit(step, FILL_CALLS).await?;
                }
                for leases in desk.claim(step, FILL_CALLS).await? {
                    desk.settle(leases).await?;
                }
            } else if waiting < self.waiting {
                desk.submit((self.waiting - waiting).min(STEP), FILL_CALLS).await?;
            } else {
                break;
            }
            if ended + waiting > 0 && (ended + waiting) % 1_000_000 == 0 {
                eprintln!("filled with {ended} finished, {waiting} waiting");
            }
        }
        desk.store.close().await;
        Ok(())
    }
}

/// Opens a store, measures its verbs and closes it.
async fn round(folder: &Path, jobs: usize) -> Result<Vec<Verb>, Failure> {
    let desk = Desk::open(folder).await?;
    let verbs = desk.verbs(jobs).await?;
    desk.store.close().await;
    Ok(verbs)
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
            fresh: false,
            submitter: None,
            user_data: None,
            callback: CallbackRequest { address: CallbackAddress::Queue, format: None },
        }
    }

    async fn verbs(&self, jobs: usize) -> Result<Vec<Verb>, Failure> {
        let mut verbs = Vec::new();
        let (verb, ids) = timed("submit", jobs, self.submit(jobs, CALLS)).await?;
        verbs.push(verb);
        let (verb, claimed) = timed("claim", jobs, self.claim(jobs, SLOTS)).await?;
        verbs.push(verb);
        let settling = async {
            for leases in claimed {
                self.settle(leases).await?;
            }
            Ok(())
        };
        let (verb, ()) = timed("settle", jobs, settling).await?;
        verbs.push(verb);
        let asked = jobs.min(100_000);
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
        let pages = 20_000;
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

    async fn submit(&self, jobs: usize, at_once: usize) -> Result<Vec<JobId>, Failure> {
        let mut calls = JoinSet::new();
        let mut ids = Vec::with_capacity(jobs);
        for _ in 0..jobs {
            if calls.len() >= at_once {
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

    async fn claim(&self, jobs: usize, slots: usize) -> Result<Vec<Vec<Lease>>, Failure> {
        let mut all = Vec::new();
        let mut left = jobs;
        while left > 0 {
            let leases = self.store.claim(Stage::Hash, left.min(slots), LEASE).await?.leases;
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
                store.settle(lease.token, Outcome::Hashed { facts, version: None }).await?;
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
