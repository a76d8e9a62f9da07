//! Gigabytes per second of one large object that is in the page cache.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use hashlane_lanes::Algorithm;

use crate::failure::Failure;
use crate::server::Server;
use crate::workload::{has_succeeded, request};

const KEY: &str = "large";
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Measures each algorithm of the wire alone; the best round counts, because everything that disturbs makes it slower.
pub async fn measure(binary: &Path, mebibytes: u64, rounds: usize) -> Result<(), Failure> {
    println!("\n## large: one object of {mebibytes} MiB in the page cache, from submit to result seen\n");
    println!("| algorithm | GB/s | seconds | peak memory MiB |\n|---|---:|---:|---:|");
    let server = Server::start(binary).await?;
    let block: Vec<u8> = (0..1_usize << 20).map(|at| (at * 131 + at / 4096) as u8).collect();
    let mut file = std::fs::File::create(server.path(KEY))?;
    for _ in 0..mebibytes {
        file.write_all(&block)?;
    }
    // What is still to be written to the disk must not disturb the measurement.
    file.sync_all()?;
    std::io::copy(&mut std::fs::File::open(server.path(KEY))?, &mut std::io::sink())?;

    for algorithm in [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256] {
        let mut best = Duration::MAX;
        for _ in 0..rounds {
            let started = Instant::now();
            let (accepted, _) = server.client.submit(&request(KEY, algorithm, None)).await?;
            loop {
                let (answer, _, _) = server.client.describe(std::slice::from_ref(&accepted.job_id)).await?;
                match answer.first() {
                    Some(job) if has_succeeded(job)? => break,
                    _ => tokio::time::sleep(ASK_EVERY).await,
                }
            }
            best = best.min(started.elapsed());
        }
        let seconds = best.as_secs_f64();
        let rate = (mebibytes << 20) as f64 / 1e9 / seconds;
        let memory = server.memory_peak_mebibytes().unwrap_or(0.0);
        println!("| {algorithm:?} | {rate:.2} | {seconds:.2} | {memory:.0} |");
    }
    server.end().await
}
