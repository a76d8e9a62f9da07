//! The commands of `queue` and their arguments.

use clap::{Args, Subcommand, ValueEnum};

use super::{CallbackFormatArg, ConnectionArgs, MqModeArg};

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Print the bucket's queues
    ///
    /// With --json one object per queue and line; its fields are described in docs/job-json.md.
    List(ListArgs),
    /// Change a queue; what is not given stays as it is
    ///
    /// Pausing holds the jobs that wait and lets finish those that run. The bounds are no part of the API: they are set
    /// through the admin listener.
    Update(UpdateArgs),
    /// Make another queue in the bucket, through the admin listener; prints its id
    Create(CreateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON object per queue and line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The queue's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// 1 to 128 letters, digits, `_`, `-` or `*`
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// Whether its jobs are taken or wait
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) state: Option<QueueStateArg>,
    /// Where results are POSTed of jobs that do not say it themselves, or `no` to switch that off
    #[arg(long, value_name = "URL|no")]
    pub(crate) callback: Option<String>,
    /// The format of the callbacks' bodies
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) callback_format: Option<CallbackFormatArg>,
    /// A message queue instead of a URL: sh, bj, gz, cd or hk
    #[arg(long, value_name = "REGION", requires = "mq_name", conflicts_with = "callback")]
    pub(crate) mq_region: Option<String>,
    /// With --mq-region: one consumer or all subscribers
    #[arg(long, value_enum, ignore_case = true, requires = "mq_region")]
    pub(crate) mq_mode: Option<MqModeArg>,
    /// With --mq-region: the queue's or topic's name
    #[arg(long, value_name = "NAME", requires = "mq_region")]
    pub(crate) mq_name: Option<String>,
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
    /// Print the queue as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// 1 to 128 letters, digits, `_`, `-` or `*`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
    /// Print the queue as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct BoundArgs {
    /// How many jobs may wait; the configuration's [queue] decides for new queues
    #[arg(long, value_name = "N")]
    pub(crate) max_size: Option<u64>,
    /// How many jobs may run at once
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrent: Option<u64>,
}

/// The state of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueueStateArg {
    Active,
    Paused,
}
