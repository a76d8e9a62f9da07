//! `hashlane job get`: jobs as they are now.

use std::process::ExitCode;

use hashlane_wire::JOB_IDS_MAX;
use hashlane_wire::job_detail::JobDetail;

use super::record::JobRecord;
use crate::cli::GetArgs;
use crate::commands::connection::{self, Connection};
use crate::failure::{EXIT_NO, Failure};
use crate::runtime;

/// Prints the jobs.
pub(crate) fn run(args: &GetArgs) -> Result<ExitCode, Failure> {
    let connection = connection::open(&args.connection)?;
    runtime::of_client()?.block_on(async {
        let (jobs, missing) = describe(&connection, &args.ids).await?;
        for job in jobs {
            print(&connection, job, args.json).await?;
        }
        Ok(tell_missing(&missing))
    })
}

/// Asks for jobs, as many at once as a server takes.
pub(super) async fn describe(
    connection: &Connection,
    ids: &[String],
) -> Result<(Vec<JobDetail>, Vec<String>), Failure> {
    let (mut jobs, mut missing) = (Vec::new(), Vec::new());
    for ids in ids.chunks(JOB_IDS_MAX) {
        let answered = connection.client.describe(ids).await;
        let (found, unknown, _) = answered.map_err(|error| super::call_failure("ask for jobs", &error))?;
        jobs.extend(found);
        missing.extend(unknown);
    }
    Ok((jobs, missing))
}

/// Prints one job; JSON comes with what became of the callback.
pub(super) async fn print(connection: &Connection, job: JobDetail, json: bool) -> Result<JobRecord, Failure> {
    let delivery = match &connection.admin {
        Some(admin) if json => admin.delivery(&job.job_id).await,
        _ => None,
    };
    let record = JobRecord::new(job, delivery);
    crate::commands::print(&if json { record.json() } else { record.line() })?;
    Ok(record)
}

/// Says which ids the bucket does not have: a "no", since the service did answer.
pub(super) fn tell_missing(missing: &[String]) -> ExitCode {
    for id in missing {
        eprintln!("hashlane: the bucket has no job {}", super::record::one_line(id));
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) }
}
