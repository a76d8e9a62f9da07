//! The configuration: every setting, checked, with where it came from.
//!
//! Promises: flag over environment over file over default; an unknown key, a value of the wrong kind or out of bounds is
//! an error that names its place; secrets are never printed. What this version does not offer yet is still accepted and
//! checked here, and [`later`] says what `serve` does about it.

mod access;
mod address;
mod bucket;
mod callback;
mod document;
mod later;
mod permissions;
mod quantity;
mod secret;
mod setting;
mod show;
mod storage;
mod suggestion;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hashlane_job::BucketName;
use hashlane_wire::TimeOffset;
use hashlane_wire::sign::ErrorDialect;

use crate::cli::SettingArgs;
use access::Key;
use bucket::read_buckets;
use callback::{Callback, read_callback};
use document::{Document, Section};
use quantity::{boolean, count, duration, duration_some, size, size_or_unlimited, size_some};
use setting::{Given, Kind, Origin, Record, Setting};

pub(crate) use bucket::Bucket;
pub(crate) use later::Later;
pub(crate) use secret::Secret;
pub(crate) use setting::ConfigError;

/// The bucket that is there when none is configured.
pub(crate) const LOCAL_BUCKET: &str = "local-1250000000";
/// Its region.
pub(crate) const LOCAL_REGION: &str = "local";

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Both.
    All,
    /// Answers the API.
    Api,
    /// Hashes and delivers.
    Worker,
}

/// `[tls]`.
#[derive(Debug)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// `[worker]`.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) hash_threads: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
    pub(crate) checkpoint_bytes: u64,
    pub(crate) attempts: u32,
    pub(crate) retry_time: Duration,
}

/// `[limits]`, as far as this version has them.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) submit_twice_window: Duration,
    pub(crate) async_object_bytes: Option<u64>,
    pub(crate) sync_object_bytes: Option<u64>,
    pub(crate) sync_timeout: Duration,
    pub(crate) body_bytes: usize,
    pub(crate) connections: usize,
    pub(crate) connections_per_ip: usize,
    pub(crate) requests_per_second: u32,
    pub(crate) disk_free: u64,
    pub(crate) memory_free: u64,
}

/// The whole configuration.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file it was read from, if any.
    pub(crate) file: Option<PathBuf>,
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: Option<SocketAddr>,
    pub(crate) role: Role,
    pub(crate) default_bucket: Option<BucketName>,
    pub(crate) base_domains: Vec<String>,
    pub(crate) domains: Vec<(String, BucketName)>,
    pub(crate) time_offset: TimeOffset,
    pub(crate) auto_open: bool,
    pub(crate) require_signed_host: bool,
    pub(crate) require_signed_body: bool,
    pub(crate) error_dialect: ErrorDialect,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) store_url: String,
    pub(crate) retention: Duration,
    pub(crate) buckets: Vec<Bucket>,
    /// The folder of the local bucket when `serve` may create it: it is inside the data directory.
    pub(crate) own_folder: Option<PathBuf>,
    pub(crate) keys: Vec<Key>,
    pub(crate) worker: Worker,
    pub(crate) limits: Limits,
    pub(crate) queue_max_size: u64,
    pub(crate) queue_max_concurrent: u64,
    /// Whether jobs may be answered from an earlier reading (`[cache] results`).
    pub(crate) cache_results: bool,
    pub(crate) callback: Callback,
    /// What was configured and is not part of this version.
    pub(crate) later: Vec<Later>,
    settings: Vec<Setting>,
}

impl Config {
    /// Reads flags, environment and file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub(crate) fn load(args: &SettingArgs) -> Result<Config, ConfigError> {
        let file = args.config.as_deref().filter(|path| !path.is_empty()).map(Path::new);
        let Some(path) = file else { return read(None, None, args) };
        let document = Document::read(path)?;
        let table = document.parse()?;
        read(Some((&document, &table)), Some(path), args)
    }

    /// The effective configuration as TOML, secrets left out, each value with where it came from.
    pub(crate) fn show(&self) -> String {
        show::print(&self.settings)
    }

    /// What other users of this machine can read although it holds secrets: one warning each.
    pub(crate) fn exposed_secrets(&self) -> Vec<String> {
        permissions::exposed(self.file.as_deref(), &self.settings)
    }
}

fn read<'a>(
    document: Option<(&'a Document, &'a toml::de::DeTable<'a>)>,
    file: Option<&Path>,
    args: &SettingArgs,
) -> Result<Config, ConfigError> {
    let record = Record::default();
    let root = Section::root(document, &record);
    let mut later = Vec::new();

    let given = Given { text: args.data.as_deref(), names: "--data or HASHLANE_DATA" };
    let data_dir = root.read_given("data_dir", Kind::Text, given, "hashlane-data", address::path)?;
    let given = Given { text: args.listen.as_deref(), names: "--listen or HASHLANE_LISTEN" };
    let listen = root.read_given("listen", Kind::Text, given, "127.0.0.1:8480", address::listener)?;
    let given = Given { text: args.admin.as_deref(), names: "--admin or HASHLANE_ADMIN" };
    let admin_listen =
        root.read_given("admin_listen", Kind::Text, given, "127.0.0.1:8481", address::listener_or_off)?;
    let given = Given { text: args.role.as_deref(), names: "--role or HASHLANE_ROLE" };
    let role = root.read_given("role", Kind::Text, given, "all", read_role)?;
    let default_bucket = root.read_optional("default_bucket", Kind::Text, address::bucket)?;
    let base_domains = root.read_list("base_domains", &[], address::domain)?;
    let time_offset = root.read("time_offset", Kind::Text, "+08:00", |text| {
        TimeOffset::parse(text).ok_or_else(|| format!("{text:?} is not an offset: write it like +08:00"))
    })?;
    let auto_open = root.read("auto_open", Kind::Boolean, "true", boolean)?;
    let require_signed_host = root.read("require_signed_host", Kind::Boolean, "false", boolean)?;
    let require_signed_body = root.read("require_signed_body", Kind::Boolean, "false", boolean)?;
    let error_dialect = root.read("error_dialect", Kind::Text, "cos", read_error_dialect)?;

    let tls = match root.has("tls") {
        false => None,
        true => {
            let tls = root.section("tls")?;
            let cert = tls.read_required("cert", Kind::Text, address::path)?;
            let key = tls.read_required("key", Kind::Text, address::path)?;
            tls.close()?;
            Some(TlsFiles { cert, key })
        }
    };

    let store = root.section("store")?;
    let given = Given { text: args.store.as_deref(), names: "--store or HASHLANE_STORE" };
    let default = format!("sqlite:{}", data_dir.join("hashlane.db").display());
    let store_url = store.read_given("url", Kind::Text, given, &default, read_store_url)?;
    store.show_instead("url", &setting::quoted(&secret::without_password(&store_url)));
    if !store_url.starts_with("sqlite:") {
        later.push(Later::refused(&store, "url", "jobs would not go where you expect them"));
    }
    let retention = store.read("retention", Kind::Quantity, "30d", duration_some)?;
    store.close()?;

    let (buckets, own_folder) = read_buckets(&root, args, &data_dir, default_bucket.as_ref(), &mut later)?;
    let default_bucket = match default_bucket {
        Some(name) if buckets.iter().any(|bucket| bucket.name == name) => Some(name),
        Some(name) => {
            let near = suggestion::did_you_mean(name.as_str(), buckets.iter().map(|bucket| bucket.name.as_str()));
            return Err(root.wrong_key("default_bucket", &format!("there is no bucket {name}{near}")));
        }
        None => match &buckets[..] {
            [only] => {
                root.note_text("default_bucket", only.name.as_str(), Origin::Default);
                Some(only.name.clone())
            }
            _ => None,
        },
    };

    let domains_table = root.section("domains")?;
    let mut domains = Vec::new();
    for name in domains_table.keys() {
        let domain = address::domain(&name).map_err(|why| domains_table.wrong_key(&name, &why))?;
        domains.push((domain, domains_table.read_required(&name, Kind::Text, address::bucket)?));
    }
    domains_table.close()?;

    let keys: Vec<Key> = root.sections("key")?.into_iter().map(Key::read).collect::<Result<_, _>>()?;
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].iter().any(|earlier| earlier.id == key.id) {
            return Err(root.wrong_key("key", &format!("two keys have the id {}", key.id)));
        }
    }

    let worker_table = root.section("worker")?;
    let worker = Worker {
        hash_threads: small(worker_table.read("hash_threads", Kind::Number, "0", count::<0, 1024>)?),
        memory_bytes: worker_table.read("memory", Kind::Quantity, "48MiB", size_some)?,
        lease: worker_table.read("lease", Kind::Quantity, "30s", duration_some)?,
        grace: worker_table.read("grace", Kind::Quantity, "25s", duration)?,
        checkpoint_bytes: worker_table.read("checkpoint", Kind::Quantity, "256MiB", size_some)?,
        attempts: worker_table
            .read("attempts", Kind::Number, "5", count::<1, 1_000>)
            .map(|attempts| u32::try_from(attempts).unwrap_or(u32::MAX))?,
        retry_time: worker_table.read("retry_time", Kind::Quantity, "1h", duration)?,
    };
    worker_table.close()?;

    let limits_table = root.section("limits")?;
    let limits = Limits {
        async_object_bytes: limits_table.read("async_object_bytes", Kind::Quantity, "unlimited", size_or_unlimited)?,
        sync_object_bytes: limits_table.read("sync_object_bytes", Kind::Quantity, "128MiB", size_or_unlimited)?,
        sync_timeout: limits_table.read("sync_timeout", Kind::Quantity, "10s", duration_some)?,
        body_bytes: limits_table.read("body_bytes", Kind::Quantity, "128KiB", |text| match size_some(text)? {
            bytes @ 1024..=0x400_0000 => Ok(small(bytes)),
            _ => Err("it must be from 1KiB to 64MiB".into()),
        })?,
        connections: small(limits_table.read("connections", Kind::Number, "8192", count::<1, 1_000_000>)?),
        connections_per_ip: small(limits_table.read(
            "connections_per_ip",
            Kind::Number,
            "1024",
            count::<1, 1_000_000>,
        )?),
        requests_per_second: limits_table
            .read("requests_per_second", Kind::Number, "0", count::<0, 1_000_000_000>)
            .map(|rate| u32::try_from(rate).unwrap_or(u32::MAX))?,
        disk_free: limits_table.read("disk_free", Kind::Quantity, "32MiB", size)?,
        memory_free: limits_table.read("memory_free", Kind::Quantity, "64MiB", size)?,
        submit_twice_window: limits_table.read("submit_twice_window", Kind::Quantity, "60s", duration)?,
    };
    limits_table.close()?;

    let queue = root.section("queue")?;
    let queue_max_size = queue.read("max_size", Kind::Number, "10000000", count::<1, 1_000_000_000_000>)?;
    let queue_max_concurrent = queue.read("max_concurrent", Kind::Number, "10000", count::<1, 1_000_000_000>)?;
    queue.close()?;

    let cache = root.section("cache")?;
    let cache_results = cache.read("results", Kind::Boolean, "false", boolean)?;
    cache.close()?;

    let callback = read_callback(&root, file, listen)?;

    root.close()?;

    Ok(Config {
        file: file.map(Path::to_path_buf),
        data_dir,
        listen,
        admin_listen,
        role,
        default_bucket,
        base_domains,
        domains,
        time_offset,
        auto_open,
        require_signed_host,
        require_signed_body,
        error_dialect,
        tls,
        store_url,
        retention,
        buckets,
        own_folder,
        keys,
        worker,
        limits,
        queue_max_size,
        queue_max_concurrent,
        cache_results,
        callback,
        later,
        settings: record.into_settings(),
    })
}

fn read_role(text: &str) -> Result<Role, String> {
    match text {
        "all" => Ok(Role::All),
        "api" => Ok(Role::Api),
        "worker" => Ok(Role::Worker),
        other => {
            let near = suggestion::did_you_mean(other, ["all", "api", "worker"]);
            Err(format!("{other:?} is not a role: it is all, api or worker{near}"))
        }
    }
}

fn read_error_dialect(text: &str) -> Result<ErrorDialect, String> {
    match text {
        "cos" => Ok(ErrorDialect::Cos),
        "ci" => Ok(ErrorDialect::Ci),
        other => Err(format!("{other:?} is not a dialect: it is cos or ci")),
    }
}

fn read_store_url(text: &str) -> Result<String, String> {
    let fits = match text.split_once(':') {
        Some(("sqlite", path)) => !path.is_empty(),
        Some(("postgres" | "postgresql", rest)) => rest.starts_with("//"),
        _ => false,
    };
    if fits {
        return Ok(text.to_owned());
    }
    Err("it is neither sqlite:PATH nor postgres://USER:PASSWORD@HOST:PORT/DATABASE".into())
}

/// A count that its bounds keep far below any width of `usize`.
fn small(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
