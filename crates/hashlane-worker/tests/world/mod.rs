//! A whole world for the worker: a real store and a real bucket in a temporary folder, and a receiver on a real socket.

mod receiver;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashlane_callback::{CallbackOptions, Transports};
use hashlane_engine::{BucketConfig, Engine, EngineOptions};
use hashlane_job::{
    BucketName, CallbackAddress, CallbackFormat, CallbackRequest, Clock, DeliveryState, Job, JobId, JobIds, NewJob,
    ObjectRef, QueueId, SteadyClock, SystemClock,
};
use hashlane_lanes::Algorithm;
use hashlane_store::{JobStore, QueueDefaults, StoreOptions};
use hashlane_worker::{Worker, WorkerOptions};
use tempfile::TempDir;

pub(crate) use receiver::{Receiver, Reply};

pub(crate) const REGION: &str = "ap-test";

/// The outer bound of every wait: only a broken worker takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) store: JobStore,
    pub(crate) engine: Engine,
    pub(crate) bucket: BucketName,
    pub(crate) queue: QueueId,
    ids: JobIds,
    folder: PathBuf,
    _directory: TempDir,
}

impl World {
    pub(crate) async fn create() -> World {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let folder = directory.path().join("bucket");
        fs::create_dir(&folder).expect("a folder for the bucket");
        let bucket = BucketName::parse("local-1250000000").expect("a bucket name");
        let options = StoreOptions {
            wall: Arc::new(SystemClock),
            steady: Arc::new(SteadyClock::start()),
            queue_defaults: QueueDefaults { jobs_waiting_max: 100_000, jobs_running_max: 10_000 },
            submit_twice_window: Duration::from_secs(60),
        };
        let url = format!("sqlite:{}", directory.path().join("hashlane.db").display());
        let store = JobStore::open(&url, options).await.expect("the store opens");
        store.open_service(&bucket).await.expect("the service opens");
        let queue = store.queues(&bucket).await.expect("the store answers")[0].id;
        let config =
            BucketConfig { name: bucket.clone(), region: REGION.into(), storage: format!("fs://{}", folder.display()) };
        let engine = Engine::start(
            EngineOptions { hash_threads: 2, memory_bytes: 16 << 20, ..EngineOptions::default() },
            vec![config],
        )
        .expect("the engine starts");
        World { store, engine, bucket, queue, ids: JobIds::random(), folder, _directory: directory }
    }

    /// A worker with quick deliveries, and receivers on this machine allowed.
    pub(crate) fn start(&self, change: impl FnOnce(&mut WorkerOptions, &mut CallbackOptions)) -> Worker {
        let mut options = WorkerOptions {
            delivery_delays: vec![Duration::ZERO, Duration::from_millis(5), Duration::from_millis(5)],
            delivery_attempts_max: 5,
            ..WorkerOptions::default()
        };
        let mut callback = CallbackOptions {
            allow_networks: vec!["127.0.0.0/8".parse().expect("a network")],
            ..CallbackOptions::default()
        };
        change(&mut options, &mut callback);
        let transports = Transports::new(callback).expect("the options are fine");
        Worker::start(self.store.clone(), self.engine.clone(), transports, options)
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        fs::write(self.path(key), bytes).expect("a new file");
    }

    /// An object that takes hours to hash and no space.
    pub(crate) fn put_endless(&self, key: &str) {
        let file = fs::File::create(self.path(key)).expect("a new file");
        file.set_len(1 << 40).expect("a sparse file");
    }

    /// A job for an MD5 that says nothing of its callback.
    pub(crate) fn job(&self, key: &str) -> NewJob {
        NewJob {
            id: self.ids.next(SystemClock.now()),
            object: ObjectRef { bucket: self.bucket.clone(), key: key.into() },
            queue: self.queue,
            algorithm: Algorithm::Md5,
            algorithm_as_given: "MD5".into(),
            add_to_header: false,
            user_data: None,
            fresh: false,
            submitter: None,
            level: 0,
            callback: CallbackRequest::default(),
        }
    }

    pub(crate) async fn submit(&self, job: NewJob) -> JobId {
        let id = job.id;
        self.store.submit(job).await.expect("the job is accepted");
        id
    }

    /// Submits a job that calls back to this URL.
    pub(crate) async fn submit_with_callback(&self, key: &str, url: String, format: Option<CallbackFormat>) -> JobId {
        let callback = CallbackRequest { address: CallbackAddress::Url(url), format };
        self.submit(NewJob { callback, ..self.job(key) }).await
    }

    pub(crate) async fn get(&self, id: JobId) -> Job {
        let jobs = self.store.get(&self.bucket, &[id]).await.expect("the store answers");
        jobs.into_iter().next().expect("the job exists")
    }

    /// Waits until the job is as wanted.
    pub(crate) async fn until(&self, id: JobId, wanted: impl Fn(&Job) -> bool) -> Job {
        let waiting = async {
            let mut often = tokio::time::interval(Duration::from_millis(2));
            loop {
                often.tick().await;
                let job = self.get(id).await;
                if wanted(&job) {
                    return job;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(job) => job,
            Err(_) => panic!("it never became so: {:?}", self.get(id).await),
        }
    }

    pub(crate) async fn ended(&self, id: JobId) -> Job {
        self.until(id, |job| job.state.is_final()).await
    }

    /// Waits until the callback's fate is known.
    pub(crate) async fn called_back(&self, id: JobId) -> Job {
        self.until(id, |job| matches!(job.delivery.state, DeliveryState::Delivered | DeliveryState::Failed)).await
    }
}

/// Fails the test when it takes for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} never happened"),
    }
}
