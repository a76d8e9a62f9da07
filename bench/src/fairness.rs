//! Fairness: what a small job waits when others have very many, or very large ones.
//!
//! Small jobs begin at fixed times, whatever became of those before; each is measured from that moment until a query sees its result.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hashlane_client::Client;
use hashlane_lanes::Algorithm;
use tokio::task::{JoinSet, LocalSet};

use crate::failure::Failure;
use crate::load::{Prepared, Until, drive};
use crate::quantile::{Sorted, median};
use crate::server::{HASHED, Server, Setting};
use crate::workload::{SMALL_OBJECTS, has_succeeded, request, small_content, small_key};

const CONNECTIONS: usize = 64;
/// The bucket of the one who has few jobs.
const OTHER: &str = "few-1250000000";
/// Which bucket has many: the one over the folder that the command names.
const CROWDED: &str = "default_bucket = \"local-1250000000\"\n";
/// The objects of the one who has many: so large that the many outlast the measurement.
const CROWD_BYTES: usize = 1 << 20;
/// Between two small jobs beside the crowd, and beside large objects.
const PROBE_BESIDE_CROWD: Duration = Duration::from_millis(200);
const PROBE_BESIDE_LARGE: Duration = Duration::from_millis(20);
/// Between two questions for a result.
const ASK_EVERY: Duration = Duration::from_millis(2);
/// How long a result is waited for.
const RESULT_WITHIN: Duration = Duration::from_secs(60);

/// Measures servers, each started anew, and prints each and the median.
pub async fn measure(
    binary: &Path,
    crowd: usize,
    large: usize,
    large_bytes: u64,
    lasts: Duration,
    rounds: usize,
) -> Result<(), Failure> {
    println!("\n## fairness: a job of 4 KiB, from submitting to its result seen\n");
    println!("| beside | jobs | p50 ms | p99 ms | most ms | then still at work |\n|---|---:|---:|---:|---:|---|");
    let (mut crowded, mut large_ones) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        crowded.push(LocalSet::new().run_until(beside_crowd(binary, crowd, lasts)).await?);
    }
    sum_up(&crowded);
    for _ in 0..rounds.max(1) {
        large_ones.push(LocalSet::new().run_until(beside_large(binary, large, large_bytes, lasts)).await?);
    }
    sum_up(&large_ones);
    println!("\nThe crowd's objects have {} KiB. The large objects are sparse files.", CROWD_BYTES >> 10);
    Ok(())
}

fn sum_up(rounds: &[[f64; 3]]) {
    let of = |column: usize| median(rounds.iter().map(|row| row[column]).collect());
    println!("| median of {} | | {:.1} | {:.1} | {:.1} | |", rounds.len(), of(0), of(1), of(2));
}

fn print(beside: &str, waits: Vec<Duration>, then: &str) -> [f64; 3] {
    let jobs = waits.len();
    let sorted = Sorted::new(waits);
    let row = [sorted.milliseconds(50), sorted.milliseconds(99), sorted.milliseconds(100)];
    println!("| {beside} | {jobs} | {:.1} | {:.1} | {:.1} | {then} |", row[0], row[1], row[2]);
    row
}

/// One bucket has very many jobs, another has one at a time.
async fn beside_crowd(binary: &Path, crowd: usize, lasts: Duration) -> Result<[f64; 3], Failure> {
    let setting = Setting { config: CROWDED, other_bucket: Some(OTHER), ..Setting::default() };
    let server = Server::start_as(binary, setting).await?;
    let content = vec![7; CROWD_BYTES];
    for number in 0..SMALL_OBJECTS {
        server.put(&small_key(number), &content)?;
    }
    server.put_in(OTHER, &small_key(0), &small_content(0))?;
    server.pause(true).await?;
    let (prepared, first) = Prepared::submits(&server.client, None).await?;
    drive(server.address, &prepared, CONNECTIONS, Until::Count(crowd - first.len()), false).await?;
    server.pause(false).await?;
    let done_before = server.counter(HASHED).await?;
    let waits = probe(&server.client_of(OTHER)?, PROBE_BESIDE_CROWD, lasts).await?;
    let done = server.counter(HASHED).await? - done_before - waits.len();
    if done == 0 {
        return Err(Failure::new("nothing of the crowd was done meanwhile"));
    }
    let left = crowd.saturating_sub(done);
    let row = print(&format!("{crowd} jobs of another bucket"), waits, &format!("{left} of them waiting"));
    server.end().await?;
    Ok(row)
}

/// Large objects are being hashed.
async fn beside_large(binary: &Path, large: usize, large_bytes: u64, lasts: Duration) -> Result<[f64; 3], Failure> {
    let server = Server::start(binary).await?;
    server.put(&small_key(0), &small_content(0))?;
    let mut ids = Vec::new();
    for number in 0..large {
        let key = format!("large-{number}");
        server.put(&key, &[])?;
        std::fs::File::options().write(true).open(server.path(&key))?.set_len(large_bytes)?;
        ids.push(server.client.submit(&request(&key, Algorithm::Sha256, None)).await?.0.job_id);
    }
    let waits = probe(&server.client, PROBE_BESIDE_LARGE, lasts).await?;
    let (jobs, _, _) = server.client.describe(&ids).await?;
    let mut running = 0;
    for job in &jobs {
        running += usize::from(!has_succeeded(job)?);
    }
    let gibibytes = large_bytes >> 30;
    let row = print(&format!("{large} objects of {gibibytes} GiB"), waits, &format!("{running} of them"));
    server.end().await?;
    Ok(row)
}

/// Small jobs at fixed times; what each waited.
async fn probe(client: &Client, every: Duration, lasts: Duration) -> Result<Vec<Duration>, Failure> {
    let client = Rc::new(client.clone());
    let began = Instant::now();
    let mut probes = JoinSet::new();
    let mut number = 0;
    while began + every * number < began + lasts {
        let due = began + every * number;
        tokio::time::sleep_until(due.into()).await;
        let client = client.clone();
        probes.spawn_local(async move {
            let (accepted, _) = client.submit(&request(&small_key(0), Algorithm::Sha256, None)).await?;
            while due.elapsed() < RESULT_WITHIN {
                let (answer, _, _) = client.describe(std::slice::from_ref(&accepted.job_id)).await?;
                if answer.first().map(has_succeeded).transpose()? == Some(true) {
                    return Ok(due.elapsed());
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
            Err(Failure::new(format!("job {} has no result after {RESULT_WITHIN:?}", accepted.job_id)))
        });
        number += 1;
    }
    let mut waits = Vec::new();
    while let Some(ended) = probes.join_next().await {
        waits.push(ended.map_err(|error| Failure::new(error.to_string()))??);
    }
    Ok(waits)
}
