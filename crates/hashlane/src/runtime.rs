//! What a process runs on: the async runtimes, one for the service, one for client commands, and its limit of open files.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// Async work is network and waiting; hashing has threads of its own. More threads would cost stacks and malloc arenas.
const WORKER_THREADS_MAX: usize = 4;
/// For file system calls of the object stores; each blocks for one call only.
const BLOCKING_THREADS_MAX: usize = 32;
/// How long the end of the process may be held up by such a call, on a hanging network file system for example.
const SHUTDOWN_MAX: Duration = Duration::from_secs(1);

/// The runtime of the service: its listeners.
pub(crate) fn of_service() -> Result<Runtime, Failure> {
    many_threads("hashlane-async")
}

/// The runtime of the worker: its loops, and the keeper of leases.
///
/// Apart from the listeners, because a runtime polls its tasks in turns: with a thousand connections that ask at once, each step of a
/// job would wait for a thousand requests. Between threads the operating system is fair.
pub(crate) struct WorkerRuntime(Option<Runtime>);

impl WorkerRuntime {
    /// Starts its threads.
    pub(crate) fn start() -> Result<WorkerRuntime, Failure> {
        many_threads("hashlane-worker").map(|it| WorkerRuntime(Some(it)))
    }

    /// Runs `start`; what it spawns runs here.
    pub(crate) fn enter<T>(&self, start: impl FnOnce() -> T) -> T {
        let _guard = self.0.as_ref().map(Runtime::enter);
        start()
    }
}

impl Drop for WorkerRuntime {
    /// Does not wait: it may be dropped within another runtime, and calls that hang must not hold up the end.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn many_threads(name: &str) -> Result<Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = Builder::new_multi_thread()
        .worker_threads(cores.clamp(2, WORKER_THREADS_MAX))
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name(name)
        .enable_all()
        .build();
    runtime.map_err(cannot)
}

/// The runtime of client commands.
pub(crate) fn of_client() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(cannot)
}

/// Ends a runtime without waiting for calls that hang.
pub(crate) fn shut_down(runtime: Runtime) {
    runtime.shutdown_timeout(SHUTDOWN_MAX);
}

fn cannot(error: std::io::Error) -> Failure {
    Failure::cannot(format!("cannot start threads: {error}; is the limit of processes or memory reached?"))
}

/// Every connection and every object being read is an open file; the hard limit is there to be used.
pub(crate) fn raise_open_files_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        if let Err(error) = raised {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
}
