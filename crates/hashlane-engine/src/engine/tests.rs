//! What a storage that fails, lies or changes may do to a digest: nothing. The storage is an OpenDAL service of our own,
//! without the layers that would hide what it does.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashlane_job::{Checkpoint, FileFacts};
use hashlane_lanes::{Algorithm, Hasher};
use opendal::raw::oio::{ReadStream, ReadStreamDyn, StreamRead, StreamReader};
use opendal::raw::{
    OpCopy, OpCreateDir, OpList, OpPresign, OpRead, OpRename, OpStat, OpWrite, RpCreateDir, RpPresign, RpRead,
    RpRename, RpStat, Service, ServiceInfo,
};
use opendal::{Buffer, BytesRange, Capability, Error, ErrorKind, MetadataBuilder, OperationContext, Operator};
use tokio::sync::Semaphore;

use super::*;
use crate::objects::{self, Objects};
use crate::{BucketConfig, ReadProgress};

const NAME: &str = "liar-1250000000";
/// Larger than a chunk of the smallest budget and no multiple of anything.
const OBJECT_BYTES: usize = 10_007;

/// What a storage does wrong.
#[derive(Debug, Clone, Copy, Default)]
struct Lie {
    /// Every stream ends before this offset of the object, as if all was well.
    ends_at: Option<usize>,
    /// Every stream fails at this offset.
    fails_at: Option<usize>,
    /// Every stream has this many bytes more than asked for.
    extra_bytes: usize,
    /// The object is told to be so much longer than the answers to reads say.
    told_bytes_more: i64,
    /// From this request on, the object is another one of the same length.
    replaced_at_request: Option<usize>,
    /// It has an ETag, and says that it binds reads to it.
    has_etag: bool,
    /// Yet it does not.
    ignores_if_match: bool,
    /// What looking at the object fails with.
    stat_fails: Option<ErrorKind>,
}

#[derive(Debug, Clone)]
struct Liar {
    lie: Lie,
    requests: Arc<AtomicUsize>,
    sent_bytes: Arc<AtomicU64>,
    /// A stream gives its first bytes when there is a permit.
    gate: Arc<Semaphore>,
}

impl Default for Liar {
    fn default() -> Liar {
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Liar { lie: Lie::default(), requests: Arc::default(), sent_bytes: Arc::default(), gate }
    }
}

impl Liar {
    /// Gives no bytes until it is let go.
    fn held(lie: Lie) -> Liar {
        Liar { lie, gate: Arc::new(Semaphore::new(0)), ..Liar::default() }
    }

    fn let_go(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    fn content(replaced: bool) -> Vec<u8> {
        (0..OBJECT_BYTES).map(|i| (i % 251) as u8 ^ if replaced { 0xff } else { 0 }).collect()
    }

    /// Counts a request and says whether the object is replaced by now.
    fn request(&self) -> bool {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        self.lie.replaced_at_request.is_some_and(|at| number >= at)
    }

    fn etag(replaced: bool) -> &'static str {
        if replaced { "\"new\"" } else { "\"old\"" }
    }
}

fn unsupported<T>() -> opendal::Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "only looking and reading"))
}

impl Service for Liar {
    type Reader = StreamReader<LiarReader>;
    type Writer = ();
    type Lister = ();
    type Deleter = ();
    type Copier = ();
    type Composer = ();

    fn info(&self) -> ServiceInfo {
        ServiceInfo::with_scheme("liar")
    }

    fn capability(&self) -> Capability {
        Capability { stat: true, read: true, read_with_if_match: self.lie.has_etag, ..Default::default() }
    }

    async fn stat(&self, _: &OperationContext, _: &str, _: OpStat) -> opendal::Result<RpStat> {
        if let Some(kind) = self.lie.stat_fails {
            return Err(Error::new(kind, "no").with_context("path", "/srv/secret"));
        }
        let replaced = self.request();
        let mut metadata = MetadataBuilder::file((OBJECT_BYTES as i64 + self.lie.told_bytes_more) as u64);
        if self.lie.has_etag {
            metadata.etag(Liar::etag(replaced));
        }
        Ok(RpStat::new(metadata.build()))
    }

    fn read(&self, _: &OperationContext, _: &str, asked: OpRead) -> opendal::Result<Self::Reader> {
        Ok(StreamReader::new(LiarReader { liar: self.clone(), if_match: asked.if_match().map(str::to_owned) }))
    }

    async fn create_dir(&self, _: &OperationContext, _: &str, _: OpCreateDir) -> opendal::Result<RpCreateDir> {
        unsupported()
    }
    fn write(&self, _: &OperationContext, _: &str, _: OpWrite) -> opendal::Result<()> {
        unsupported()
    }
    fn delete(&self, _: &OperationContext) -> opendal::Result<()> {
        unsupported()
    }
    fn list(&self, _: &OperationContext, _: &str, _: OpList) -> opendal::Result<()> {
        unsupported()
    }
    fn copy(&self, _: &OperationContext, _: &str, _: &str, _: OpCopy) -> opendal::Result<()> {
        unsupported()
    }
    async fn rename(&self, _: &OperationContext, _: &str, _: &str, _: OpRename) -> opendal::Result<RpRename> {
        unsupported()
    }
    async fn presign(&self, _: &OperationContext, _: &str, _: OpPresign) -> opendal::Result<RpPresign> {
        unsupported()
    }
}

struct LiarReader {
    liar: Liar,
    if_match: Option<String>,
}

impl StreamRead for LiarReader {
    async fn open(&self, range: BytesRange) -> opendal::Result<(RpRead, Box<dyn ReadStreamDyn>)> {
        let lie = self.liar.lie;
        let replaced = self.liar.request();
        if !lie.ignores_if_match && self.if_match.as_ref().is_some_and(|etag| etag != Liar::etag(replaced)) {
            return Err(Error::new(ErrorKind::ConditionNotMatch, "another version"));
        }
        let content = Liar::content(replaced);
        let begin = (range.offset() as usize).min(content.len());
        let asked = range.size().map_or(content.len(), |size| begin + size as usize);
        let end = asked.min(content.len()).min(lie.ends_at.unwrap_or(usize::MAX)).max(begin);
        let mut bytes = content[begin..end].to_vec();
        bytes.extend(std::iter::repeat_n(b'+', lie.extra_bytes));
        let fails_after = lie.fails_at.filter(|at| *at < end).map(|at| at.saturating_sub(begin));
        self.liar.sent_bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        let whole = MetadataBuilder::file(OBJECT_BYTES as u64).build();
        Ok((
            RpRead::new(whole),
            Box::new(LiarStream { bytes: bytes.into(), sent: 0, fails_after, gate: self.liar.gate.clone() }),
        ))
    }
}

struct LiarStream {
    bytes: Bytes,
    sent: usize,
    fails_after: Option<usize>,
    gate: Arc<Semaphore>,
}

impl ReadStream for LiarStream {
    async fn read(&mut self) -> opendal::Result<Buffer> {
        let _open = self.gate.acquire().await;
        // Odd pieces, so that no boundary is met by accident.
        let mut end = (self.sent + 1013).min(self.bytes.len());
        if let Some(after) = self.fails_after {
            if self.sent >= after {
                return Err(Error::new(ErrorKind::Unexpected, "connection reset"));
            }
            end = end.min(after);
        }
        let piece = self.bytes.slice(self.sent..end);
        self.sent = end;
        Ok(Buffer::from(piece))
    }
}

struct Case {
    result: Result<FileFacts, JobError>,
    sent_bytes: u64,
}

async fn hash(engine: &Engine, algorithms: &[Algorithm]) -> Result<FileFacts, JobError> {
    let object = ObjectRef { bucket: BucketName::parse(NAME).expect("a name"), key: "k".into() };
    let request = HashRequest {
        object,
        algorithms: algorithms.to_vec(),
        checkpoint: None,
        progress: Arc::new(ReadProgress::default()),
    };
    engine.hash(request).await.map(|hashed| hashed.facts)
}

fn engine(liar: Liar) -> Engine {
    let config = BucketConfig {
        name: BucketName::parse(NAME).expect("a name"),
        region: String::new(),
        storage: "liar://".into(),
    };
    let objects = Objects::new(Operator::from_parts(OperationContext::default(), Arc::new(liar)));
    let buckets = Buckets::of(vec![config], vec![Storage::Objects(Arc::new(objects))]);
    let budget = Budget { threads: 1, slots: 4, chunk_bytes: 4096, piece_bytes: 4096, awaited_slots: 0 };
    let pool = Pool::start(budget, Platform::detect()).expect("threads");
    Engine {
        inner: Arc::new(Inner {
            pool,
            buckets,
            readings: Arc::default(),
            object_bytes_max: None,
            checkpoint_bytes: 4096,
        }),
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn hash_with(lie: Lie) -> Case {
    let liar = Liar { lie, ..Liar::default() };
    let sent_bytes = liar.sent_bytes.clone();
    let result = run(async { hash(&engine(liar), &Algorithm::ALL).await });
    Case { result, sent_bytes: sent_bytes.load(Ordering::SeqCst) }
}

fn assert_unreadable(lie: Lie) -> JobError {
    let error = hash_with(lie).result.expect_err(&format!("{lie:?}"));
    let codes = [FailureCode::Unreadable, FailureCode::Changed];
    assert!(codes.contains(&error.code) && error.may_retry, "{lie:?}: {error}");
    error
}

/// Both ways of reading: ranges bound to an ETag, and one stream.
fn ways() -> [Lie; 2] {
    [Lie { has_etag: true, ..Lie::default() }, Lie::default()]
}

#[test]
fn three_digests_come_of_one_read() {
    for way in ways() {
        let case = hash_with(way);
        let facts = case.result.expect("all is well");
        let expected = Algorithm::ALL.map(|algorithm| Hasher::digest(algorithm, &Liar::content(false)));
        assert_eq!(facts.digests, expected);
        assert_eq!(facts.size_bytes, OBJECT_BYTES as u64);
        assert_eq!(case.sent_bytes, OBJECT_BYTES as u64, "each byte is asked for once");
    }
}

/// Failure rule B3.
#[test]
fn an_etag_is_the_storages_or_the_md5_of_the_content() {
    assert_eq!(hash_with(ways()[0]).result.expect("hashed").etag, "\"old\"");
    let md5 = format!("\"{}\"", Hasher::digest(Algorithm::Md5, &Liar::content(false)));
    run(async {
        let facts = hash(&engine(Liar::default()), &[Algorithm::Sha256, Algorithm::Sha256]).await.expect("hashed");
        assert_eq!(facts.etag, md5);
        let sha256 = Hasher::digest(Algorithm::Sha256, &Liar::content(false));
        assert_eq!(facts.digests, [sha256, sha256], "as asked, without what the ETag needed");
    });
}

/// Failure rule B1.
#[test]
fn an_object_that_is_cut_anywhere_has_no_digest() {
    for way in ways() {
        for at in (0..OBJECT_BYTES).step_by(97).chain([1, 4095, 4096, 4097, 8192, OBJECT_BYTES - 1]) {
            assert_unreadable(Lie { ends_at: Some(at), ..way });
            assert_unreadable(Lie { fails_at: Some(at), ..way });
        }
        assert!(hash_with(Lie { ends_at: Some(OBJECT_BYTES), ..way }).result.is_ok());
    }
}

/// Failure rule B1.
#[test]
fn an_object_of_another_length_than_told_has_no_digest() {
    for way in ways() {
        assert_unreadable(Lie { extra_bytes: 1, ..way });
        assert_unreadable(Lie { extra_bytes: 5000, ..way });
        assert_unreadable(Lie { told_bytes_more: 1, ..way });
        assert_unreadable(Lie { told_bytes_more: -1, ..way });
    }
}

/// Failure rule B2.
#[test]
fn an_object_that_is_replaced_between_two_ranges_has_changed() {
    // Request 0 looks at it, 1 to 3 read ranges, 4 looks again.
    for request in 1..=4 {
        for ignores_if_match in [false, true] {
            let error = assert_unreadable(Lie { replaced_at_request: Some(request), ignores_if_match, ..ways()[0] });
            assert_eq!(error, objects::changed());
        }
    }
    assert_eq!(hash_with(Lie { replaced_at_request: Some(5), ..ways()[0] }).result.expect("in time").etag, "\"old\"");
    assert_eq!(hash_with(Lie { replaced_at_request: Some(0), ..ways()[0] }).result.expect("before").etag, "\"new\"");
}

/// Failure rule B7.
#[test]
fn failures_of_a_storage_become_codes_without_paths() {
    for (kind, code, may_retry) in [
        (ErrorKind::NotFound, FailureCode::NotFound, false),
        (ErrorKind::PermissionDenied, FailureCode::Denied, false),
        (ErrorKind::IsADirectory, FailureCode::Denied, false),
        (ErrorKind::RateLimited, FailureCode::Unreadable, true),
        (ErrorKind::Unexpected, FailureCode::Unreadable, true),
        (ErrorKind::Unsupported, FailureCode::Internal, false),
    ] {
        let error = hash_with(Lie { stat_fails: Some(kind), ..Lie::default() }).result.expect_err("it fails");
        assert_eq!((error.code, error.may_retry), (code, may_retry), "{kind:?}");
        assert!(!error.message.contains('/'), "{error}");
    }
}

/// Failure rule B5.
#[test]
fn what_a_failed_attempt_has_hashed_is_not_asked_for_again() {
    run(async {
        let object = ObjectRef { bucket: BucketName::parse(NAME).expect("a name"), key: "k".into() };
        let attempt = |liar: Liar, checkpoint: Option<Checkpoint>| {
            let (object, progress) = (object.clone(), Arc::new(ReadProgress::default()));
            let sent_bytes = liar.sent_bytes.clone();
            async move {
                let algorithms = vec![Algorithm::Md5, Algorithm::Sha256];
                let request = HashRequest { object, algorithms, checkpoint, progress: progress.clone() };
                let result = engine(liar).hash(request).await.map(|hashed| hashed.facts.digests);
                let spared_bytes = progress.meter().spared_bytes.load(Ordering::Relaxed);
                (result, progress.checkpoint(), sent_bytes.load(Ordering::SeqCst), spared_bytes)
            }
        };
        let [bound, _] = ways();
        let expected =
            [Algorithm::Md5, Algorithm::Sha256].map(|algorithm| Hasher::digest(algorithm, &Liar::content(false)));

        let failing = Liar { lie: Lie { fails_at: Some(9_000), ..bound }, ..Liar::default() };
        let (result, checkpoint, ..) = attempt(failing, None).await;
        assert!(result.expect_err("the storage fails").may_retry);
        let checkpoint = checkpoint.expect("at least one piece was hashed");

        let whole = Liar { lie: bound, ..Liar::default() };
        let (result, _, sent_bytes, spared_bytes) = attempt(whole, Some(checkpoint.clone())).await;
        assert_eq!(result.expect("hashed"), expected);
        assert!([4096, 8192].contains(&spared_bytes), "{spared_bytes}");
        assert_eq!(sent_bytes, OBJECT_BYTES as u64 - spared_bytes, "the rest and nothing else");

        // Another version: its first bytes are others.
        let replaced = Liar { lie: Lie { replaced_at_request: Some(0), ..bound }, ..Liar::default() };
        let (result, _, sent_bytes, _) = attempt(replaced, Some(checkpoint.clone())).await;
        assert_eq!(result.expect("hashed")[0], Hasher::digest(Algorithm::Md5, &Liar::content(true)));
        assert_eq!(sent_bytes, OBJECT_BYTES as u64);

        // A storage that does not say which version it gives.
        let (result, none, sent_bytes, _) = attempt(Liar::default(), Some(checkpoint)).await;
        assert_eq!(result.expect("hashed"), expected);
        assert_eq!((none, sent_bytes), (None, OBJECT_BYTES as u64));
    });
}

fn request(algorithm: Algorithm) -> HashRequest {
    let object = ObjectRef { bucket: BucketName::parse(NAME).expect("a name"), key: "k".into() };
    HashRequest { object, algorithms: vec![algorithm], checkpoint: None, progress: Arc::default() }
}

/// Begins a job on a storage that is held: it has looked at the object by then, and waits for bytes.
async fn begun(
    engine: &Engine,
    algorithm: Algorithm,
) -> std::pin::Pin<Box<impl Future<Output = Result<Hashed, JobError>>>> {
    let mut hashed = Box::pin(engine.join(request(algorithm)).hashed());
    std::future::poll_fn(|context| {
        assert!(hashed.as_mut().poll(context).is_pending(), "it waits for its bytes");
        std::task::Poll::Ready(())
    })
    .await;
    hashed
}

#[test]
fn a_thousand_jobs_that_join_read_the_object_once_and_each_gets_its_own_digest() {
    for way in ways() {
        run(async {
            let liar = Liar { lie: way, ..Liar::default() };
            let engine = engine(liar.clone());
            let wanted = [Algorithm::Md5, Algorithm::Sha256];
            let joined: Vec<_> =
                (0..1000).map(|number| (wanted[number % 2], engine.join(request(wanted[number % 2])))).collect();
            assert_eq!(joined.iter().filter(|(_, job)| job.is_shared()).count(), 999);
            let tasks = joined.into_iter().map(|(algorithm, job)| (algorithm, tokio::spawn(job.hashed())));
            for (algorithm, task) in tasks.collect::<Vec<_>>() {
                let facts = task.await.expect("no panic").expect("hashed").facts;
                assert_eq!(facts.digests, [Hasher::digest(algorithm, &Liar::content(false))]);
            }
            assert_eq!(liar.sent_bytes.load(Ordering::SeqCst), OBJECT_BYTES as u64);
            engine.join(request(Algorithm::Md5)).hashed().await.expect("hashed");
            assert_eq!(
                liar.sent_bytes.load(Ordering::SeqCst),
                2 * OBJECT_BYTES as u64,
                "a reading that is over is nobody's"
            );
        });
    }
}

#[test]
fn a_job_that_is_cancelled_takes_nothing_from_those_who_joined_it() {
    run(async {
        let liar = Liar::held(ways()[0]);
        let engine = engine(liar.clone());
        let cancelled = begun(&engine, Algorithm::Md5).await;
        let other = engine.join(request(Algorithm::Md5));
        assert!(other.is_shared());
        let other = tokio::spawn(other.hashed());
        tokio::task::yield_now().await;
        drop(cancelled);
        liar.let_go();
        let facts = other.await.expect("no panic").expect("hashed").facts;
        assert_eq!(facts.digests, [Hasher::digest(Algorithm::Md5, &Liar::content(false))]);
        assert_eq!(liar.sent_bytes.load(Ordering::SeqCst), OBJECT_BYTES as u64, "it was gone on with where it stood");
    });
}

/// Failure rule B2: a job that joins late never gets the digest of a version that was gone, nor the failure of a reading that
/// began before it came.
#[test]
fn a_job_that_joins_late_reads_anew_when_the_object_changed_under_the_reading() {
    run(async {
        // Request 0 looks at it, 1 to 3 read ranges, 4 looks again.
        let lie = Lie { replaced_at_request: Some(4), ..ways()[0] };
        let liar = Liar::held(lie);
        let engine = engine(liar.clone());
        let first = begun(&engine, Algorithm::Md5).await;
        let late = engine.join(request(Algorithm::Md5));
        assert!(late.is_shared());
        liar.let_go();
        let late = tokio::spawn(late.hashed());
        assert_eq!(first.await.expect_err("it changed"), objects::changed());
        let facts = late.await.expect("no panic").expect("hashed").facts;
        assert_eq!(facts.digests, [Hasher::digest(Algorithm::Md5, &Liar::content(true))]);
    });
}

#[test]
fn nobody_joins_a_reading_under_way_of_an_object_whose_versions_cannot_be_told_apart() {
    run(async {
        let liar = Liar::held(Lie::default());
        let engine = engine(liar.clone());
        let first = begun(&engine, Algorithm::Md5).await;
        let second = engine.join(request(Algorithm::Md5));
        assert!(!second.is_shared());
        liar.let_go();
        let (first, second) = (first.await.expect("hashed"), second.hashed().await.expect("hashed"));
        assert_eq!(first.facts, second.facts);
    });
}
