//! The arguments of `job list` and `job cancel`.

use clap::Args;

use super::ConnectionArgs;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only jobs in these states: submitted, running, success, failed, pause, cancel
    #[arg(long, value_name = "STATE,...", value_delimiter = ',')]
    pub(crate) state: Vec<String>,
    /// Only jobs of this queue
    #[arg(long, value_name = "ID")]
    pub(crate) queue: Option<String>,
    /// Only jobs made at this time or later, like 2022-07-18T15:16:43+0800
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only jobs made at this time or earlier
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// The oldest first; the newest by default
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// However many there are
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// One JSON object per job and line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The jobs' ids
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// One JSON object per job and line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
