//! Measures a `hashlane` binary from the outside and prints a record in Markdown.
//!
//! Promises: the binary is used as everybody uses it, over its HTTP API; every measurement starts a server of its own on
//! an empty data directory. Leaves out on purpose: judging the numbers, and comparing machines.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod bare;
mod callbacks;
mod complete;
mod cpu;
mod deliveries;
mod disk;
mod dribble;
mod failure;
mod fairness;
mod large;
mod latency;
mod load;
mod machine;
mod memory;
mod open_loop;
mod overload;
mod quantile;
mod reading;
mod release;
mod server;
mod several;
mod store;
mod submit;
mod workload;

use failure::Failure;

/// Measure a hashlane binary from the outside.
#[derive(Debug, Parser)]
#[command(name = "hashlane-bench", version)]
struct Cli {
    /// The binary to measure
    #[arg(long, env = "HASHLANE_BIN", value_name = "FILE")]
    binary: PathBuf,
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    /// Everything, with the default numbers
    All,
    /// Jobs accepted per second, each durable before its answer, beside a bare HTTP server
    Submit(SubmitArgs),
    /// Jobs per second from the first submit to the last stored result, and to the last callback
    Complete(CompleteArgs),
    /// One job at a time on an idle server
    Latency(LatencyArgs),
    /// Gigabytes per second of one large object in the page cache
    Large(LargeArgs),
    /// One large file and several algorithms: each alone, and all at once by one read
    Several(SeveralArgs),
    /// Jobs that waited in a paused queue, released, beside `hashlane sum` on the same files
    Release(ReleaseArgs),
    /// What hashing adds to reading, on a folder: in turns with algorithms and without any
    Reading(ReadingArgs),
    /// Callbacks per second, alone and among dead receivers, and latencies beside a flood and beside hostile ones
    Callbacks(CallbacksArgs),
    /// Arrivals at 2, 5 and 10 times of what the server can do
    Overload(OverloadArgs),
    /// An ordinary load beside thousands of sockets that dribble
    Dribble(DribbleArgs),
    /// The server's resident set with busy clients and with idle connections
    Memory(MemoryArgs),
    /// A small job beside another bucket's many, and beside large objects
    Fairness(FairnessArgs),
    /// The job store alone, empty and beside many jobs
    Store(StoreArgs),
    /// Nothing: only the facts of the machine, which head every record
    #[command(hide = true)]
    Machine,
    /// The bare HTTP server that `submit` compares with; prints its address
    #[command(hide = true)]
    Bare,
}

/// What `submit` measures.
#[derive(Debug, Args)]
struct SubmitArgs {
    /// Numbers of connections, each measured on a server of its own
    #[arg(long, value_delimiter = ',', default_value = "1,64,256")]
    connections: Vec<usize>,
    /// How long each is measured
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many pairs of bare server and service each; their median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What `complete` measures.
#[derive(Debug, Args)]
struct CompleteArgs {
    /// How many jobs
    #[arg(long, default_value_t = 100_000)]
    jobs: usize,
    /// Over how many connections they are submitted
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Until what; without it, once each
    #[arg(long)]
    until: Option<End>,
}

/// When a job counts as complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum End {
    /// Its result is stored.
    Result,
    /// Its callback was answered.
    Callback,
}

/// What `latency` measures.
#[derive(Debug, Args)]
struct LatencyArgs {
    /// How many jobs, one after the other
    #[arg(long, default_value_t = 300)]
    jobs: usize,
}

/// What `large` measures.
#[derive(Debug, Args)]
struct LargeArgs {
    /// The object's size in MiB
    #[arg(long, default_value_t = 2048)]
    mebibytes: u64,
    /// How many times each algorithm hashes it; the best one counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What `several` measures.
#[derive(Debug, Args)]
struct SeveralArgs {
    /// The file's size in MiB
    #[arg(long, default_value_t = 2048)]
    mebibytes: u64,
    /// Which algorithms
    #[arg(long, value_delimiter = ',', default_value = "md5,sha1,sha256,crc64,blake3")]
    algorithms: Vec<String>,
    /// How many rounds of each alone and all at once; their medians count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// What `release` measures.
#[derive(Debug, Args)]
struct ReleaseArgs {
    /// How many jobs, each on an object of its own
    #[arg(long, default_value_t = 20_000)]
    jobs: usize,
    /// How many files of 1 MiB the objects are links to: what the page cache must hold
    #[arg(long, default_value_t = 4_000)]
    files: usize,
    /// How many pairs of service and command; the median of their ratios counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// With `[cache] results`: the first round reads, the others are answered from its results
    #[arg(long)]
    cache: bool,
}

/// What `reading` measures.
#[derive(Debug, Args)]
struct ReadingArgs {
    /// The folder, as of bench/trees
    folder: PathBuf,
    /// Which algorithms
    #[arg(long, value_delimiter = ',', default_value = "md5")]
    algorithms: Vec<String>,
    /// How many turns; the medians count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// What `callbacks` measures.
#[derive(Debug, Args)]
struct CallbacksArgs {
    /// How many callbacks go to healthy receivers
    #[arg(long, default_value_t = 10_000)]
    callbacks: usize,
    /// How many times each rate is measured; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many callbacks go to one receiver that hangs
    #[arg(long, default_value_t = 100_000)]
    flood: usize,
    /// How many callbacks go to hostile receivers
    #[arg(long, default_value_t = 20_000)]
    hostile: usize,
}

/// What `overload` measures.
#[derive(Debug, Args)]
struct OverloadArgs {
    /// What there is too much of; without it, both
    #[arg(long)]
    kind: Option<overload::Kind>,
    /// Connections that are opened ahead
    #[arg(long, default_value_t = 500)]
    connections: usize,
    /// How long each load lasts
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How many servers; the medians count
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The server runs on core 0 alone, the client on core 1
    #[arg(long)]
    pinned: bool,
}

/// What `dribble` measures.
#[derive(Debug, Args)]
struct DribbleArgs {
    /// How many sockets dribble
    #[arg(long, default_value_t = 2000)]
    sockets: usize,
    /// The ordinary load, in jobs per second
    #[arg(long, default_value_t = 2000)]
    per_second: u32,
    /// How long each stretch lasts
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many stretches with and without them
    #[arg(long, default_value_t = 3)]
    pairs: usize,
}

/// What `memory` measures.
#[derive(Debug, Args)]
struct MemoryArgs {
    /// How many clients are busy
    #[arg(long, default_value_t = 256)]
    clients: usize,
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many connections idle after that
    #[arg(long, default_value_t = 5000)]
    idle: usize,
    /// How many servers
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What `fairness` measures.
#[derive(Debug, Args)]
struct FairnessArgs {
    /// How many jobs of one bucket wait
    #[arg(long, default_value_t = 100_000)]
    crowd: usize,
    /// How many large objects
    #[arg(long, default_value_t = 10)]
    large: usize,
    /// Their size in GiB
    #[arg(long, default_value_t = 10)]
    gibibytes: u64,
    /// For how long small jobs are submitted beside each
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many servers for each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What `store` measures.
#[derive(Debug, Args)]
struct StoreArgs {
    /// How many jobs go through
    #[arg(long, default_value_t = 100_000)]
    jobs: usize,
    /// Beside how many finished ones
    #[arg(long, default_value_t = 1_000_000)]
    finished: usize,
    /// And, apart from that, beside how many waiting ones
    #[arg(long, default_value_t = 1_000_000)]
    waiting: usize,
    /// How many pairs of empty and filled store each; their median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the filled stores are kept for the next measurement (10 million jobs take 3 GB and some minutes)
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let measured = match &cli.measurement {
        Measurement::Bare => bare::serve(),
        // One thread: the cores are shared with what is measured.
        _ => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::from)
            .and_then(|runtime| runtime.block_on(measure(&cli))),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("hashlane-bench: {failure}");
            ExitCode::from(2)
        }
    }
}

async fn measure(cli: &Cli) -> Result<(), Failure> {
    print!("{}", machine::facts(&cli.binary)?);
    disk::measure()?;
    let binary = cli.binary.as_path();
    match &cli.measurement {
        Measurement::All => {
            submit::measure(binary, &[1, 64, 256], 5, 3).await?;
            complete::measure(binary, 100_000, 64, &[End::Result, End::Callback]).await?;
            latency::measure(binary, 300).await?;
            large::measure(binary, 2048, 3).await?;
            release::measure(binary, 20_000, 4_000, 3, false).await?;
            store::measure(100_000, 1_000_000, 1_000_000, 3, None).await
        }
        Measurement::Submit(args) => submit::measure(binary, &args.connections, args.seconds, args.rounds).await,
        Measurement::Complete(args) => {
            let ends = args.until.map_or(vec![End::Result, End::Callback], |end| vec![end]);
            complete::measure(binary, args.jobs, args.connections, &ends).await
        }
        Measurement::Latency(args) => latency::measure(binary, args.jobs).await,
        Measurement::Callbacks(args) => {
            deliveries::measure(binary, args.callbacks, args.rounds, args.flood, args.hostile).await
        }
        Measurement::Overload(args) => {
            let kinds = args.kind.map_or(vec![overload::Kind::Submits, overload::Kind::Jobs], |kind| vec![kind]);
            let shape = overload::Shape {
                connections: args.connections,
                lasts: Duration::from_secs(args.seconds),
                rounds: args.rounds,
                pinned: args.pinned,
            };
            overload::measure(binary, &kinds, shape).await
        }
        Measurement::Dribble(args) => {
            let (rate, lasts) = (f64::from(args.per_second), Duration::from_secs(args.seconds));
            dribble::measure(binary, args.sockets, rate, lasts, args.pairs).await
        }
        Measurement::Memory(args) => {
            memory::measure(binary, args.clients, args.idle, Duration::from_secs(args.seconds), args.rounds).await
        }
        Measurement::Fairness(args) => {
            let (large_bytes, lasts) = (args.gibibytes << 30, Duration::from_secs(args.seconds));
            fairness::measure(binary, args.crowd, args.large, large_bytes, lasts, args.rounds).await
        }
        Measurement::Several(args) => several::measure(binary, args.mebibytes, &args.algorithms, args.rounds).await,
        Measurement::Release(args) => release::measure(binary, args.jobs, args.files, args.rounds, args.cache).await,
        Measurement::Reading(args) => reading::measure(&args.folder, &args.algorithms, args.rounds),
        Measurement::Store(args) => {
            store::measure(args.jobs, args.finished, args.waiting, args.rounds, args.keep.as_deref()).await
        }
        // Served above, or printed.
        Measurement::Bare | Measurement::Machine => Ok(()),
        Measurement::Large(args) => large::measure(binary, args.mebibytes, args.rounds).await,
    }
}
