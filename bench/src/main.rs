//! Measures a `hashlane` binary from the outside and prints a record in Markdown.
//!
//! Promises: the binary is used as everybody uses it, over its HTTP API; every measurement starts a server of its own on
//! an empty data directory. Leaves out on purpose: judging the numbers, and comparing machines.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

mod callbacks;
mod complete;
mod failure;
mod large;
mod latency;
mod machine;
mod quantile;
mod server;
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
    /// Jobs accepted per second, each durable before its answer
    Submit(SubmitArgs),
    /// Jobs per second from the first submit to the last stored result
    Complete(CompleteArgs),
    /// One job at a time on an idle server
    Latency(LatencyArgs),
    /// Gigabytes per second of one large object in the page cache
    Large(LargeArgs),
}

/// What `submit` measures.
#[derive(Debug, Args)]
struct SubmitArgs {
    /// Numbers of connections, each measured on a server of its own
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    connections: Vec<usize>,
    /// How long each is measured
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// What `complete` measures.
#[derive(Debug, Args)]
struct CompleteArgs {
    /// How many jobs
    #[arg(long, default_value_t = 20_000)]
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

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match measure(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("hashlane-bench: {failure}");
            ExitCode::from(2)
        }
    }
}

async fn measure(cli: &Cli) -> Result<(), Failure> {
    print!("{}", machine::facts(&cli.binary)?);
    let binary = cli.binary.as_path();
    match &cli.measurement {
        Measurement::All => {
            submit::measure(binary, &[1, 16, 64], 5).await?;
            complete::measure(binary, 20_000, 64).await?;
            latency::measure(binary, 300).await?;
            large::measure(binary, 2048, 3).await
        }
        Measurement::Submit(args) => submit::measure(binary, &args.connections, args.seconds).await,
        Measurement::Complete(args) => complete::measure(binary, args.jobs, args.connections).await,
        Measurement::Latency(args) => latency::measure(binary, args.jobs).await,
        Measurement::Large(args) => large::measure(binary, args.mebibytes, args.rounds).await,
    }
}
