//! Jobs accepted per second, each durable before its answer.

use std::path::Path;
use std::time::{Duration, Instant};

use hashlane_lanes::Algorithm;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::quantile::Sorted;
use crate::server::Server;
use crate::workload::{SMALL_OBJECTS, request, small_content, small_key};

/// Measures each number of connections on a server of its own. The server hashes what it accepts meanwhile.
pub async fn measure(binary: &Path, connections: &[usize], seconds: u64) -> Result<(), Failure> {
    println!("\n## submit: durable jobs per second (4 KiB objects, SHA-256)\n");
    println!("| connections | jobs | jobs/s | p50 ms | p99 ms |\n|---:|---:|---:|---:|---:|");
    for &count in connections {
        let server = Server::start(binary).await?;
        for number in 0..SMALL_OBJECTS {
            server.put(&small_key(number), &small_content(number))?;
        }
        let started = Instant::now();
        let end = started + Duration::from_secs(seconds);
        let mut submitters = JoinSet::new();
        for first in 0..count {
            let client = server.client.clone();
            submitters.spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < end {
                    let job = request(&small_key(first + took.len()), Algorithm::Sha256, None);
                    let began = Instant::now();
                    client.submit(&job).await?;
                    took.push(began.elapsed());
                }
                Ok::<_, Failure>(took)
            });
        }
        let mut took = Vec::new();
        while let Some(submitter) = submitters.join_next().await {
            took.extend(submitter.map_err(|error| Failure::new(error.to_string()))??);
        }
        let (jobs, elapsed) = (took.len(), started.elapsed());
        let sorted = Sorted::new(took);
        let rate = jobs as f64 / elapsed.as_secs_f64();
        println!("| {count} | {jobs} | {rate:.0} | {:.2} | {:.2} |", sorted.milliseconds(50), sorted.milliseconds(99));
        server.end().await?;
    }
    Ok(())
}
