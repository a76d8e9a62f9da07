//! One `hashlane serve` process on a temporary data directory, ended when it is dropped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hashlane_client::{Client, ClientConfig};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::failure::Failure;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// What the server writes down at its first start.
#[derive(Debug, Deserialize)]
struct Credentials {
    endpoint: String,
    bucket: String,
    region: String,
    secret_id: String,
    secret_key: String,
}

/// A running server and a client of it.
#[derive(Debug)]
pub struct Server {
    /// Its client; clones share connections.
    pub client: Client,
    /// From the start of the process to its `ready` line.
    pub ready_after: Duration,
    objects: PathBuf,
    process: Child,
    folder: TempDir,
}

impl Server {
    /// Starts the binary without a configuration on an empty data directory, with some free ports of loopback.
    pub async fn start(binary: &Path) -> Result<Server, Failure> {
        let folder = TempDir::with_prefix("hashlane-bench-")?;
        let (data, objects) = (folder.path().join("data"), folder.path().join("objects"));
        std::fs::create_dir(&objects)?;
        let log = std::fs::File::create(folder.path().join("serve.log"))?;
        let started = Instant::now();
        let mut process = Command::new(binary)
            .arg("serve")
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
        let client = Client::new(ClientConfig {
            endpoint: credentials.endpoint,
            secret_id: credentials.secret_id,
            secret_key: credentials.secret_key,
            token: None,
            bucket: credentials.bucket,
            region: credentials.region,
            extra_roots: Vec::new(),
        })?;
        Ok(Server { client, ready_after, objects, process, folder })
    }

    /// Stores an object by writing a file.
    pub fn put(&self, key: &str, content: &[u8]) -> Result<(), Failure> {
        Ok(std::fs::write(self.objects.join(key), content)?)
    }

    /// Where the file of an object is.
    pub fn path(&self, key: &str) -> PathBuf {
        self.objects.join(key)
    }

    /// The most memory that the process ever held, in MiB.
    pub fn memory_peak_mebibytes(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
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
