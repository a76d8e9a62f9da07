//! The chaos harness: runs a hashlane, breaks it in every way that the seed says, and compares what is left with the truth.
//!
//! Prints a record in Markdown on standard output and each fault on standard error; exits 1 when a promise was not kept,
//! 2 when the run could not be made. Leaves out speed, which `bench/` measures.

mod chance;
mod checker;
mod disk;
mod failure;
mod fault;
mod image;
mod layer;
mod load;
mod matrix;
mod model;
mod plan;
mod receiver;
mod record;
mod run;
mod server;
mod sparse;
mod store_rows;
mod trace;
mod truth;
mod wal;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use failure::Failure;
use fault::Fault;
use run::Plan;

/// Breaks a running hashlane in every way it can, and compares what is left with the truth
#[derive(Debug, Parser)]
#[command(name = "hashlane-chaos", max_term_width = 120)]
#[command(after_help = "Exit codes: 0 every promise was kept, 1 one was not, 2 the run could not be made.")]
struct Arguments {
    /// The binary under test
    #[arg(long, env = "HASHLANE_BIN", default_value = "target/release/hashlane")]
    binary: PathBuf,
    /// What objects, requests and faults follow from; a random one otherwise
    #[arg(long)]
    seed: Option<u64>,
    /// Go on for at least this many minutes
    #[arg(long, default_value_t = 0.0)]
    minutes: f64,
    /// Go on for at least so many rounds of the faults
    #[arg(long, default_value_t = 1)]
    rounds: u64,
    /// Go on until at least so many jobs were accepted
    #[arg(long, default_value_t = 0)]
    jobs: usize,
    /// The faults of a round; one named twice comes twice
    #[arg(long, value_enum, value_delimiter = ',', default_value = "kill,term,stop,full,io,torn")]
    faults: Vec<Fault>,
    /// The longest pause between two faults in seconds
    #[arg(long, default_value_t = 3.0)]
    pause: f64,
    /// How many clients there are
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// How many submits they send each second together; 0 for as many as they can
    #[arg(long, default_value_t = 200)]
    rate: usize,
    /// How many images are made of each moment of the fault torn, at most 256, and of each record of the fault forget
    #[arg(long, default_value_t = 32)]
    images: usize,
    /// Keep finished jobs only so many seconds, so that prune runs all the time
    #[arg(long)]
    retention: Option<u64>,
    /// Answer jobs with the results of earlier ones where they are known
    #[arg(long)]
    cache: bool,
    /// The size in MiB of the file system that the fault full fills
    #[arg(long, default_value_t = 256)]
    disk: usize,
    /// Run the fault matrix instead: each crash point with each fault; only the points whose name contains this. The binary
    /// must be built with --features failpoints
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "POINT")]
    matrix: Option<String>,
    /// Hash a sparse object of so many GiB instead, and kill the service on the way
    #[arg(long, value_name = "GIB")]
    sparse: Option<u64>,
    /// How often it is killed
    #[arg(long, default_value_t = 20, requires = "sparse")]
    kills: u64,
    /// An empty folder for everything, which is kept; a temporary one otherwise, kept when a promise was not
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("hashlane-chaos: {failure}");
            ExitCode::from(2)
        }
    }
}

fn start(arguments: Arguments) -> Result<bool, Failure> {
    let seed = arguments.seed.unwrap_or_else(random_seed);
    let temporary = match &arguments.dir {
        Some(_) => None,
        None => Some(tempfile::TempDir::with_prefix("hashlane-chaos-")?),
    };
    let folder = arguments.dir.or_else(|| temporary.as_ref().map(|it| it.path().to_owned()));
    let folder = std::path::absolute(folder.unwrap_or_default())?;
    if !run::is_fresh(&folder) {
        return Err(Failure::new(format!("{} is not empty", folder.display())));
    }
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some(only) = &arguments.matrix {
        let (record, is_clean) = runtime.block_on(matrix::run(&arguments.binary, &folder, seed, only))?;
        println!("{record}");
        return Ok(keep_unless(is_clean, temporary));
    }
    if let Some(gibibytes) = arguments.sparse {
        let (record, is_clean) =
            runtime.block_on(sparse::run(&arguments.binary, &folder, seed, gibibytes << 30, arguments.kills))?;
        print!("{record}");
        return Ok(keep_unless(is_clean, temporary));
    }
    let plan = Plan {
        binary: arguments.binary,
        folder: folder.clone(),
        seed,
        length: Duration::from_secs_f64(arguments.minutes * 60.0),
        rounds: arguments.rounds,
        jobs: arguments.jobs,
        faults: arguments.faults,
        pause_max: Duration::from_secs_f64(arguments.pause),
        clients: arguments.clients.max(1),
        rate: arguments.rate,
        images: arguments.images,
        retention: arguments.retention.map(Duration::from_secs),
        is_caching: arguments.cache,
        disk_mebibytes: arguments.disk,
    };
    eprintln!("--seed {seed} replays these requests and faults");
    let outcome = runtime.block_on(run::run(&plan))?;
    print!("{}", record::print(&plan, &outcome));
    Ok(keep_unless(outcome.violations.is_empty(), temporary))
}

/// Keeps the temporary folder when a promise was not kept.
fn keep_unless(is_clean: bool, temporary: Option<tempfile::TempDir>) -> bool {
    if !is_clean && let Some(temporary) = temporary {
        eprintln!("what is left is in {}", temporary.keep().display());
    }
    is_clean
}

/// Any number that is short enough to be typed.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) >> 32
}
