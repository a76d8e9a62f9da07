//! `hashlane job wait`: waits until jobs have ended, with a bar on a terminal.
//!
//! Promises: a job is printed when it ends, in the order of ending; the exit code is 1 when one did not succeed.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use hashlane_wire::job_detail::JobDetail;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{get, record};
use crate::cli::GetArgs;
use crate::commands::connection::{self, Connection};
use crate::failure::{EXIT_NO, Failure};
use crate::runtime;

/// Between two questions: short at first, since most objects are small, then a second.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// More bars than this would not fit on a screen; the rest waits without one.
const BARS_MAX: usize = 16;

/// Waits for the jobs.
pub(crate) fn run(args: &GetArgs) -> Result<ExitCode, Failure> {
    let connection = connection::open(&args.connection)?;
    runtime::of_client()?.block_on(until_ended(&connection, &args.ids, args.json))
}

/// Waits for jobs and prints each when it ends.
pub(super) async fn until_ended(connection: &Connection, ids: &[String], json: bool) -> Result<ExitCode, Failure> {
    let mut open: Vec<String> = Vec::new();
    for id in ids {
        if !open.contains(id) {
            open.push(id.clone());
        }
    }
    let bars = Bars::new();
    let mut pause = PAUSE_FIRST;
    let mut all_fine = true;
    loop {
        let (jobs, missing) = get::describe(connection, &open).await?;
        open.clear();
        for job in jobs {
            if !record::is_final(&job) {
                bars.show(&job);
                open.push(job.job_id);
                continue;
            }
            bars.remove(&job);
            let printed = bars.suspended(get::print(connection, job, json)).await?;
            all_fine &= printed.succeeded();
        }
        if !missing.is_empty() {
            get::tell_missing(&missing);
            all_fine = false;
        }
        if open.is_empty() {
            return Ok(if all_fine { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// The bars of running jobs on stderr; none when that is no terminal.
struct Bars {
    all: MultiProgress,
    by_id: std::cell::RefCell<HashMap<String, ProgressBar>>,
}

impl Bars {
    fn new() -> Bars {
        let visible = std::io::stderr().is_terminal();
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Bars { all: MultiProgress::with_draw_target(target), by_id: Default::default() }
    }

    fn show(&self, job: &JobDetail) {
        let mut bars = self.by_id.borrow_mut();
        let room = bars.len() < BARS_MAX;
        if !bars.contains_key(&job.job_id) && room {
            let style = ProgressStyle::with_template("{bar:30} {pos:>3}% {msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = self.all.add(ProgressBar::new(100).with_style(style));
            bars.insert(job.job_id.clone(), bar);
        }
        if let Some(bar) = bars.get(&job.job_id) {
            bar.set_position(u64::from(job.progress));
            bar.set_message(format!("{} {}", job.state, record::one_line(&job.object)));
        }
    }

    fn remove(&self, job: &JobDetail) {
        if let Some(bar) = self.by_id.borrow_mut().remove(&job.job_id) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    /// Runs a future that prints, with the bars out of its way.
    async fn suspended<T>(&self, printing: impl Future<Output = T>) -> T {
        if !self.by_id.borrow().is_empty() {
            let _ = self.all.clear();
        }
        printing.await
    }
}
