//! The command line: commands, flags, and the environment variables of the same meaning.
//!
//! Promises: texts are taken as they are and checked where they are used, so that a flag, a variable and a line of the
//! configuration file are refused in the same words. Leaves out what a command does: `commands/<name>.rs`.

pub(crate) mod deliveries;
pub(crate) mod jobs;
pub(crate) mod queues;
pub(crate) mod sum;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// File hash jobs for everybody: a self-hosted service that speaks the Tencent Cloud CI dialect
#[derive(Debug, Parser)]
#[command(name = "hashlane", version, max_term_width = 120)]
#[command(after_help = "Exit codes: 0 fine, 1 the work itself says no, 2 could not do it.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole main job in one go: submit, hash, query, call back
    ///
    /// Starts a server on a temporary data directory and free loopback ports, stores sample objects, submits MD5, SHA-1
    /// and SHA-256 jobs through its HTTP API, receives their callbacks, checks the digests, and prints every message as
    /// it went over the wire.
    Demo(DemoArgs),
    /// Run the service
    ///
    /// Without any configuration: data directory ./hashlane-data, SQLite in it, one bucket local-1250000000 in region
    /// local whose objects are the files under DIR, and one key pair made at first start and kept in credentials.toml of
    /// the data directory. Prints one line `ready api=URL admin=URL` on stdout once it answers. SIGTERM and Ctrl-C let
    /// work finish; a second Ctrl-C does not wait.
    Serve(ServeArgs),
    /// Digests of files and folders now, without a service
    ///
    /// Prints what md5sum prints, in the order of the PATHs and then of the names within each folder. A PATH may be a link
    /// to a file or folder; beneath a folder links are passed over, as `find -type f` does. What cannot be read, is no
    /// regular file, or changes while it is read is told on stderr and has no digest; the rest goes on.
    ///
    /// --format json prints one object per line: `name`, `name_base64` when the name is not UTF-8, `bytes`, and `digests`
    /// by algorithm. HASHLANE_PLATFORM forces an instruction set: scalar, sse2, avx2, avx512, neon.
    #[command(after_help = "Exit codes: 0 all fine, 1 a digest differs, 2 something could not be read.")]
    Sum(sum::SumArgs),
    /// Submit jobs and ask for them
    #[command(subcommand)]
    Job(JobCommand),
    /// Look at queues, change them, make more of them
    #[command(subcommand)]
    Queue(queues::QueueCommand),
    /// Look at the callbacks of jobs, send them again
    #[command(subcommand)]
    Deliveries(deliveries::DeliveriesCommand),
    /// Try out a receiver of callbacks
    #[command(subcommand)]
    Callback(deliveries::CallbackCommand),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Bring the job store to the schema of this version
    Migrate(SettingArgs),
    /// Copy the job store to a new file, also while a server uses it
    ///
    /// The copy holds every job that was answered before the command began, is verified, and is safe on the disk when the
    /// command ends. Restore: stop the server, put the copy in the place of hashlane.db, remove hashlane.db-wal and
    /// hashlane.db-shm, start.
    Backup(BackupArgs),
    /// Verify a job store or a backup: every page, every job, every checksum
    ///
    /// Changes nothing, and may run beside a server. Each problem is a line; exits 1 when there is one.
    Check(CheckArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave the server running afterwards, and print the lines that make Python and curl use it
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// How log lines look; HASHLANE_LOG_FILTER filters them, like info or hashlane_worker=debug
    #[arg(long, env = "HASHLANE_LOG", value_name = "human|json", default_value = "human")]
    #[arg(value_parser = LogFormat::read)]
    pub(crate) log: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people; coloured on a terminal.
    Human,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// An empty variable counts as unset.
    fn read(text: &str) -> Result<LogFormat, String> {
        match text {
            "human" | "" => Ok(LogFormat::Human),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("{other:?} is neither human nor json")),
        }
    }
}

/// The flags that are settings too. An empty text counts as not given.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct SettingArgs {
    /// The folder whose files are the objects of bucket local-1250000000
    pub(crate) dir: Option<PathBuf>,
    /// The configuration file (TOML)
    #[arg(long, env = "HASHLANE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// The data directory, hashlane-data by default
    #[arg(long, env = "HASHLANE_DATA", value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// Where the API listens, 127.0.0.1:8480 by default; port 0 picks a free one
    #[arg(long, env = "HASHLANE_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Where health, metrics and the JSON API listen, 127.0.0.1:8481 by default
    #[arg(long, env = "HASHLANE_ADMIN", value_name = "ADDR|off")]
    pub(crate) admin: Option<String>,
    /// What this process does
    #[arg(long, env = "HASHLANE_ROLE", value_name = "all|api|worker")]
    pub(crate) role: Option<String>,
    /// The job store, sqlite:<data directory>/hashlane.db by default
    #[arg(long, env = "HASHLANE_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// A bucket and where its objects are, like photos-1250000000=fs:///srv/photos; may be repeated
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) bucket: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make; it must not exist
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The backup to verify, instead of the job store of the settings
    #[arg(conflicts_with = "store")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// The flags that say which job store is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// The configuration file (TOML)
    #[arg(long, env = "HASHLANE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// The data directory, hashlane-data by default
    #[arg(long, env = "HASHLANE_DATA", value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// The job store, sqlite:<data directory>/hashlane.db by default
    #[arg(long, env = "HASHLANE_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: Option<String>,
}

impl From<&StoreArgs> for SettingArgs {
    fn from(args: &StoreArgs) -> SettingArgs {
        let StoreArgs { config, data, store } = args.clone();
        SettingArgs { config, data, store, ..SettingArgs::default() }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether `serve` would start with these settings
    Check(SettingArgs),
    /// Print the effective settings as TOML, without secrets, each with where it came from
    Show(SettingArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Submit a job for each KEY; prints one job id per line
    Submit(SubmitArgs),
    /// Print jobs as they are now
    ///
    /// With --json one object per job and line; its fields are described in docs/job-json.md. What became of a callback is
    /// asked from the admin listener and left out where that cannot be reached.
    Get(GetArgs),
    /// Wait until the jobs have ended; exits 1 when one did not succeed
    Wait(GetArgs),
    /// Print the bucket's jobs, the newest first
    ///
    /// With --json one object per job and line, as `get` prints it, but without what became of callbacks.
    List(jobs::ListArgs),
    /// Cancel jobs, also running ones; prints the ids of those that are cancelled now
    ///
    /// Exits 1 when one has ended otherwise or does not exist.
    Cancel(jobs::CancelArgs),
    /// Print the attempts at a job's callback, through the admin listener
    Deliveries(deliveries::JobDeliveriesArgs),
}

/// Where the service is. What is not given is read from credentials.toml of the data directory.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The service, like http://127.0.0.1:8480
    #[arg(long, env = "HASHLANE_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// The access key; its secret comes from HASHLANE_SECRET_KEY, never from a flag that others could see
    #[arg(long, env = "HASHLANE_SECRET_ID", value_name = "ID")]
    pub(crate) secret_id: Option<String>,
    /// The bucket
    #[arg(long, env = "HASHLANE_BUCKET", value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// The bucket's region
    #[arg(long, env = "HASHLANE_REGION", value_name = "NAME")]
    pub(crate) region: Option<String>,
    /// The data directory of a local service, hashlane-data by default
    #[arg(long, env = "HASHLANE_DATA", value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// The admin listener, for what the API cannot say
    #[arg(long, env = "HASHLANE_ADMIN_ENDPOINT", value_name = "URL")]
    pub(crate) admin_endpoint: Option<String>,
    /// Certificates in PEM that are trusted for an https service beside the system's
    #[arg(long, env = "HASHLANE_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// The objects' keys
    #[arg(required = true, value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// The algorithm: md5, sha1 or sha256, in any letter case
    #[arg(long, short = 'a', default_value = "sha256", value_name = "ALGO")]
    pub(crate) algo: String,
    /// Store the digest as metadata of the object too
    #[arg(long)]
    pub(crate) add_to_header: bool,
    /// Read the object for this very job, whatever is known of it from others
    #[arg(long)]
    pub(crate) fresh: bool,
    /// A text that comes back with the job: printable ASCII, at most 1024 characters
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_data: Option<String>,
    /// 0, 1 or 2: the larger is taken first
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) level: u8,
    /// The queue's id; the bucket's first queue by default
    #[arg(long, value_name = "ID")]
    pub(crate) queue: Option<String>,
    /// Where to POST the result, or `no` for silence; the queue decides by default
    #[arg(long, value_name = "URL|no")]
    pub(crate) callback: Option<String>,
    /// The format of the callback's body
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) callback_format: Option<CallbackFormatArg>,
    /// The kind of callback
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) callback_type: Option<CallbackTypeArg>,
    /// With --callback-type tdmq: sh, bj, gz, cd or hk
    #[arg(long, value_name = "REGION")]
    pub(crate) mq_region: Option<String>,
    /// With --callback-type tdmq: one consumer or all subscribers
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) mq_mode: Option<MqModeArg>,
    /// With --callback-type tdmq: the queue's or topic's name
    #[arg(long, value_name = "NAME")]
    pub(crate) mq_name: Option<String>,
    /// Wait until the jobs have ended and print them; exits 1 when one did not succeed
    #[arg(long)]
    pub(crate) wait: bool,
    /// One JSON object per job and line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// The format of a callback's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CallbackFormatArg {
    Xml,
    Json,
}

/// The kind of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CallbackTypeArg {
    Url,
    Tdmq,
}

/// The model of a message queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MqModeArg {
    Queue,
    Topic,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The jobs' ids
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// One JSON object per job and line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
