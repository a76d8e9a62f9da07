//! Results of earlier jobs that stand for a reading. That nothing was read is proved by a lie: an earlier job is said to have had
//! another digest, and who answers with that has not read the object.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use hashlane_engine::HashRequest;
use hashlane_job::{
    Clock, FailureCode, FileFacts, HashRetry, Job, JobState, NewJob, ObjectVersion, Outcome, Stage, SystemClock,
    Timestamp,
};
use hashlane_lanes::{Algorithm, Hasher};
use hashlane_worker::{Worker, WorkerOptions};

use crate::world::World;

const LIE: &[u8] = b"never read";

fn digest(content: &[u8]) -> String {
    Hasher::digest(Algorithm::Md5, content).to_string()
}

fn told(job: &Job) -> String {
    job.facts.as_ref().expect("it succeeded").digests[0].to_string()
}

fn with_cache(options: &mut WorkerOptions) {
    options.cache_results = true;
}

/// Stores a result of the object as it is now, with the digest of [`LIE`]. No worker may run.
async fn lie(world: &World, key: &str) {
    let job = world.job(key);
    let request = HashRequest {
        object: job.object.clone(),
        algorithms: vec![Algorithm::Md5],
        checkpoint: None,
        progress: Default::default(),
    };
    let hashed = world.engine.hash(request).await.expect("hashed");
    let version: Option<ObjectVersion> = hashed.version();
    let facts = FileFacts { digests: vec![Hasher::digest(Algorithm::Md5, LIE)], ..hashed.facts };
    world.submit(job).await;
    let claimed = world.store.claim(Stage::Hash, 1, Duration::from_secs(30)).await.expect("the store answers");
    let settled = world.store.settle(claimed.leases[0].token, Outcome::Hashed { facts, version }).await;
    settled.expect("the store answers");
}

async fn hash(world: &World, job: NewJob) -> Job {
    let id = world.submit(job).await;
    world.ended(id).await
}

async fn started_with_a_lie() -> (World, Worker) {
    let world = World::create().await;
    world.put("abc", b"abc");
    lie(&world, "abc").await;
    let worker = world.start(|options, _| with_cache(options));
    (world, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_hashed_before_is_answered_without_being_read_unless_the_job_is_fresh() {
    let (world, worker) = started_with_a_lie().await;
    assert_eq!(told(&hash(&world, world.job("abc")).await), digest(LIE));
    let job = hash(&world, NewJob { fresh: true, ..world.job("abc") }).await;
    assert_eq!((told(&job), job.progress), (digest(b"abc"), 100));
    let other = NewJob { algorithm: Algorithm::Sha1, ..world.job("abc") };
    assert_eq!(told(&hash(&world, other).await), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(told(&hash(&world, world.job("abc")).await), digest(b"abc"), "the newest reading is what counts");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_cache_every_object_is_read() {
    let world = World::create().await;
    world.put("abc", b"abc");
    lie(&world, "abc").await;
    let worker = world.start(|_, _| {});
    assert_eq!(told(&hash(&world, world.job("abc")).await), digest(b"abc"));
    worker.stop().await;

    let worker = world.start(|options, _| with_cache(options));
    assert_eq!(told(&hash(&world, world.job("abc")).await), digest(LIE), "what was read meanwhile is not kept");
    worker.stop().await;
}

/// Failure rule B2.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_changed_is_read_although_length_and_modified_time_are_as_before() {
    let (world, worker) = started_with_a_lie().await;
    let modified = fs::metadata(world.path("abc")).and_then(|it| it.modified()).expect("a time");
    let mut file = File::options().write(true).open(world.path("abc")).expect("the file");
    file.write_all(b"abd").and_then(|()| file.set_modified(modified)).expect("rewritten");
    assert_eq!(told(&hash(&world, world.job("abc")).await), digest(b"abd"));
    assert_eq!(fs::metadata(world.path("abc")).and_then(|it| it.modified()).expect("a time"), modified);
    worker.stop().await;
}

/// Failure rule B2: also when it is rewritten within the tick of the file system's clock in which it was written or read.
#[tokio::test(flavor = "multi_thread")]
async fn however_fast_a_file_is_rewritten_no_job_gets_a_digest_from_before() {
    let world = World::create().await;
    world.put("abc", &[0; 3]);
    let modified = fs::metadata(world.path("abc")).and_then(|it| it.modified()).expect("a time");
    let worker = world.start(|options, _| with_cache(options));
    for round in 0_u32..200 {
        let content = &round.to_le_bytes()[..3];
        let mut file = File::options().write(true).open(world.path("abc")).expect("the file");
        file.write_all(content).and_then(|()| file.set_modified(modified)).expect("rewritten");
        // The second and third may be answered from the result of the first.
        for _ in 0..=round % 3 {
            assert_eq!(told(&hash(&world, world.job("abc")).await), digest(content), "round {round}");
        }
    }
    worker.stop().await;
}

/// What is answered from a result is not found in its place: a digest is never older than jobs are kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_leaves_with_the_job_that_read_it() {
    let (world, worker) = started_with_a_lie().await;
    let read: Timestamp = SystemClock.now();
    while SystemClock.now() <= read.plus(Duration::from_millis(1)) {
        tokio::task::yield_now().await;
    }
    assert_eq!(told(&hash(&world, world.job("abc")).await), digest(LIE));
    assert_eq!(world.store.prune(read.plus(Duration::from_millis(1)), 10).await, Ok(1));
    assert_eq!(told(&hash(&world, world.job("abc")).await), digest(b"abc"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_asked_for_with_the_header_is_stored_there_too() {
    let (world, worker) = started_with_a_lie().await;
    let job = hash(&world, NewJob { add_to_header: true, ..world.job("abc") }).await;
    assert_eq!(told(&job), digest(LIE));
    let object = world.job("abc").object;
    let head = world.engine.open_object(&object).await.expect("it exists").head().clone();
    assert_eq!(head.attributes.metadata.get("md5"), Some(&digest(LIE)));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_missing_whatever_is_known_of_it() {
    let (world, worker) = started_with_a_lie().await;
    fs::remove_file(world.path("abc")).expect("removed");
    assert_eq!(hash(&world, world.job("abc")).await.state, JobState::Failed);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_read_for_now_is_not_tried_again_when_there_is_no_time_for_that() {
    let world = World::create().await;
    // A bucket whose folder is gone may come back.
    fs::remove_dir_all(world.path("")).expect("removed");
    let patient = world.start(|_, _| {});
    let id = world.submit(world.job("abc")).await;
    let job = world.until(id, |job| job.error.is_some()).await;
    assert_eq!(job.state, JobState::Waiting, "it is tried again");
    patient.stop().await;
    world.store.cancel(&world.bucket, id).await.expect("the store answers");

    let worker = world.start(|options, _| options.retry = HashRetry { attempts_max: 100, time_max: Duration::ZERO });
    let job = hash(&world, world.job("abc")).await;
    assert_eq!((job.state, job.error.map(|it| it.code)), (JobState::Failed, Some(FailureCode::Unreadable)));
    worker.stop().await;
}
