//! `hashlane config check` and `config show`.

use std::process::ExitCode;

use crate::cli::SettingArgs;
use crate::config::Config;
use crate::failure::Failure;
use crate::{runtime, service};

/// Says whether `serve` would start with these settings. What has no effect in this version is told on stderr.
pub(crate) fn check(args: &SettingArgs) -> Result<ExitCode, Failure> {
    let config = load(args)?;
    let refused: Vec<&str> = config.later.iter().map(|it| it.text.as_str()).collect();
    if !refused.is_empty() {
        return Err(Failure::cannot(refused.join("\nhashlane: ")));
    }
    service::load_tls(&config)?;
    runtime::of_client()?.block_on(async {
        service::transports(&config)?;
        service::check_engine(&config).await
    })?;
    for text in config.exposed_secrets() {
        eprintln!("hashlane: warning: {text}");
    }
    let what = config.file.as_ref().map_or("the defaults".into(), |path| path.display().to_string());
    super::print(&format!("{what}: fine\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the effective settings.
pub(crate) fn show(args: &SettingArgs) -> Result<ExitCode, Failure> {
    super::print(&load(args)?.show())?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the configuration; what is wrong with it ends the command.
pub(super) fn load(args: &SettingArgs) -> Result<Config, Failure> {
    Config::load(args).map_err(|error| Failure::cannot(error.to_string()))
}
