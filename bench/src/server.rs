//! One `hashlane serve` process on a temporary data directory, ended when it is dropped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hashlane_client::{Client, ClientConfig};
use hashlane_job::Notify;
use hashlane_wire::queue::{QueueListQuery, QueueUpdate};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::failure::Failure;

/// The counter of jobs that have succeeded.
pub const HASHED: &str = "hashlane_jobs_finished_total{state=\"Success\"}";

const READY_WITHIN: Duration = Duration::from_secs(30);

/// How a server is started, where that is not as by default.
#[derive(Debug, Default, Clone, Copy)]
pub struct Setting<'a> {
    /// A configuration file's text.
    pub config: &'a str,
    /// The cores that it may use, as `taskset` takes them.
    pub cores: Option<&'a str>,
    /// A second bucket beside the first one, over a folder of its own.
    pub other_bucket: Option<&'a str>,
}

/// What the server writes down at its first start.
#[derive(Debug, Deserialize)]
struct Credentials {
    endpoint: String,
    admin_endpoint: String,
    bucket: String,
    region: String,
    secret_id: String,
    secret_key: String,
}

impl Credentials {
    fn client_of(&self, bucket: &str) -> Result<Client, Failure> {
        Ok(Client::new(ClientConfig {
            endpoint: self.endpoint.clone(),
            secret_id: self.secret_id.clone(),
            secret_key: self.secret_key.clone(),
            token: None,
            bucket: bucket.to_owned(),
            region: self.region.clone(),
            extra_roots: Vec::new(),
        })?)
    }
}

/// A running server and a client of it.
#[derive(Debug)]
pub struct Server {
    /// Its client; clones share connections.
    pub client: Client,
    /// Where the API listens.
    pub address: SocketAddr,
    admin: SocketAddr,
    /// From the start of the process to its `ready` line.
    pub ready_after: Duration,
    objects: PathBuf,
    credentials: Credentials,
    process: Child,
    folder: TempDir,
}

impl Server {
    /// Starts the binary without a configuration on an empty data directory, with some free ports of loopback.
    pub async fn start(binary: &Path) -> Result<Server, Failure> {
        Server::start_as(binary, Setting::default()).await
    }

    /// The same with settings.
    pub async fn start_as(binary: &Path, setting: Setting<'_>) -> Result<Server, Failure> {
        let folder = TempDir::with_prefix("hashlane-bench-")?;
        let (data, objects) = (folder.path().join("data"), folder.path().join("objects"));
        std::fs::create_dir(&objects)?;
        let log = std::fs::File::create(folder.path().join("serve.log"))?;
        let mut command = match setting.cores {
            None => Command::new(binary),
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", cores]).arg(binary);
                command
            }
        };
        if !setting.config.is_empty() {
            let config = folder.path().join("hashlane.toml");
            std::fs::write(&config, setting.config)?;
            command.env("HASHLANE_CONFIG", config);
        }
        command.arg("serve");
        if let Some(bucket) = setting.other_bucket {
            let path = folder.path().join(bucket);
            std::fs::create_dir(&path)?;
            command.arg("--bucket").arg(format!("{bucket}=fs://{}", path.display()));
        }
        let started = Instant::now();
        let mut process = command
            .arg(&objects)
            .arg("--data")
            .arg(&data)
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::new(format!("cannot start {}: {error}", binary.display())))?;
        let stdout = process.stdout.take().ok_or_else(|| Failure::new("the server has no standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
        let ready_after = started.elapsed();
        if !matches!(&line, Ok(Ok(Some(text))) if text.starts_with("ready ")) {
            let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap_or_default();
            return Err(Failure::new(format!("the server did not become ready; its log says:\n{log}")));
        }
        let written = std::fs::read_to_string(data.join("credentials.toml"))?;
        let credentials: Credentials =
            toml::from_str(&written).map_err(|error| Failure::new(format!("credentials.toml: {error}")))?;
        let address = address_of(&credentials.endpoint)?;
        let admin = address_of(&credentials.admin_endpoint)?;
        let client = credentials.client_of(&credentials.bucket)?;
        Ok(Server { client, address, admin, ready_after, objects, credentials, process, folder })
    }

    /// A client of another bucket.
    pub fn client_of(&self, bucket: &str) -> Result<Client, Failure> {
        self.credentials.client_of(bucket)
    }

    /// Stores an object of another bucket.
    pub fn put_in(&self, bucket: &str, key: &str, content: &[u8]) -> Result<(), Failure> {
        Ok(std::fs::write(self.folder.path().join(bucket).join(key), content)?)
    }

    /// Stores an object by writing a file.
    pub fn put(&self, key: &str, content: &[u8]) -> Result<(), Failure> {
        Ok(std::fs::write(self.objects.join(key), content)?)
    }

    /// Where the file of an object is.
    pub fn path(&self, key: &str) -> PathBuf {
        self.objects.join(key)
    }

    /// Pauses the first queue, or lets it go on: in a paused queue jobs wait and are not hashed.
    pub async fn pause(&self, paused: bool) -> Result<(), Failure> {
        let (list, _) = self.client.list_queues(&QueueListQuery::default()).await?;
        let queue = list.queues.first().ok_or_else(|| Failure::new("the bucket has no queue"))?;
        let update = QueueUpdate { name: queue.name.clone(), paused, notify: Notify::default() };
        self.client.update_queue(&queue.queue_id, &update).await?;
        Ok(())
    }

    /// What a counter of the admin listener stands at; `name` is as it is printed there, with its labels.
    pub async fn counter(&self, name: &str) -> Result<usize, Failure> {
        let mut stream = TcpStream::connect(self.admin).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.ok_or_else(|| Failure::new(format!("the server does not count {name}")))
    }

    /// Waits until a counter has reached a value.
    pub async fn wait_for(&self, name: &str, value: usize) -> Result<(), Failure> {
        const ASK_EVERY: Duration = Duration::from_millis(20);
        while self.counter(name).await? < value {
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// Its process.
    pub fn pid(&self) -> Result<u32, Failure> {
        self.process.id().ok_or_else(|| Failure::new("the server has ended"))
    }

    /// The most memory that the process ever held, in MiB.
    pub fn memory_peak_mebibytes(&self) -> Option<f64> {
        self.memory("VmHWM:")
    }

    /// The memory that the process holds now, in MiB.
    pub fn memory_mebibytes(&self) -> Option<f64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024.0)
    }

    /// Ends the process and removes its folder.
    pub async fn end(mut self) -> Result<(), Failure> {
        self.process.kill().await?;
        self.folder.close()?;
        Ok(())
    }
}

fn address_of(url: &str) -> Result<SocketAddr, Failure> {
    let address = url.strip_prefix("http://").and_then(|rest| rest.trim_end_matches('/').parse().ok());
    address.ok_or_else(|| Failure::new(format!("credentials.toml names the address {url:?}")))
}
