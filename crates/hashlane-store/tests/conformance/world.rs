//! What a promise is tested in: an empty store of some backend, clocks that stand still, and short words for common steps.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{
    BucketName, CallbackAddress, CallbackRequest, Checkpoint, FailureCode, FileFacts, Job, JobError, JobId, JobIds,
    Lease, LeaseToken, ManualClock, NewJob, ObjectRef, Outcome, Queue, Reply, Stage, Timestamp,
};
use hashlane_lanes::{Algorithm, Digest};
use hashlane_store::{
    Counts, JobPage, JobStore, ListQuery, ListState, QueueDefaults, Renewal, Renewed, Settled, StoreOptions,
};

/// 2023-11-14: the time at which every world begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
pub(crate) const TWICE_WINDOW: Duration = Duration::from_secs(60);
pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) wall: Arc<ManualClock>,
    pub(crate) steady: Arc<ManualClock>,
    pub(crate) ids: JobIds,
    /// Copies what a process that is killed at this moment leaves of the store at a URL.
    image: fn(&str) -> (String, Box<dyn Any + Send + Sync>),
    /// What lives as long as the store's data: a folder, a database.
    _keep: Box<dyn Any + Send + Sync>,
}

impl World {
    pub(crate) fn new(
        url: String,
        keep: impl Any + Send + Sync,
        image: fn(&str) -> (String, Box<dyn Any + Send + Sync>),
    ) -> World {
        World {
            url,
            image,
            wall: Arc::new(ManualClock::new(BEGIN)),
            steady: Arc::new(ManualClock::new(BEGIN)),
            ids: JobIds::random(),
            _keep: Box::new(keep),
        }
    }

    /// The world as it is after whatever holds the store was killed at this moment. Time goes on in both.
    pub(crate) fn killed(&self) -> World {
        let (url, keep) = (self.image)(&self.url);
        let (wall, steady) = (self.wall.clone(), self.steady.clone());
        World { url, wall, steady, ids: JobIds::random(), image: self.image, _keep: keep }
    }

    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions {
            wall: self.wall.clone(),
            steady: self.steady.clone(),
            queue_defaults: QueueDefaults { jobs_waiting_max: 1_000_000, jobs_running_max: 10_000 },
            submit_twice_window: TWICE_WINDOW,
        }
    }

    pub(crate) async fn open(&self) -> JobStore {
        JobStore::open(&self.url, self.options()).await.expect("the store opens")
    }

    /// A store in which the service of [`bucket`] is open.
    pub(crate) async fn open_ready(&self) -> Desk<'_> {
        let store = self.open().await;
        store.open_service(&bucket()).await.expect("the service opens");
        Desk { world: self, store }
    }

    /// Moves both clocks.
    pub(crate) fn pass(&self, time: Duration) {
        self.wall.advance(time);
        self.steady.advance(time);
    }
}

/// An open store with its world: the steps that most promises share, which panic when they fail.
pub(crate) struct Desk<'a> {
    pub(crate) world: &'a World,
    pub(crate) store: JobStore,
}

impl Desk<'_> {
    pub(crate) async fn queue_of(&self, bucket: &BucketName) -> Queue {
        self.store.queues(bucket).await.expect("the queues are read").remove(0)
    }

    pub(crate) async fn queue(&self) -> Queue {
        self.queue_of(&bucket()).await
    }

    /// A job of a bucket's first queue, not submitted yet.
    pub(crate) async fn draft_in(&self, bucket: &BucketName) -> NewJob {
        NewJob {
            id: self.world.ids.next(self.world.wall.now_time()),
            object: ObjectRef { bucket: bucket.clone(), key: "photos/春.jpg".into() },
            queue: self.queue_of(bucket).await.id,
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

    pub(crate) async fn draft(&self) -> NewJob {
        self.draft_in(&bucket()).await
    }

    pub(crate) async fn submit(&self, job: NewJob) -> JobId {
        let id = job.id;
        self.store.submit(job).await.expect("the job is accepted");
        id
    }

    /// Submits a plain job.
    pub(crate) async fn submit_one(&self) -> JobId {
        self.submit(self.draft().await).await
    }

    pub(crate) async fn submit_many(&self, bucket: &BucketName, jobs: usize) -> Vec<JobId> {
        let draft = self.draft_in(bucket).await;
        let mut ids = Vec::new();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..jobs {
            let job = NewJob { id: self.world.ids.next(self.world.wall.now_time()), ..draft.clone() };
            ids.push(job.id);
            let store = self.store.clone();
            tasks.spawn(async move { store.submit(job).await.expect("the job is accepted") });
        }
        tasks.join_all().await;
        ids
    }

    /// Submits a job that calls back at its own URL.
    pub(crate) async fn submit_with_callback(&self) -> JobId {
        let address = CallbackAddress::Url("http://receiver/".into());
        let callback = CallbackRequest { address, format: None };
        self.submit(NewJob { callback, ..self.draft().await }).await
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.store.get(&bucket(), &[id]).await.expect("the job is read").pop().expect("the job exists")
    }

    pub(crate) async fn claim(&self, stage: Stage, slots: usize) -> Vec<Lease> {
        self.store.claim(stage, slots, LEASE).await.expect("the store is claimed from").leases
    }

    /// Claims hash work and says which jobs came.
    pub(crate) async fn claim_ids(&self, slots: usize) -> Vec<JobId> {
        self.claim(Stage::Hash, slots).await.iter().map(|lease| lease.token.job).collect()
    }

    /// Claims the one row of a stage that is due.
    pub(crate) async fn claim_one(&self, stage: Stage) -> Lease {
        let mut leases = self.claim(stage, 10).await;
        assert_eq!(leases.len(), 1, "one row of the stage is due");
        leases.remove(0)
    }

    /// Claims one of several due rows.
    pub(crate) async fn claim_one_of_many(&self, stage: Stage) -> Lease {
        self.claim(stage, 1).await.remove(0)
    }

    pub(crate) async fn settle(&self, token: LeaseToken, outcome: Outcome) -> Settled {
        self.store.settle(token, outcome).await.expect("the outcome is settled")
    }

    /// Submits, claims and hashes one job.
    pub(crate) async fn finish_one(&self) -> JobId {
        let id = self.submit_one().await;
        let lease = self.claim_one(Stage::Hash).await;
        assert_eq!(self.settle(lease.token, hashed()).await, Settled::Stored);
        id
    }

    pub(crate) async fn renew(&self, token: LeaseToken, progress: u8) -> Renewed {
        self.renew_with(token, progress, None).await
    }

    /// Renews with what an engine would have given as a checkpoint.
    pub(crate) async fn renew_with(&self, token: LeaseToken, progress: u8, checkpoint: Option<&str>) -> Renewed {
        let checkpoint = checkpoint.map(|text| Checkpoint::from_bytes(text.into()));
        let renewal = Renewal { token, progress, checkpoint };
        self.store.renew(vec![renewal], LEASE).await.expect("the lease is renewed")[0]
    }

    pub(crate) async fn counts(&self) -> Counts {
        self.store.counts().await.expect("the jobs are counted")
    }

    pub(crate) async fn list(&self, states: &[ListState]) -> Vec<JobId> {
        let page = self.page(ListQuery { states: states.to_vec(), ..whole_list() }).await;
        assert_eq!(page.next_after, None);
        page.jobs.iter().map(|job| job.request.id).collect()
    }

    pub(crate) async fn page(&self, query: ListQuery) -> JobPage {
        self.store.list(query).await.expect("the jobs are listed")
    }
}

/// So that tests need not import the trait.
pub(crate) trait NowTime {
    fn now_time(&self) -> Timestamp;
}

impl NowTime for ManualClock {
    fn now_time(&self) -> Timestamp {
        hashlane_job::Clock::now(self)
    }
}

pub(crate) fn bucket() -> BucketName {
    bucket_named("first")
}

pub(crate) fn bucket_named(name: &str) -> BucketName {
    BucketName::parse(&format!("{name}-1250000000")).expect("the name has the shape of a bucket's")
}

/// Every job of [`bucket`], oldest first.
pub(crate) fn whole_list() -> ListQuery {
    ListQuery {
        bucket: bucket(),
        queue: None,
        states: Vec::new(),
        newest_first: false,
        created_from: None,
        created_to: None,
        after: None,
        limit: 10_000,
    }
}

pub(crate) fn facts() -> FileFacts {
    FileFacts {
        digests: vec![Digest::from_bytes(Algorithm::Md5, &[7; 16]).expect("an MD5 digest has 16 bytes")],
        size_bytes: 42_120,
        etag: "\"1f3ede740849eaa2e79e9b269ea3db2a\"".into(),
        modified: Timestamp::from_unix_millis(1_674_991_891_123),
    }
}

pub(crate) fn hashed() -> Outcome {
    Outcome::Hashed { facts: facts(), version: None }
}

pub(crate) fn broken() -> JobError {
    JobError::permanent(FailureCode::NotFound, "the object does not exist")
}

pub(crate) fn again(seconds: u64) -> Outcome {
    let error = JobError::temporary(FailureCode::Unreadable, "the disk did not answer");
    Outcome::Again { delay: Duration::from_secs(seconds), error }
}

/// What a receiver said within 12 ms; text that begins with a status is an answer over HTTP.
pub(crate) fn reply(said: &str) -> Reply {
    let status = said.split(' ').next().and_then(|word| word.parse().ok());
    Reply { said: said.into(), status, took: Duration::from_millis(12) }
}
