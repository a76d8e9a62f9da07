//! One job at a time on an idle server: until its answer, until its result is seen, and until its callback arrives.

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

/// The first few warm connections and caches and do not count.
const WARM_UP: usize = 10;

/// Measures jobs one after the other: first without questions, which would disturb, until the callback; then with questions
/// until the result is seen.
pub async fn measure(binary: &Path, jobs: usize) -> Result<(), Failure> {
    println!("\n## latency: one job on an idle server (4 KiB object, SHA-256)\n");
    let server = Server::start(binary).await?;
    server.put(&small_key(0), &small_content(0))?;
    let mut callbacks = Callbacks::listen().await?;
    let (mut submitted, mut called_back, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..WARM_UP + jobs {
        let job = request(&small_key(0), Algorithm::Sha256, Some(callbacks.url.clone()));
        let started = Instant::now();
        server.client.submit(&job).await?;
        let answered = started.elapsed();
        let Ok(Some(arrived)) = tokio::time::timeout(CALLBACK_WITHIN, callbacks.arrived.recv()).await else {
            return Err(Failure::new(format!("no callback within {CALLBACK_WITHIN:?}")));
        };
        if number >= WARM_UP {
            submitted.push(answered);
            called_back.push(arrived.duration_since(started));
        }
    }
    for _ in 0..jobs {
        let started = Instant::now();
        let (accepted, _) = server.client.submit(&request(&small_key(0), Algorithm::Sha256, None)).await?;
        loop {
            let (answer, _, _) = server.client.describe(std::slice::from_ref(&accepted.job_id)).await?;
            match answer.first() {
                Some(job) if has_succeeded(job)? => break,
                Some(_) => tokio::time::sleep(ASK_EVERY).await,
                None => return Err(Failure::new(format!("accepted and then unknown: {}", accepted.job_id))),
            }
        }
        seen.push(started.elapsed());
    }
    println!("| from submitting to | p50 ms | p99 ms | jobs |\n|---|---:|---:|---:|");
    for (what, measured) in [
        ("the answer, durable", submitted),
        ("the callback received", called_back),
        ("the result seen by a query", seen),
    ] {
        let sorted = Sorted::new(measured);
        println!("| {what} | {:.2} | {:.2} | {jobs} |", sorted.milliseconds(50), sorted.milliseconds(99));
    }
    let ready = server.ready_after.as_secs_f64() * 1000.0;
    println!("\nReady on an empty data directory after {ready:.0} ms.");
    server.end().await
}
