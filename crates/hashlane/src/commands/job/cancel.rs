//! `hashlane job cancel`: jobs are cancelled, waiting or running.
//!
//! Promises: every id is tried; one that has ended otherwise, or does not exist, is told and makes the exit code 1.

use std::process::ExitCode;

use hashlane_client::ClientError;

use super::get;
use super::record::{self, JobRecord};
use crate::cli::jobs::CancelArgs;
use crate::commands::connection;
use crate::failure::{EXIT_NO, Failure};
use crate::runtime;

/// Cancels the jobs and prints the ids of those that are cancelled now.
pub(crate) fn run(args: &CancelArgs) -> Result<ExitCode, Failure> {
    let connection = connection::open(&args.connection)?;
    runtime::of_client()?.block_on(async {
        let mut cancelled = Vec::new();
        for id in &args.ids {
            match connection.client.cancel_job(id).await {
                Ok(_) if args.json => cancelled.push(id.clone()),
                Ok(_) => {
                    cancelled.push(id.clone());
                    crate::commands::print(&format!("{id}\n"))?;
                }
                Err(ClientError::Refused { answer, .. }) if is_a_no(&answer.code, &answer.message) => {
                    eprintln!("hashlane: cannot cancel {}: {}", record::one_line(id), answer.message);
                }
                Err(error) => return Err(super::call_failure(&format!("cancel {}", record::one_line(id)), &error)),
            }
        }
        if args.json && !cancelled.is_empty() {
            let (jobs, _) = get::describe(&connection, &cancelled).await?;
            let lines: String = jobs.into_iter().map(|job| JobRecord::new(job, None).json()).collect();
            crate::commands::print(&lines)?;
        }
        Ok(if cancelled.len() == args.ids.len() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
    })
}

/// Whether the refusal is about the job, not about who asks: both have the code AccessDenied.
fn is_a_no(code: &str, message: &str) -> bool {
    code == "ResourceNotFound" || (code == "AccessDenied" && message.starts_with("operation forbidden"))
}
