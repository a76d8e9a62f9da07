//! `hashlane check`: verifies a job store or a backup of one.

use std::process::ExitCode;

use hashlane_store::JobStore;

use crate::cli::{CheckArgs, SettingArgs};
use crate::failure::Failure;
use crate::runtime;

/// Prints each problem as it is found, and says at the end what was read.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let url = match &args.file {
        Some(file) => format!("sqlite:{}", file.display()),
        None => super::config::load(&SettingArgs::from(&args.store))?.store_url,
    };
    // Who stopped reading the problems still gets the exit code.
    let problem = |line: &str| drop(super::print(&format!("{line}\n")));
    let checked = runtime::of_client()?.block_on(JobStore::check(&url, problem));
    let checked = checked.map_err(|error| Failure::cannot(format!("the job store was not checked: {error}")))?;
    if checked.problems > 0 {
        return Err(Failure::no(format!(
            "{} problems in a store of {} jobs: stop the server and restore a backup",
            checked.problems, checked.jobs
        )));
    }
    super::print(&format!("fine: {} jobs, schema version {}\n", checked.jobs, checked.schema))?;
    Ok(ExitCode::SUCCESS)
}
