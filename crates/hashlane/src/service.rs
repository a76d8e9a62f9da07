//! A running service: store, engine, worker and listeners, started in that order and stopped in the reverse.
//!
//! Promises: nothing listens before everything behind it answers; a second service on the same data directory is refused
//! before it changes anything; `stop` lets requests and running jobs finish within the grace, and gives the rest back.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hashlane_callback::{CallbackOptions, Transports};
use hashlane_engine::{BucketConfig, Engine, EngineOptions};
use hashlane_job::{HashRetry, SteadyClock, SystemClock};
use hashlane_lanes::Platform;
use hashlane_server::{AccessKey, ApiOptions, Limits, Listening, RoomLimits, Tls};
use hashlane_store::{JobStore, QueueDefaults, StoreError, StoreErrorKind, StoreOptions};
use hashlane_wire::{HostRules, sign};
use hashlane_worker::{Permission, Worker, WorkerOptions};
use tokio::net::TcpListener;

use crate::config::{Config, LOCAL_REGION, Role, Secret};
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::runtime::WorkerRuntime;

/// How far the clock of a client may be off (signing.md, section 3).
const CLOCK_SKEW_SECONDS: i64 = 900;
/// One attempt at a callback, and its connecting (spec section 9, failure rule D5).
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(10);
const CALLBACK_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the admin listener may take to finish: scrapes are short.
const ADMIN_GRACE: Duration = Duration::from_secs(2);
/// Forces a platform for the lanes.
const PLATFORM: &str = "HASHLANE_PLATFORM";

/// A running service.
pub(crate) struct Service {
    store: JobStore,
    engine: Engine,
    worker: Option<Worker>,
    worker_runtime: WorkerRuntime,
    api: Option<Listening>,
    tls: Option<Tls>,
    admin: Option<Listening>,
    grace: Duration,
    credentials: Credentials,
    has_own_pair: bool,
}

impl Service {
    /// Starts everything that the configuration asks for.
    ///
    /// # Errors
    /// What could not start, where, and what to do.
    pub(crate) async fn start(config: &Config) -> Result<Service, Failure> {
        refuse_what_comes_later(config)?;
        let platform = forced_platform()?;
        let worker_runtime = WorkerRuntime::start()?;
        create_private_folder(&config.data_dir)?;
        if let Some(folder) = &config.own_folder {
            create_private_folder(folder)?;
        }
        // Before the store is opened, which counts what it ends.
        let metrics = hashlane_server::install_metrics();
        let store_options = StoreOptions {
            wall: Arc::new(SystemClock),
            steady: Arc::new(SteadyClock::start()),
            queue_defaults: QueueDefaults {
                jobs_waiting_max: config.queue_max_size,
                jobs_running_max: config.queue_max_concurrent,
            },
            submit_twice_window: config.limits.submit_twice_window,
        };
        let opened = JobStore::open(&config.store_url, store_options).await;
        let store = opened.map_err(|error| store_failure(config, &error))?;
        let engine = Engine::start_on(platform, engine_options(config), bucket_configs(config))
            .map_err(|error| Failure::cannot(error.to_string()))?;

        let tls = load_tls(config)?;
        let transports = transports(config)?;

        let api_listener = match config.role {
            Role::All | Role::Api => Some(bind(config.listen, "--listen").await?),
            Role::Worker => None,
        };
        let admin_listener = match config.admin_listen {
            Some(address) => Some(bind(address, "--admin").await?),
            None => None,
        };
        let url = |scheme: &str, listener: &TcpListener| {
            Ok(format!("{scheme}://{}", reachable(listener.local_addr().map_err(lost)?)))
        };
        let has_own_pair = config.keys.is_empty();
        let mut credentials = credentials_of(config)?;
        credentials.endpoint = api_listener
            .as_ref()
            .map(|it| url(if tls.is_some() { "https" } else { "http" }, it))
            .transpose()?
            .unwrap_or_default();
        credentials.admin_endpoint = admin_listener.as_ref().map(|it| url("http", it)).transpose()?;
        if has_own_pair {
            credentials.write(&config.data_dir)?;
        }

        let keys = access_keys(config, &credentials);
        let admin =
            admin_listener.map(|it| hashlane_server::serve_admin(it, store.clone(), engine.clone(), metrics.clone()));
        let api = api_listener.map(|it| {
            hashlane_server::serve_api(
                it,
                store.clone(),
                engine.clone(),
                api_options(config, &credentials, keys.clone(), tls.clone()),
            )
        });
        let worker = match config.role {
            Role::All | Role::Worker => {
                let start = || Worker::start(store.clone(), engine.clone(), transports, worker_options(config, &keys));
                Some(worker_runtime.enter(start))
            }
            Role::Api => None,
        };
        Ok(Service {
            store,
            engine,
            worker,
            api,
            tls,
            admin,
            worker_runtime,
            grace: config.worker.grace,
            credentials,
            has_own_pair,
        })
    }

    /// Where the API really listens; `None` in the role of a worker.
    pub(crate) fn api_addr(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(Listening::local_addr)
    }

    /// The certificate of the API, which can be reloaded; `None` when it speaks plain HTTP.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Where the admin listener really listens, unless it is off.
    pub(crate) fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Listening::local_addr)
    }

    /// A key that may do everything, or the first configured one, and the addresses that reach this service.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Whether the key pair is the one in `credentials.toml`.
    pub(crate) fn has_own_pair(&self) -> bool {
        self.has_own_pair
    }

    /// Stops: no new requests and no new jobs, what runs finishes or is given back, then the store closes.
    pub(crate) async fn stop(self) {
        let api = async {
            if let Some(api) = self.api {
                api.stop(self.grace).await;
            }
        };
        let worker = async {
            if let Some(worker) = self.worker {
                worker.stop().await;
            }
        };
        tokio::join!(api, worker);
        if let Some(admin) = self.admin {
            admin.stop(ADMIN_GRACE).await;
        }
        self.engine.stop().await;
        self.store.close().await;
        drop(self.worker_runtime);
    }
}

/// Refuses to go on where a configured feature that is missing would make that wrong or unsafe.
pub(crate) fn refuse_what_comes_later(config: &Config) -> Result<(), Failure> {
    let refused: Vec<&str> = config.later.iter().map(|it| it.text.as_str()).collect();
    if refused.is_empty() { Ok(()) } else { Err(Failure::cannot(refused.join("\nhashlane: "))) }
}

/// What sends callbacks, as it is configured. Must be called within a tokio runtime.
pub(crate) fn transports(config: &Config) -> Result<Transports, Failure> {
    let own = config.buckets.iter().filter(|bucket| !bucket.signing_secrets.is_empty());
    let bucket_secrets = own.map(|bucket| (bucket.name.clone(), bucket.signing_secrets.clone()));
    let transports = Transports::new(CallbackOptions {
        allow_networks: config.callback.allow_networks.clone(),
        allow_hosts: config.callback.allow_hosts.clone(),
        ports: config.callback.ports.clone(),
        ca_file: config.callback.ca_file.clone(),
        signing_secrets: config.callback.signing_secrets.clone(),
        bucket_secrets: bucket_secrets.collect(),
        brokers: config.callback.brokers.clone(),
        timeout: CALLBACK_TIMEOUT,
        connect_timeout: CALLBACK_CONNECT_TIMEOUT,
    });
    transports.map_err(|error| Failure::cannot(format!("callbacks cannot be sent: {error}")))
}

/// The certificate of the API, where one is configured.
pub(crate) fn load_tls(config: &Config) -> Result<Option<Tls>, Failure> {
    let loaded = config.tls.as_ref().map(|files| Tls::load(&files.cert, &files.key)).transpose();
    loaded.map_err(|error| Failure::cannot(format!("the certificate of [tls] cannot be used: {error}")))
}

/// Makes a folder that only its owner can enter, and those above it; one that exists is left as it is.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), Failure> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|error| Failure::cannot(format!("cannot create the folder {}: {error}", path.display())))
}

/// What a failure of the store means for the one who started the process.
pub(crate) fn store_failure(config: &Config, error: &StoreError) -> Failure {
    let data_dir = config.data_dir.display();
    Failure::cannot(match error.kind {
        StoreErrorKind::InUse => format!(
            "another hashlane process uses the job store of the data directory {data_dir}: stop it, or give this one \
             another directory with --data ({error})"
        ),
        _ => format!("the job store cannot be opened: {error}"),
    })
}

/// The platform of the lanes: the forced one, which this CPU and this build must have, or the best.
pub(crate) fn forced_platform() -> Result<Platform, Failure> {
    let forced = std::env::var(PLATFORM).ok();
    Platform::choose(forced.as_deref()).map_err(|error| Failure::cannot(format!("{PLATFORM}: {error}")))
}

/// The key pair of the data directory, made when there is none; with configured keys the first of those.
fn credentials_of(config: &Config) -> Result<Credentials, Failure> {
    let bucket = match &config.default_bucket {
        Some(name) => config.buckets.iter().find(|bucket| bucket.name == *name),
        None => config.buckets.first(),
    };
    let (bucket, region) = bucket
        .map_or((String::new(), LOCAL_REGION.to_owned()), |bucket| (bucket.name.to_string(), bucket.region.clone()));
    let (secret_id, secret_key): (String, Secret) = match config.keys.first() {
        Some(key) => (key.id.clone(), key.secret.clone()),
        None => match Credentials::read(&config.data_dir)? {
            Some(stored) => (stored.secret_id, stored.secret_key),
            None => Credentials::fresh_pair()?,
        },
    };
    Ok(Credentials { endpoint: String::new(), bucket, region, secret_id, secret_key, admin_endpoint: None })
}

/// Opens what `serve` would read from, to tell whether it could: platform, memory budget, buckets. A folder that `serve`
/// makes by itself need not be there yet.
///
/// # Errors
/// What `serve` would say.
pub(crate) async fn check_engine(config: &Config) -> Result<(), Failure> {
    let platform = forced_platform()?;
    let own =
        config.own_folder.as_ref().filter(|folder| !folder.exists()).map(|folder| hashlane_engine::folder_url(folder));
    let mut buckets = bucket_configs(config);
    buckets.retain(|bucket| Some(&bucket.storage) != own.as_ref());
    let engine = Engine::start_on(platform, engine_options(config), buckets);
    engine.map_err(|error| Failure::cannot(error.to_string()))?.stop().await;
    Ok(())
}

fn engine_options(config: &Config) -> EngineOptions {
    EngineOptions {
        hash_threads: config.worker.hash_threads,
        memory_bytes: config.worker.memory_bytes,
        object_bytes_max: config.limits.async_object_bytes,
        checkpoint_bytes: config.worker.checkpoint_bytes,
    }
}

fn bucket_configs(config: &Config) -> Vec<BucketConfig> {
    let of = |bucket: &crate::config::Bucket| BucketConfig {
        name: bucket.name.clone(),
        region: bucket.region.clone(),
        storage: bucket.url(),
    };
    config.buckets.iter().map(of).collect()
}

/// The configured keys, else the pair of the data directory, which may do everything.
fn access_keys(config: &Config, credentials: &Credentials) -> Vec<AccessKey> {
    let everything = || vec!["*".to_owned()];
    let mut keys: Vec<AccessKey> = Vec::new();
    for key in &config.keys {
        keys.push(AccessKey {
            id: key.id.clone(),
            secret: key.secret.reveal().to_owned(),
            token: key.token.as_ref().map(|token| token.reveal().to_owned()),
            buckets: key.buckets.clone(),
            actions: key.actions.clone(),
        });
    }
    if keys.is_empty() {
        keys.push(AccessKey {
            id: credentials.secret_id.clone(),
            secret: credentials.secret_key.reveal().to_owned(),
            token: None,
            buckets: everything(),
            actions: everything(),
        });
    }
    keys
}

fn api_options(config: &Config, credentials: &Credentials, keys: Vec<AccessKey>, tls: Option<Tls>) -> ApiOptions {
    ApiOptions {
        keys,
        hosts: HostRules {
            base_domains: config.base_domains.clone(),
            domains: config.domains.clone(),
            default_bucket: config.default_bucket.clone(),
            default_region: credentials.region.clone(),
        },
        sign_rules: sign::Rules { skew_seconds: CLOCK_SKEW_SECONDS, require_signed_host: config.require_signed_host },
        require_signed_body: config.require_signed_body,
        error_dialect: config.error_dialect,
        tls,
        auto_open: config.auto_open,
        time_offset: config.time_offset,
        limits: Limits {
            body_bytes: config.limits.body_bytes,
            sync_object_bytes: config.limits.sync_object_bytes,
            sync_timeout: config.limits.sync_timeout,
            requests_per_second: config.limits.requests_per_second,
            room: RoomLimits {
                folder: Some(config.data_dir.clone()),
                disk_free_bytes: config.limits.disk_free,
                memory_free_bytes: config.limits.memory_free,
            },
            connections_max: config.limits.connections,
            connections_per_ip_max: config.limits.connections_per_ip,
            ..Limits::default()
        },
        clock: Arc::new(SystemClock),
    }
}

/// Whether the key that submitted a job is still there and may still use its object.
fn permission(keys: &[AccessKey]) -> Permission {
    let keys: HashMap<String, AccessKey> = keys.iter().map(|key| (key.id.clone(), key.clone())).collect();
    Permission::asking(move |job| match &job.submitter {
        Some(submitter) => {
            keys.get(submitter).is_some_and(|key| key.may_hash(job.bucket().as_str(), job.add_to_header))
        }
        // It was submitted to a version that did not keep this.
        None => true,
    })
}

fn worker_options(config: &Config, keys: &[AccessKey]) -> WorkerOptions {
    WorkerOptions {
        lease: config.worker.lease,
        deliveries_max: usize::try_from(config.callback.in_flight).unwrap_or(usize::MAX),
        delivery_attempts_max: u32::try_from(config.callback.attempts).unwrap_or(u32::MAX),
        delivery_delays: config.callback.delays.clone(),
        retention: config.retention,
        time_offset: config.time_offset,
        callback_json_array: config.callback.json_array,
        permission: permission(keys),
        cache_results: config.cache_results,
        retry: HashRetry { attempts_max: config.worker.attempts, time_max: config.worker.retry_time },
        grace: config.worker.grace,
    }
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::cannot(format!("cannot listen on {address}: {error}; choose another with {flag}")))
}

/// An address that reaches a listener: one that listens everywhere is reached on loopback too.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

fn lost(error: std::io::Error) -> Failure {
    Failure::cannot(format!("a listener has no address: {error}"))
}
