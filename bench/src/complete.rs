//! Jobs per second from the first submit to the last stored result, or to the last callback.

use std::path::Path;
use std::time::Instant;

use crate::End;
use crate::callbacks::Callbacks;
use crate::cpu;
use crate::failure::Failure;
use crate::load::{Prepared, Until, drive};
use crate::server::{HASHED, Server};
use crate::workload::{SMALL_OBJECTS, has_succeeded, put_small_objects};

/// A server answers at most this many ids at once.
const IDS_PER_QUERY: usize = 50;

const DELIVERED: &str = "hashlane_callbacks_total{kind=\"url\",outcome=\"delivered\"}";

/// Submits all jobs, without callbacks and with, and waits until every one has ended. Afterwards, outside of the time, every
/// accepted job is asked for: one that is missing or did not succeed is a failure of the measurement.
pub async fn measure(binary: &Path, jobs: usize, connections: usize, ends: &[End]) -> Result<(), Failure> {
    println!("\n## complete: submit to the end of a job while others are submitted (4 KiB objects, SHA-256)\n");
    println!(
        "| until | jobs | connections | seconds | jobs/s | server CPU \u{b5}s per job | peak memory MiB |\n\
         |---|---:|---:|---:|---:|---:|---:|"
    );
    for with_callbacks in ends.iter().map(|end| *end == End::Callback) {
        let server = Server::start(binary).await?;
        put_small_objects(&server)?;
        let callbacks = Callbacks::listen().await?;
        let url = with_callbacks.then_some(callbacks.url.as_str());
        let (prepared, first) = Prepared::submits(&server.client, url).await?;
        let end = if with_callbacks { DELIVERED } else { HASHED };
        server.wait_for(end, first.len()).await?;

        let before = cpu::used(server.pid()?)?;
        let started = Instant::now();
        let answered = drive(server.address, &prepared, connections, Until::Count(jobs), true).await?;
        server.wait_for(end, first.len() + jobs).await?;
        let seconds = started.elapsed().as_secs_f64();
        let used = cpu::used(server.pid()?)?;

        check(&server, &answered.bodies).await?;
        let memory = server.memory_peak_mebibytes().unwrap_or(0.0);
        println!(
            "| {} | {jobs} | {connections} | {seconds:.2} | {:.0} | {:.1} | {memory:.0} |",
            if with_callbacks { "callback answered" } else { "result stored" },
            jobs as f64 / seconds,
            cpu::microseconds_each(before, used, jobs),
        );
        server.end().await?;
    }
    println!("\n{SMALL_OBJECTS} objects take turns.");
    Ok(())
}

/// Every accepted job is there and has succeeded.
async fn check(server: &Server, answers: &[Vec<u8>]) -> Result<(), Failure> {
    let ids: Vec<String> = answers.iter().filter_map(|answer| job_id(answer)).collect();
    if ids.len() != answers.len() {
        return Err(Failure::new("an answer to a submit names no job"));
    }
    for asked in ids.chunks(IDS_PER_QUERY) {
        let (found, missing, _) = server.client.describe(asked).await?;
        if !missing.is_empty() {
            return Err(Failure::new(format!("accepted and then unknown: {}", missing.join(", "))));
        }
        for job in &found {
            if !has_succeeded(job)? {
                return Err(Failure::new(format!("job {} has not ended", job.job_id)));
            }
        }
    }
    Ok(())
}

fn job_id(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, rest) = text.split_once("<JobId>")?;
    Some(rest.split_once('<')?.0.to_owned())
}
