//! One job at a time on an idle server: until its result is seen, and until its callback arrives.

use std::path::Path;
use std::time::{Duration, Instant};

use hashlane_lanes::Algorithm;

use crate::callbacks::Callbacks;
use crate::failure::Failure;
use crate::quantile::Sorted;
use crate::server::Server;
use crate::workload::{has_succeeded, request, small_content, small_key};

const CALLBACK_WITHIN: Duration = Duration::from_secs(30);

/// How long to wait between two questions for a result.
const ASK_EVERY: Duration = Duration::from_micros(200);

/// Measures jobs one after the other; the first few warm connections and caches and do not count.
pub async fn measure(binary: &Path, jobs: usize) -> Result<(), Failure> {
    const WARM_UP: usize = 10;
    println!("\n## latency: one job on an idle server (4 KiB object, SHA-256)\n");
    let server = Server::start(binary).await?;
    server.put(&small_key(0), &small_content(0))?;
    let mut callbacks = Callbacks::listen().await?;
    let (mut submitted, mut seen, mut called_back) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..WARM_UP + jobs {
        let job = request(&small_key(0), Algorithm::Sha256, Some(callbacks.url.clone()));
        let started = Instant::now();
        let (accepted, _) = server.client.submit(&job).await?;
        let answered = started.elapsed();
        let result = loop {
            let (answer, _, _) = server.client.describe(std::slice::from_ref(&accepted.job_id)).await?;
            match answer.first() {
                Some(job) if has_succeeded(job)? => break started.elapsed(),
                Some(_) => tokio::time::sleep(ASK_EVERY).await,
                None => return Err(Failure::new(format!("accepted and then unknown: {}", accepted.job_id))),
            }
        };
        let arrived = tokio::time::timeout(CALLBACK_WITHIN, callbacks.arrived.recv()).await;
        let Ok(Some(arrived)) = arrived else {
            return Err(Failure::new(format!("no callback of {} within {CALLBACK_WITHIN:?}", accepted.job_id)));
        };
        if number >= WARM_UP {
            submitted.push(answered);
            seen.push(result);
            called_back.push(arrived.duration_since(started));
        }
    }
    println!("| from submitting to | p50 ms | p99 ms | jobs |\n|---|---:|---:|---:|");
    for (what, measured) in [
        ("the answer, durable", submitted),
        ("the result seen by a query", seen),
        ("the callback received", called_back),
    ] {
        let sorted = Sorted::new(measured);
        println!("| {what} | {:.2} | {:.2} | {jobs} |", sorted.milliseconds(50), sorted.milliseconds(99));
    }
    let ready = server.ready_after.as_secs_f64() * 1000.0;
    println!("\nReady on an empty data directory after {ready:.0} ms.");
    server.end().await
}
