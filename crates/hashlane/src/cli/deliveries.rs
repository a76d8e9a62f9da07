//! The commands about callbacks and their arguments: `deliveries`, `job deliveries`, `callback`.

use clap::{Args, Subcommand, ValueEnum};

use super::{CallbackFormatArg, SettingArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// Print callbacks by their state
    ///
    /// Failed and delivered ones with the newest job first, pending ones in the order in which they are sent. With --json one
    /// object per callback and line; its fields are described in docs/job-json.md.
    List(ListArgs),
    /// Send callbacks again that were given up; prints how many
    ///
    /// A replay has the event id and the body of the callback that it repeats, so that a receiver can drop duplicates; its
    /// attempts begin anew. The service sends it; `deliveries list` shows what becomes of it. Exits 1 when the job does not
    /// exist, has not ended or has no callback.
    Replay(ReplayArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CallbackCommand {
    /// Send a sample callback to URL now and say what came back
    ///
    /// It goes out from this machine as the service would send it with these settings: through the guard against private
    /// addresses, with the headers of real callbacks. It needs no running service. Exits 1 when the receiver did not take it.
    Test(TestArgs),
}

/// Where the admin listener is. What is not given is read from credentials.toml of the data directory.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct AdminArgs {
    /// The admin listener, like http://127.0.0.1:8481
    #[arg(long, env = "HASHLANE_ADMIN_ENDPOINT", value_name = "URL")]
    pub(crate) admin_endpoint: Option<String>,
    /// The data directory of a local service, hashlane-data by default
    #[arg(long, env = "HASHLANE_DATA", value_name = "DIR")]
    pub(crate) data: Option<String>,
}

/// The state of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeliveryStateArg {
    /// Given up
    Failed,
    /// Taken by its receiver
    Delivered,
    /// To be sent, for the first time or again
    Pending,
}

/// The state of a callback that can be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SettledStateArg {
    /// Given up
    Failed,
    /// Taken by its receiver
    Delivered,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// In which state
    #[arg(long, value_enum, ignore_case = true, default_value = "failed")]
    pub(crate) state: DeliveryStateArg,
    /// Only of this bucket; of all by default
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// Only of jobs made at this time or later, like 2022-07-18T15:16:43+0800
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only of jobs made at this time or earlier
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// However many there are
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// One JSON object per callback and line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Only this job's callback, whether it failed or was delivered
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until", "all", "state", "bucket"])]
    pub(crate) job: Option<String>,
    /// Those of jobs made at this time or later, like 2022-07-18T15:16:43+0800
    #[arg(long, value_name = "TIME", required_unless_present_any = ["job", "until", "all"])]
    pub(crate) since: Option<String>,
    /// Those of jobs made at this time or earlier
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Those of all jobs
    #[arg(long, conflicts_with_all = ["since", "until"])]
    pub(crate) all: bool,
    /// In which state
    #[arg(long, value_enum, ignore_case = true, default_value = "failed")]
    pub(crate) state: SettledStateArg,
    /// Only of this bucket; of all by default
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, Args)]
pub(crate) struct JobDeliveriesArgs {
    /// The job's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// One JSON object: what became of the callback, with its attempts
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Where to send it
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The format of the body
    #[arg(long, value_enum, ignore_case = true, default_value = "xml")]
    pub(crate) format: CallbackFormatArg,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// The configuration file (TOML) of the service
    #[arg(long, env = "HASHLANE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// Where the API listens: without a configuration file, loopback receivers are allowed when it is on loopback
    #[arg(long, env = "HASHLANE_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<String>,
}

impl TestArgs {
    /// The settings that `serve` would have.
    pub(crate) fn settings(&self) -> SettingArgs {
        SettingArgs { config: self.config.clone(), listen: self.listen.clone(), ..SettingArgs::default() }
    }
}
