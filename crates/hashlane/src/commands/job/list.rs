//! `hashlane job list`: the bucket's jobs.
//!
//! Promises: pages are asked for one after the other and printed as they come, each job once, also while jobs are added.

use std::process::ExitCode;

use hashlane_job::Timestamp;
use hashlane_wire::{JobListQuery, ListOrder, StateFilter, TimeOffset};

use super::record::JobRecord;
use crate::cli::jobs::ListArgs;
use crate::commands::connection;
use crate::failure::Failure;
use crate::runtime;

/// Jobs of one page: the most that a server gives.
const PAGE_MAX: u64 = 100;

/// Prints the jobs.
pub(crate) fn run(args: &ListArgs) -> Result<ExitCode, Failure> {
    let mut query = query(args)?;
    let connection = connection::open(&args.connection)?;
    runtime::of_client()?.block_on(async {
        let mut left = if args.all { u64::MAX } else { args.limit };
        loop {
            query.size = usize::try_from(left.min(PAGE_MAX)).unwrap_or(1);
            let answered = connection.client.list_jobs(&query).await;
            let (jobs, next, _) = answered.map_err(|error| super::call_failure("list jobs", &error))?;
            left = left.saturating_sub(jobs.len() as u64);
            let lines = jobs.into_iter().map(|job| {
                let record = JobRecord::new(job, None);
                if args.json { record.json() } else { record.line() }
            });
            crate::commands::print(&lines.collect::<String>())?;
            match next {
                None => return Ok(ExitCode::SUCCESS),
                Some(_) if left == 0 => {
                    eprintln!("hashlane: there are more jobs; ask for them with --limit or --all");
                    return Ok(ExitCode::SUCCESS);
                }
                Some(token) => {
                    query = query.with_token(&token).map_err(|_| {
                        Failure::cannot(
                            "the server gave a token that is not one of this list: is it a hashlane server?",
                        )
                    })?;
                }
            }
        }
    })
}

fn query(args: &ListArgs) -> Result<JobListQuery, Failure> {
    let state = |word: &String| {
        StateFilter::from_word(word.trim()).ok_or_else(|| {
            let known = "submitted, running, success, failed, pause, cancel";
            Failure::cannot(format!("--state: {word:?} is none of the states of jobs: {known}"))
        })
    };
    let time = |flag: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => TimeOffset::read(text).map(Some).ok_or_else(|| {
            Failure::cannot(format!("{flag}: {text:?} is not a time: write it like 2022-07-18T15:16:43+0800"))
        }),
    };
    let end_of_second = |time: Timestamp| Timestamp::from_unix_millis(time.unix_millis().saturating_add(999));
    Ok(JobListQuery {
        queue: args.queue.clone(),
        states: args.state.iter().map(state).collect::<Result<_, _>>()?,
        order: if args.oldest_first { ListOrder::OldestFirst } else { ListOrder::NewestFirst },
        created_from: time("--since", &args.since)?,
        created_to: time("--until", &args.until)?.map(end_of_second),
        ..JobListQuery::default()
    })
}
