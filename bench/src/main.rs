//! Measures a `hashlane` binary from the outside and prints a record in Markdown.
//!
//! Promises: the binary is used as everybody uses it, over its HTTP API; every measurement starts a server of its own on
//! an empty data directory. Leaves out on purpose: judging the numbers, and comparing machines.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

mod bare;
mod callbacks;
mod complete;
mod cpu;
mod disk;
mod failure;
mod large;
mod latency;
mod load;
mod machine;
mod quantile;
mod server;
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
    /// The job store alone, empty and beside many jobs
    Store(StoreArgs),
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
            complete::measure(binary, 100_000, 64).await?;
            latency::measure(binary, 300).await?;
            large::measure(binary, 2048, 3).await?;
            store::measure(100_000, 1_000_000, 1_000_000).await
        }
        Measurement::Submit(args) => submit::measure(binary, &args.connections, args.seconds, args.rounds).await,
        Measurement::Complete(args) => complete::measure(binary, args.jobs, args.connections).await,
        Measurement::Latency(args) => latency::measure(binary, args.jobs).await,
        Measurement::Store(args) => store::measure(args.jobs, args.finished, args.waiting).await,
        // Served above.
        Measurement::Bare => Ok(()),
        Measurement::Large(args) => large::measure(binary, args.mebibytes, args.rounds).await,
    }
}
