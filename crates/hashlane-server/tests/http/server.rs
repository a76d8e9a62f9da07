//! The server under test: everything real but the clock.

use std::net::SocketAddr;
use std::sync::Arc;

use hashlane_engine::{BucketConfig, Engine, EngineOptions};
use hashlane_job::{BucketName, Clock, ManualClock, Notify, Queue, QueueId, Timestamp};
use hashlane_server::{AccessKey, ApiOptions, Limits, Listening, install_metrics, serve_admin, serve_api};
use hashlane_store::{JobStore, QueueDefaults, StoreOptions};
use hashlane_wire::sign::{ErrorDialect, Rules};
use hashlane_wire::{HostRules, TimeOffset};
use tokio::net::TcpListener;

use crate::exchange::PATIENCE;

/// The inputs of the captures.
pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const KEY_ID: &str = "AKIDEXAMPLEexampleEXAMPLEexample0001";
pub(crate) const KEY_SECRET: &str = "ExampleSecretKeyExampleSecretKey01";
pub(crate) const BUCKET: &str = "demo-1250000000";
pub(crate) const HOST: &str = "demo-1250000000.cos.ap-chongqing.myqcloud.com";
pub(crate) const QUEUE: &str = "p2911917386e148639319e13c285cc774";
/// A second bucket.
pub(crate) const OTHER_BUCKET: &str = "other-1250000000";
pub(crate) const OTHER_HOST: &str = "other-1250000000.cos.ap-chongqing.myqcloud.com";

/// A running server.
pub(crate) struct Server {
    pub(crate) api: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) store: JobStore,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) listening: Listening,
    /// The folder of the bucket's objects.
    pub(crate) objects: std::path::PathBuf,
    /// How many synchronous hashes may run.
    pub(crate) awaited_slots: usize,
    _admin_listening: Listening,
    _directory: tempfile::TempDir,
}

/// What tests change.
pub(crate) struct Setup {
    pub(crate) options: ApiOptions,
    pub(crate) jobs_waiting_max: u64,
    /// Whether the bucket has its service and the queue of the captures.
    pub(crate) opened: bool,
}

pub(crate) fn bucket() -> BucketName {
    BucketName::parse(BUCKET).expect("it is a bucket name")
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Setup)) -> Server {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(NOW)));
        let mut setup = Setup { options: api_options(clock.clone()), jobs_waiting_max: 10_000_000, opened: true };
        change(&mut setup);

        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite:{}", directory.path().join("hashlane.db").display());
        let queue_defaults = QueueDefaults { jobs_waiting_max: setup.jobs_waiting_max, jobs_running_max: 10_000 };
        let (wall, steady): (Arc<dyn Clock>, Arc<dyn Clock>) = (clock.clone(), clock.clone());
        let store = JobStore::open(
            &url,
            StoreOptions { wall, steady, queue_defaults, submit_twice_window: std::time::Duration::from_secs(60) },
        )
        .await
        .expect("the store opens");
        if setup.opened {
            store.open_service(&bucket()).await.expect("the service opens");
            store.put_queue(capture_queue(setup.jobs_waiting_max)).await.expect("the queue is made");
        }

        let objects = directory.path().join("objects");
        let others = directory.path().join("others");
        for folder in [&objects, &others] {
            std::fs::create_dir(folder).expect("a folder");
        }
        let configured = |name: &str, folder: &std::path::Path| BucketConfig {
            name: BucketName::parse(name).expect("it is a bucket name"),
            region: "ap-chongqing".into(),
            storage: format!("fs://{}", folder.display()),
        };
        let options = EngineOptions { hash_threads: 1, memory_bytes: 8 << 20, ..EngineOptions::default() };
        let buckets = vec![configured(BUCKET, &objects), configured(OTHER_BUCKET, &others)];
        let engine = Engine::start(options, buckets).expect("the engine starts");

        let awaited_slots = engine.awaited_slots();
        let listening = serve_api(free_port().await, store.clone(), engine.clone(), setup.options);
        let admin = serve_admin(free_port().await, store.clone(), engine.clone(), install_metrics());
        Server {
            api: listening.local_addr(),
            admin: admin.local_addr(),
            store,
            engine,
            clock,
            listening,
            objects,
            awaited_slots,
            _admin_listening: admin,
            _directory: directory,
        }
    }
}

async fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

pub(crate) fn full_key(id: &str, secret: &str) -> AccessKey {
    AccessKey {
        id: id.into(),
        secret: secret.into(),
        token: None,
        buckets: vec!["*".into()],
        actions: vec!["*".into()],
    }
}

fn api_options(clock: Arc<ManualClock>) -> ApiOptions {
    ApiOptions {
        keys: vec![full_key(KEY_ID, KEY_SECRET)],
        hosts: HostRules {
            base_domains: vec!["hash.test".into()],
            domains: vec![],
            default_bucket: Some(bucket()),
            default_region: "ap-chongqing".into(),
        },
        sign_rules: Rules { skew_seconds: 900, require_signed_host: false },
        require_signed_body: false,
        error_dialect: ErrorDialect::Cos,
        tls: None,
        auto_open: true,
        time_offset: TimeOffset { minutes: 8 * 60 },
        limits: patient_limits(),
        clock,
    }
}

/// Longer than the patience of the tests, so that none passes only because a connection was dropped.
fn patient_limits() -> Limits {
    let long = PATIENCE * 3;
    Limits { header_timeout: long, body_timeout: long, idle_timeout: long, ..Limits::default() }
}

/// The queue that captures name.
fn capture_queue(jobs_waiting_max: u64) -> Queue {
    let now = Timestamp::from_unix_seconds(NOW);
    Queue {
        id: QueueId::parse(QUEUE).expect("it is a queue id"),
        bucket: bucket(),
        name: "captured".into(),
        paused: false,
        notify: Notify::default(),
        jobs_waiting_max,
        jobs_running_max: 10_000,
        created: now,
        updated: now,
    }
}
