//! A bucket over a temporary folder, or in memory, and the engine over it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hashlane_engine::{BucketConfig, Engine, EngineOptions, HashRequest, Hashed, ReadProgress, folder_url};
use hashlane_job::{BucketName, JobError, ObjectRef};
use hashlane_lanes::{Algorithm, Digest};

pub(crate) const NAME: &str = "photos-1250000000";

pub(crate) struct Bucket {
    /// Holds the bucket's folder `in`, and what is not to be reached from it.
    dir: tempfile::TempDir,
    pub(crate) engine: Engine,
}

impl Bucket {
    /// A folder, two threads and the memory of the default configuration.
    pub(crate) fn folder() -> Bucket {
        Bucket::folder_with(EngineOptions { hash_threads: 2, ..EngineOptions::default() })
    }

    pub(crate) fn folder_with(options: EngineOptions) -> Bucket {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let inside = dir.path().join("in");
        fs::create_dir(&inside).expect("made");
        Bucket { engine: start(options, &folder_url(&inside)), dir }
    }

    pub(crate) fn memory() -> Bucket {
        Bucket::memory_with(EngineOptions { hash_threads: 2, ..EngineOptions::default() })
    }

    pub(crate) fn memory_with(options: EngineOptions) -> Bucket {
        Bucket { engine: start(options, "memory://"), dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A path in the bucket's folder.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.dir.path().join("in").join(key)
    }

    /// A path beside the bucket's folder.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file that was modified a minute ago.
    pub(crate) fn write(&self, key: &str, content: &[u8]) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().expect("beneath the folder")).expect("made");
        write_old(&path, content);
    }

    /// A file of zeros of that length that takes no space.
    pub(crate) fn write_sparse(&self, key: &str, size_bytes: u64) {
        self.write(key, b"");
        File::options().write(true).open(self.path(key)).and_then(|file| file.set_len(size_bytes)).expect("sparse");
        set_old(&self.path(key));
    }

    pub(crate) async fn put(&self, key: &str, content: &[u8]) {
        self.engine.put(&object(key), Bytes::copy_from_slice(content)).await.expect("stored");
    }

    pub(crate) async fn hash(&self, key: &str, algorithms: &[Algorithm]) -> Result<Hashed, JobError> {
        hash(&self.engine, key, algorithms, &Arc::default()).await
    }
}

pub(crate) async fn hash(
    engine: &Engine,
    key: &str,
    algorithms: &[Algorithm],
    progress: &Arc<ReadProgress>,
) -> Result<Hashed, JobError> {
    let request = HashRequest {
        object: object(key),
        algorithms: algorithms.to_vec(),
        checkpoint: None,
        progress: progress.clone(),
    };
    engine.hash(request).await
}

pub(crate) fn start(options: EngineOptions, storage: &str) -> Engine {
    let config = BucketConfig {
        name: BucketName::parse(NAME).expect("a name"),
        region: "local".into(),
        storage: storage.into(),
    };
    Engine::start(options, vec![config]).expect("started")
}

pub(crate) fn object(key: &str) -> ObjectRef {
    ObjectRef { bucket: BucketName::parse(NAME).expect("a name"), key: key.into() }
}

pub(crate) fn write_old(path: &Path, content: &[u8]) {
    fs::write(path, content).expect("written");
    set_old(path);
}

pub(crate) fn set_old(path: &Path) {
    let minute_ago = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(path).and_then(|file| file.set_modified(minute_ago)).expect("time set");
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Bytes without a period that divides a block or chunk.
pub(crate) fn content(size_bytes: usize) -> Vec<u8> {
    (0..size_bytes).map(|i| (i * 31 % 251) as u8 ^ (i >> 12) as u8).collect()
}

/// The digest by an implementation that is not ours.
pub(crate) fn expected(algorithm: Algorithm, content: &[u8]) -> Digest {
    use sha2::Digest as _;
    let bytes = match algorithm {
        Algorithm::Md5 => md5::Md5::digest(content).to_vec(),
        Algorithm::Sha1 => sha1::Sha1::digest(content).to_vec(),
        Algorithm::Sha256 => sha2::Sha256::digest(content).to_vec(),
        // Compared with implementations that are not ours in the lanes' own tests.
        _ => return hashlane_lanes::Hasher::digest(algorithm, content),
    };
    Digest::from_bytes(algorithm, &bytes).expect("its length")
}

pub(crate) fn expected_all(content: &[u8]) -> Vec<Digest> {
    Algorithm::ALL.map(|algorithm| expected(algorithm, content)).to_vec()
}
