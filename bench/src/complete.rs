//! Jobs per second from the first submit to the last stored result.

use std::path::Path;
use std::time::{Duration, Instant};

use hashlane_lanes::Algorithm;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::server::Server;
use crate::workload::{SMALL_OBJECTS, has_succeeded, request, small_content, small_key};

/// A server answers at most this many ids at once.
const IDS_PER_QUERY: usize = 50;

/// Jobs of one queue end nearly in order, so the oldest unfinished ones are asked for; this often.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Submits all jobs and waits until every one has succeeded.
pub async fn measure(binary: &Path, jobs: usize, connections: usize) -> Result<(), Failure> {
    println!("\n## complete: submit to stored result (4 KiB objects, SHA-256)\n");
    println!("| jobs | connections | seconds | jobs/s | peak memory MiB |\n|---:|---:|---:|---:|---:|");
    let server = Server::start(binary).await?;
    for number in 0..SMALL_OBJECTS {
        server.put(&small_key(number), &small_content(number))?;
    }
    let started = Instant::now();
    let mut submitters = JoinSet::new();
    for first in 0..connections {
        let client = server.client.clone();
        submitters.spawn(async move {
            let mut ids = Vec::new();
            for number in (first..jobs).step_by(connections) {
                let (job, _) = client.submit(&request(&small_key(number), Algorithm::Sha256, None)).await?;
                ids.push(job.job_id);
            }
            Ok::<_, Failure>(ids)
        });
    }
    let mut waiting = Vec::new();
    while let Some(submitter) = submitters.join_next().await {
        waiting.extend(submitter.map_err(|error| Failure::new(error.to_string()))??);
    }
    // From the newest to the oldest, so that the oldest are taken from the end.
    waiting.sort_unstable_by(|a, b| b.cmp(a));
    while !waiting.is_empty() {
        let asked = waiting.split_off(waiting.len().saturating_sub(IDS_PER_QUERY));
        let (answered, missing, _) = server.client.describe(&asked).await?;
        if !missing.is_empty() {
            return Err(Failure::new(format!("accepted and then unknown: {}", missing.join(", "))));
        }
        let mut left = Vec::new();
        for job in &answered {
            if !has_succeeded(job)? {
                left.push(job.job_id.clone());
            }
        }
        if !left.is_empty() {
            tokio::time::sleep(ASK_EVERY).await;
        }
        waiting.extend(left);
    }
    let seconds = started.elapsed().as_secs_f64();
    let memory = server.memory_peak_mebibytes().unwrap_or(0.0);
    println!("| {jobs} | {connections} | {seconds:.2} | {:.0} | {memory:.0} |", jobs as f64 / seconds);
    server.end().await
}
