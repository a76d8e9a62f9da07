//! One `hashlane serve` process on a data directory that outlives it: started, broken, started again on the same address.
//!
//! Its log passes through a pipe, so that no limit on files touches it, and a line that tells of a panic is kept: nothing
//! that is done to the service here excuses one.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hashlane_client::{Client, ClientConfig};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use crate::failure::Failure;
use crate::trace;

/// The lease of the service under test. Short, so that a stop of a few seconds is past it.
pub const LEASE: Duration = Duration::from_secs(1);
/// How often a callback is tried: more often than any run refuses one.
pub const CALLBACK_ATTEMPTS: u32 = 200;
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A service that is too busy to tell a counter by then is not asked again before the next fault.
const COUNTED_WITHIN: Duration = Duration::from_secs(2);
/// Often, since the objects are small.
const CHECKPOINT: &str = "4MiB";
const BUCKET: &str = "chaos-1250000000";
const REGION: &str = "local";

#[derive(Debug, Deserialize)]
struct Credentials {
    secret_id: String,
    secret_key: String,
}

/// What is configured differently from run to run.
#[derive(Debug)]
pub struct Settings {
    /// How long finished jobs are kept.
    pub retention: String,
    /// After how many bytes of an object its running digest is stored.
    pub checkpoint: &'static str,
    /// Whether jobs are answered with the results of earlier ones.
    pub is_caching: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { retention: "30d".to_owned(), checkpoint: CHECKPOINT, is_caching: false }
    }
}

/// Folders, configuration and, while it runs, the process.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    folder: PathBuf,
    /// The data directory.
    pub data: PathBuf,
    /// The folder of the bucket.
    pub objects: PathBuf,
    listen: String,
    /// Where it tells its counters.
    admin: Option<String>,
    /// The jobs that joined a reading, of all processes, as far as they were asked.
    pub reads_joined: u64,
    /// Of these the ones of this process.
    reads_joined_now: u64,
    /// More variables of its environment.
    pub environment: Vec<(String, String)>,
    process: Option<Child>,
    panics: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Makes folders and configuration.
    pub fn prepare(binary: &Path, folder: &Path, settings: &Settings) -> Result<Server, Failure> {
        let Settings { retention, checkpoint, is_caching } = settings;
        let binary = binary
            .canonicalize()
            .map_err(|error| Failure::new(format!("{}: {error}; build it, or name another", binary.display())))?;
        let (data, objects) = (folder.join("data"), folder.join("objects"));
        std::fs::create_dir_all(&data)?;
        std::fs::create_dir_all(&objects)?;
        let config = format!(
            "data_dir = {data:?}\ndefault_bucket = \"{BUCKET}\"\nadmin_listen = \"127.0.0.1:0\"\n\
             [worker]\nlease = \"{}s\"\ngrace = \"10s\"\ncheckpoint = {checkpoint:?}\n\
             [store]\nretention = \"{retention}\"\n\
             [cache]\nresults = {is_caching}\n\
             [callback]\nattempts = {CALLBACK_ATTEMPTS}\nallow_networks = [\"127.0.0.0/8\"]\n\
             delays = [\"0s\", \"100ms\", \"300ms\", \"1s\"]\n\
             [[bucket]]\nname = \"{BUCKET}\"\nregion = \"{REGION}\"\nstorage = \"fs://{}\"\n",
            LEASE.as_secs(),
            objects.display(),
        );
        std::fs::write(folder.join("hashlane.toml"), config)?;
        Ok(Server {
            binary,
            folder: folder.to_owned(),
            data,
            objects,
            listen: "127.0.0.1:0".to_owned(),
            admin: None,
            reads_joined: 0,
            reads_joined_now: 0,
            environment: Vec::new(),
            process: None,
            panics: Arc::default(),
        })
    }

    /// The file of the job store.
    pub fn database(&self) -> PathBuf {
        self.data.join("hashlane.db")
    }

    /// Its write-ahead log.
    pub fn log(&self) -> PathBuf {
        self.data.join("hashlane.db-wal")
    }

    fn command(&self, trace: Option<&Path>) -> Command {
        let mut command = match trace {
            None => Command::new(&self.binary),
            Some(trace) => {
                // -D: what is started here becomes the service, and strace is somebody else's child.
                let mut command = Command::new("strace");
                command.args([
                    "-D",
                    "-f",
                    "-q",
                    "-y",
                    "-xx",
                    "-s",
                    "33554432",
                    "-e",
                    &format!("trace={}", trace::CALLS),
                ]);
                command.arg("-o").arg(trace).arg(&self.binary);
                command
            }
        };
        command
            .args(["serve", "--config"])
            .arg(self.folder.join("hashlane.toml"))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HASHLANE_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the process without waiting until it answers.
    pub fn launch(&mut self) -> Result<(), Failure> {
        self.launch_as(self.command(None))
    }

    /// Starts the process and returns when it answers; strace writes what it does into a file.
    pub async fn start_traced(&mut self, trace: &Path) -> Result<(), Failure> {
        self.launch_as(self.command(Some(trace)))?;
        self.await_ready().await
    }

    fn launch_as(&mut self, mut command: Command) -> Result<(), Failure> {
        (self.admin, self.reads_joined_now) = (None, 0);
        let mut process = command.args(["--listen", &self.listen]).spawn().map_err(|error| {
            let program = command.as_std().get_program().display();
            Failure::new(format!("cannot start {program}: {error}"))
        })?;
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(keep_log(stderr, self.folder.join("serve.log"), self.panics.clone()));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Starts the process and returns when it answers.
    pub async fn start(&mut self) -> Result<(), Failure> {
        self.launch()?;
        self.await_ready().await
    }

    /// Returns when a launched process answers.
    pub async fn await_ready(&mut self) -> Result<(), Failure> {
        let stdout = self.process.as_mut().and_then(|it| it.stdout.take());
        let stdout = stdout.ok_or_else(|| Failure::new("the service has no standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
        let address = |name: &str| match &line {
            Ok(Ok(Some(text))) => text.split(' ').find_map(|word| word.strip_prefix(name)),
            _ => None,
        };
        self.admin = address("admin=http://").map(str::to_owned);
        let api = address("api=http://");
        let Some(api) = api else {
            let log = std::fs::read_to_string(self.folder.join("serve.log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            return Err(Failure::new(format!(
                "the service did not become ready; the end of its log, last first: {tail:?}"
            )));
        };
        // It keeps its port, so that clients find it again.
        self.listen = api.trim_end_matches('/').to_owned();
        Ok(())
    }

    /// A client of it.
    pub fn client(&self) -> Result<Client, Failure> {
        let written = std::fs::read_to_string(self.data.join("credentials.toml"))?;
        let credentials: Credentials =
            toml::from_str(&written).map_err(|error| Failure::new(format!("credentials.toml: {error}")))?;
        Ok(Client::new(ClientConfig {
            endpoint: format!("http://{}", self.listen),
            secret_id: credentials.secret_id,
            secret_key: credentials.secret_key,
            token: None,
            bucket: BUCKET.to_owned(),
            region: REGION.to_owned(),
            extra_roots: Vec::new(),
        })?)
    }

    /// Asks how many jobs joined the reading of another. What a process joins between the last question and its end is not
    /// counted, so that the count is a lower bound.
    pub async fn count_joined(&mut self) {
        let asked = tokio::time::timeout(COUNTED_WITHIN, self.joined()).await;
        if let Some(joined) = asked.ok().flatten() {
            self.reads_joined += joined.saturating_sub(self.reads_joined_now);
            self.reads_joined_now = joined;
        }
    }

    async fn joined(&self) -> Option<u64> {
        let mut connection = TcpStream::connect(self.admin.as_ref()?).await.ok()?;
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        connection.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.ok()?;
        answer.lines().find_map(|line| line.strip_prefix("hashlane_reads_joined_total "))?.trim().parse().ok()
    }

    /// The most memory that the process has had, in KiB.
    pub fn memory_kibibytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid().ok()?.as_raw_nonzero())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    /// Its process.
    pub fn pid(&self) -> Result<Pid, Failure> {
        let number = self.process.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        number.and_then(Pid::from_raw).ok_or_else(|| Failure::new("the service has ended by itself"))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<(), Failure> {
        Ok(kill_process(self.pid()?, signal)?)
    }

    /// Whether it has ended although nobody told it to.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.try_wait().ok().flatten()
    }

    /// Waits for its end after a signal; gives its status, or `None` when it had to be killed for taking too long.
    pub async fn ended(&mut self, within: Duration) -> Result<Option<ExitStatus>, Failure> {
        let Some(mut process) = self.process.take() else { return Err(Failure::new("the service does not run")) };
        match tokio::time::timeout(within, process.wait()).await {
            Ok(status) => Ok(Some(status?)),
            Err(_) => {
                process.kill().await?;
                Ok(None)
            }
        }
    }

    /// SIGKILL, and its end.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        self.signal(Signal::KILL)?;
        match self.ended(Duration::from_secs(30)).await? {
            Some(status) if status.signal() == Some(9) => Ok(()),
            other => Err(Failure::new(format!("a killed service ended as {other:?}"))),
        }
    }

    /// Starts a second service on the same data directory; says whether it was refused as it should be.
    pub async fn is_second_refused(&self) -> Result<bool, Failure> {
        let second = self.command(None).args(["--listen", "127.0.0.1:0"]).output();
        match tokio::time::timeout(READY_WITHIN, second).await {
            Ok(output) => {
                let output = output?;
                let said = String::from_utf8_lossy(&output.stderr);
                Ok(output.status.code() == Some(2) && said.contains("another hashlane process"))
            }
            Err(_) => Ok(false),
        }
    }

    /// Lines of its log that tell of a panic.
    pub fn panics(&self) -> Vec<String> {
        self.panics.lock().expect("no holder panics").clone()
    }
}

async fn keep_log(stderr: ChildStderr, path: PathBuf, panics: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?;
    let mut lines = BufReader::new(stderr).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains("panicked") {
            panics.lock().expect("no holder panics").push(line.clone());
        }
        file.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}
