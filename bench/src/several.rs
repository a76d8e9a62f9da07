//! One file and several algorithms: the command with each alone, and with all at once by one read.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use tokio::process::Command;

use crate::failure::Failure;
use crate::quantile::median;

/// What one run of the command measured.
struct Run {
    seconds: f64,
    /// What the process read by system calls, the program itself and its libraries included.
    read_bytes: u64,
}

/// Rounds of: each algorithm alone, then all. Prints the medians, and of the rounds the median of what all took over what
/// the slowest alone took.
pub async fn measure(binary: &Path, mebibytes: u64, algorithms: &[String], rounds: usize) -> Result<(), Failure> {
    let folder = tempfile::TempDir::with_prefix("hashlane-bench-")?;
    let path = folder.path().join("object");
    let block: Vec<u8> = (0..1_usize << 20).map(|at| (at * 131 + at / 4096) as u8).collect();
    let mut file = std::fs::File::create(&path)?;
    for _ in 0..mebibytes {
        file.write_all(&block)?;
    }
    // What is still to be written to the disk must not disturb the measurement.
    file.sync_all()?;
    let together = algorithms.join(",");
    let commands: Vec<&str> = algorithms.iter().chain([&together]).map(String::as_str).collect();
    let mut runs: Vec<Vec<Run>> = commands.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds.max(1) {
        for (command, runs) in commands.iter().zip(&mut runs) {
            let run = run(binary, command, &path).await?;
            // The first round warms up and is not counted.
            if round > 0 {
                runs.push(run);
            }
        }
    }
    println!(
        "\n## several: one object of {mebibytes} MiB in the page cache, `hashlane sum`, {} rounds\n",
        rounds.max(1)
    );
    println!("| algorithms | seconds | GB/s | bytes read of the object's |\n|---|---:|---:|---:|");
    let object_bytes = (mebibytes << 20) as f64;
    for (command, runs) in commands.iter().zip(&runs) {
        let seconds = median(runs.iter().map(|run| run.seconds).collect());
        let read = median(runs.iter().map(|run| run.read_bytes as f64 / object_bytes).collect());
        println!("| {command} | {seconds:.3} | {:.2} | {read:.3} |", object_bytes / 1e9 / seconds);
    }
    let ratios = (0..rounds.max(1)).map(|round| {
        let slowest = runs[..algorithms.len()].iter().map(|runs| runs[round].seconds).fold(0.0, f64::max);
        runs[algorithms.len()][round].seconds / slowest
    });
    println!("\nAll at once take {:.2} times as long as the slowest alone.", median(ratios.collect()));
    Ok(folder.close()?)
}

async fn run(binary: &Path, algorithms: &str, path: &Path) -> Result<Run, Failure> {
    let started = Instant::now();
    let mut child = Command::new(binary)
        .args(["sum", "--no-progress", "-a", algorithms])
        .arg(path)
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let pid = child.id().ok_or_else(|| Failure::new("the command ended before it began"))?;
    let mut lines = String::new();
    let mut stdout = child.stdout.take().ok_or_else(|| Failure::new("the command has no standard output"))?;
    tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut lines).await?;
    let seconds = started.elapsed().as_secs_f64();
    // It has closed its output and was not waited for: the kernel still tells what it read.
    let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
    let read_bytes = io.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok());
    if !child.wait().await?.success() || lines.lines().count() != algorithms.split(',').count() {
        return Err(Failure::new(format!("hashlane sum -a {algorithms} failed")));
    }
    Ok(Run { seconds, read_bytes: read_bytes.ok_or_else(|| Failure::new("the kernel does not tell what was read"))? })
}
