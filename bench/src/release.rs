//! Jobs that waited in a paused queue, released: bytes per second of the service beside `hashlane sum` on the same files.

use std::path::Path;
use std::time::Instant;

use hashlane_client::Client;
use hashlane_lanes::Algorithm;
use tokio::process::Command;
use tokio::task::LocalSet;

use crate::cpu;
use crate::failure::Failure;
use crate::quantile::median;
use crate::server::{HASHED, Server, Setting};
use crate::workload::request;

/// The size of an object in bytes.
const OBJECT_BYTES: usize = 1 << 20;
/// Submits in flight, before the time that counts.
const SUBMITS: usize = 32;

/// Measures rounds of a pair: all jobs released, and the command on the folder. There are as many objects as jobs, each
/// with a name of its own and submitted once; `files` of them have content of their own, the others are hard links to these,
/// so that the page cache holds all of them. Links to one file lie `files` jobs apart.
///
/// With `cache` the service is asked to answer from earlier results: its first round reads all objects, the others none.
pub async fn measure(binary: &Path, jobs: usize, files: usize, rounds: usize, cache: bool) -> Result<(), Failure> {
    let files = files.clamp(1, jobs.max(1));
    let gigabytes = (jobs * OBJECT_BYTES) as f64 / 1e9;
    let server = Server::start_as(
        binary,
        Setting { config: if cache { "[cache]\nresults = true\n" } else { "" }, ..Setting::default() },
    )
    .await?;
    put_objects(&server, jobs, files)?;
    println!(
        "\n## release: {jobs} jobs on objects of 1 MiB (MD5) that waited in a paused queue, {} rounds\n",
        rounds.max(1)
    );
    if cache {
        println!("With `[cache] results = true`: from round 2 on no object is read.\n");
    }
    println!("{jobs} objects, {files} different files: the others are hard links to them, {files} jobs apart.\n");
    println!(
        "| round | service s | GB/s | jobs/s | server CPU \u{b5}s per job | `hashlane sum` s | GB/s | of its rate |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut shares = Vec::new();
    // Warms the page cache and does not count.
    sum(binary, &server).await?;
    for round in 0..rounds.max(1) {
        server.pause(true).await?;
        submit_all(&server.client, jobs).await?;
        let done = server.counter(HASHED).await.unwrap_or(0);
        if done != round * jobs {
            return Err(Failure::new(format!("{done} jobs have ended, and {} were released", round * jobs)));
        }
        let before = cpu::used(server.pid()?)?;
        let started = Instant::now();
        server.pause(false).await?;
        server.wait_for(HASHED, done + jobs).await?;
        let service = started.elapsed().as_secs_f64();
        let used = cpu::used(server.pid()?)?;
        let command = sum(binary, &server).await?;
        shares.push(command / service);
        println!(
            "| {} | {service:.2} | {:.2} | {:.0} | {:.0} | {command:.2} | {:.2} | {:.2} |",
            round + 1,
            gigabytes / service,
            jobs as f64 / service,
            cpu::microseconds_each(before, used, jobs),
            gigabytes / command,
            command / service,
        );
    }
    if cache {
        let hits = server.counter("hashlane_cache_hits_total").await.unwrap_or(0);
        println!("\n{hits} jobs were answered from results.");
    }
    let memory = server.memory_peak_mebibytes().unwrap_or(0.0);
    println!(
        "\nThe service {} at {:.2} of the command's rate; its peak memory is {memory:.0} MiB.",
        if cache { "answers" } else { "hashes" },
        median(shares)
    );
    server.end().await
}

fn key(number: usize) -> String {
    format!("{number:06}")
}

fn put_objects(server: &Server, jobs: usize, files: usize) -> Result<(), Failure> {
    let mut content: Vec<u8> = (0..OBJECT_BYTES).map(|at| (at * 131 + at / 4096) as u8).collect();
    for number in 0..files {
        content[..8].copy_from_slice(&number.to_le_bytes());
        server.put(&key(number), &content)?;
    }
    for number in files..jobs {
        std::fs::hard_link(server.path(&key(number % files)), server.path(&key(number)))?;
    }
    // What is still to be written to the disk must not disturb the measurement.
    for number in 0..files {
        std::fs::File::open(server.path(&key(number)))?.sync_all()?;
    }
    Ok(())
}

/// Submits a job for each object, in the order of their numbers but for what is in flight.
async fn submit_all(client: &Client, jobs: usize) -> Result<(), Failure> {
    let tasks = LocalSet::new();
    let lines: Vec<_> = (0..SUBMITS)
        .map(|line| {
            let client = client.clone();
            tasks.spawn_local(async move {
                for number in (line..jobs).step_by(SUBMITS) {
                    client.submit(&request(&key(number), Algorithm::Md5, None)).await?;
                }
                Ok::<_, Failure>(())
            })
        })
        .collect();
    let gather = async {
        for line in lines {
            line.await.map_err(|error| Failure::new(error.to_string()))??;
        }
        Ok(())
    };
    tasks.run_until(gather).await
}

/// Seconds that the command takes for the folder of the objects.
async fn sum(binary: &Path, server: &Server) -> Result<f64, Failure> {
    let started = Instant::now();
    let output = Command::new(binary)
        .args(["sum", "--no-progress", "-r", "-a", "md5"])
        .arg(server.path(""))
        .stdout(std::process::Stdio::null())
        .status()
        .await?;
    match output.success() {
        true => Ok(started.elapsed().as_secs_f64()),
        false => Err(Failure::new("hashlane sum failed")),
    }
}
