//! `hashlane backup`: a consistent copy of the job store, also while a server uses it.

use std::process::ExitCode;

use hashlane_store::JobStore;

use crate::cli::{BackupArgs, SettingArgs};
use crate::failure::Failure;
use crate::runtime;

/// Makes the copy and says where it is and how long it is.
pub(crate) fn run(args: &BackupArgs) -> Result<ExitCode, Failure> {
    let config = super::config::load(&SettingArgs::from(&args.store))?;
    let copied = runtime::of_client()?.block_on(JobStore::backup(&config.store_url, args.file.clone()));
    copied.map_err(|error| Failure::cannot(format!("the job store was not backed up: {error}")))?;
    let bytes = std::fs::metadata(&args.file).map_or(0, |file| file.len());
    super::print(&format!("{}: {bytes} bytes\n", args.file.display()))?;
    Ok(ExitCode::SUCCESS)
}
