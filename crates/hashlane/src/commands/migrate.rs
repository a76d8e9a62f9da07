//! `hashlane migrate`: brings the job store to the schema of this version. `serve` does it by itself; this is for
//! operators who want to see it happen first.

use std::process::ExitCode;

use hashlane_store::JobStore;

use crate::cli::SettingArgs;
use crate::failure::Failure;
use crate::{runtime, service};

/// Migrates and says from which version to which.
pub(crate) fn run(args: &SettingArgs) -> Result<ExitCode, Failure> {
    let config = super::config::load(args)?;
    service::refuse_what_comes_later(&config)?;
    service::create_private_folder(&config.data_dir)?;
    let migrated = runtime::of_client()?.block_on(JobStore::migrate(&config.store_url));
    let (from, to) = migrated.map_err(|error| service::store_failure(&config, &error))?;
    super::print(&match from {
        0 => format!("made a new store with schema version {to}\n"),
        _ if from == to => format!("the store has schema version {to} already\n"),
        _ => format!("migrated the store from schema version {from} to {to}\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}
