//! Runs the built binary: commands to their end, services until they are told to stop.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its own part")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary with an empty environment, in a directory of its own.
pub fn hashlane(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hashlane"));
    command.env_clear().current_dir(directory).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(directory: &Path, args: &[&str]) -> Output {
    hashlane(directory).args(args).output().expect("the binary runs")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A value of `credentials.toml` of the default data directory.
pub fn credential(directory: &Path, key: &str) -> Option<String> {
    let text = fs::read_to_string(directory.join("hashlane-data/credentials.toml")).expect("credentials.toml");
    let table: toml::Table = text.parse().expect("TOML");
    table.get(key).map(|value| value.as_str().expect("a string").to_owned())
}

/// A running `serve`; killed when dropped.
pub struct Server {
    child: Child,
    pub ready: String,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    log: Arc<(Mutex<String>, Condvar)>,
}

impl Server {
    /// Starts `serve` on free ports with further arguments and waits for its ready line.
    pub fn start(directory: &Path, args: &[&str]) -> Server {
        Server::start_command(hashlane(directory).args(["serve", "--listen", "127.0.0.1:0"]).args(args))
    }

    pub fn start_command(command: &mut Command) -> Server {
        match Server::start_or_end(command) {
            Ok(server) => server,
            Err((status, said)) => panic!("no ready line but {status}; stderr: {said}"),
        }
    }

    /// As [`Server::start_command`], for a process that may die before it is ready: its status and stderr then.
    pub fn start_or_end(command: &mut Command) -> Result<Server, (ExitStatus, String)> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let err = BufReader::new(child.stderr.take().expect("piped"));
        let log = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let stderr = std::thread::spawn({
            let log = log.clone();
            move || {
                for line in err.lines().map_while(Result::ok) {
                    log.0.lock().expect("no panic").push_str(&format!("{line}\n"));
                    log.1.notify_all();
                }
                log.0.lock().expect("no panic").clone()
            }
        });
        let mut ready = String::new();
        out.read_line(&mut ready).expect("readable");
        if !ready.starts_with("ready") {
            let _ = child.kill();
            return Err((child.wait().expect("the process ends"), stderr.join().expect("readable")));
        }
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = out.read_to_string(&mut text);
            text
        });
        Ok(Server { child, ready: ready.trim_end().to_owned(), stdout: Some(stdout), stderr: Some(stderr), log })
    }

    /// The value of `api=` or `admin=` in the ready line.
    pub fn url(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        self.ready.split(' ').find_map(|word| word.strip_prefix(&prefix)).map(str::to_owned)
    }

    /// Sends a signal and goes on.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process takes signals");
    }

    /// Waits until a text stands in the log so many times.
    pub fn await_log(&self, text: &str, times: usize) {
        let lacking = |log: &mut String| log.matches(text).count() < times;
        let log = self.log.0.lock().expect("no panic");
        let (log, waited) = self.log.1.wait_timeout_while(log, PATIENCE, lacking).expect("no panic");
        assert!(!waited.timed_out(), "{text:?} is not {times} times in the log: {log}");
    }

    /// Waits until the process has ended by itself, and gives its status and stderr, or until `done` says so.
    pub fn await_end_or(&mut self, mut done: impl FnMut() -> bool) -> Option<(ExitStatus, String)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process is ours") {
                return Some((status, self.stderr.take().expect("once").join().expect("readable")));
            }
            if done() {
                return None;
            }
            assert!(Instant::now() < deadline, "nothing happens: {}", self.log.0.lock().expect("no panic"));
            std::thread::yield_now();
        }
    }

    /// Sends a signal and waits for the end; gives the status, what came on stdout after the ready line, and stderr.
    pub fn end_by(mut self, signal: Signal) -> (ExitStatus, String, String) {
        self.signal(signal);
        let status = self.child.wait().expect("the process ends");
        let text = |handle: Option<JoinHandle<String>>| handle.expect("once").join().expect("readable");
        (status, text(self.stdout.take()), text(self.stderr.take()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
