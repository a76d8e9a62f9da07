//! The memory that the process holds: with busy clients, and with thousands of connections that idle.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::load::{Line, Prepared, Until, drive};
use crate::open_loop::{PER_ADDRESS, connect_from, loopback};
use crate::quantile::median;
use crate::server::{HASHED, Server};
use crate::workload::put_small_objects;

/// Measures servers, each started anew, and prints each and the median.
pub async fn measure(
    binary: &Path,
    clients: usize,
    idle: usize,
    lasts: Duration,
    rounds: usize,
) -> Result<(), Failure> {
    println!("\n## memory: resident set of the server (4 KiB objects, SHA-256)\n");
    println!(
        "| | after its start MiB | most with {clients} busy clients MiB | jobs | with {idle} idle connections MiB |\n|---|---:|---:|---:|---:|"
    );
    let mut rows = Vec::new();
    for round in 0..rounds.max(1) {
        let server = Server::start(binary).await?;
        put_small_objects(&server)?;
        let resident = |server: &Server| server.memory_mebibytes().ok_or_else(|| Failure::new("the server has ended"));
        let fresh = resident(&server)?;
        let (prepared, first) = Prepared::submits(&server.client, None).await?;
        let until = Until::Moment(Instant::now() + lasts);
        let jobs = drive(server.address, &prepared, clients, until, false).await?.took.len();
        server.wait_for(HASHED, first.len() + jobs).await?;
        let busy = server.memory_peak_mebibytes().unwrap_or(f64::INFINITY);
        let mut lines = Vec::new();
        for number in 0..idle {
            let mut line = Line::new(connect_from(loopback(number / PER_ADDRESS), server.address).await?);
            // A connection that was never asked anything costs less.
            if line.exchange(prepared.nth(number)).await? != 200 {
                return Err(Failure::new(format!("the server answered:\n{}", line.text())));
            }
            lines.push(line);
        }
        let idling = resident(&server)?;
        // All are still there: the server has closed none.
        for line in &mut lines {
            line.exchange(prepared.nth(0)).await?;
        }
        println!("| server {} | {fresh:.0} | {busy:.0} | {jobs} | {idling:.0} |", round + 1);
        rows.push([fresh, busy, jobs as f64, idling]);
        server.end().await?;
    }
    let of = |column: usize| median(rows.iter().map(|row| row[column]).collect());
    println!("| median | {:.0} | {:.0} | {:.0} | {:.0} |", of(0), of(1), of(2), of(3));
    Ok(())
}
