//! Jobs accepted per second, each durable before its answer, beside what the bare server answers.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::bare::Bare;
use crate::cpu;
use crate::failure::Failure;
use crate::load::{Prepared, Until, drive};
use crate::quantile::{Sorted, median};
use crate::server::Server;
use crate::workload::put_small_objects;

/// What one round measured.
struct Round {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_us: f64,
    jobs: usize,
}

/// Measures each number of connections in rounds of a pair, bare server and service one after the other, each started anew.
/// The jobs wait in a paused queue, so that nothing but submitting is measured. Prints medians of the rounds.
pub async fn measure(binary: &Path, connections: &[usize], seconds: u64, rounds: usize) -> Result<(), Failure> {
    println!("\n## submit: durable jobs per second, and the same requests to a bare hyper server\n");
    println!(
        "| connections | jobs/s | p50 ms | p99 ms | server CPU \u{b5}s per job | bare/s | bare p50 ms | bare CPU \u{b5}s | of bare |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    for &count in connections {
        let (mut ours, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds.max(1) {
            let server = Server::start(binary).await?;
            put_small_objects(&server)?;
            let (prepared, _) = Prepared::submits(&server.client, None).await?;
            server.pause(true).await?;
            let bare = Bare::start().await?;
            let of_bare = round(bare.address, bare.pid()?, &prepared, count, seconds).await?;
            bare.end().await?;
            let of_ours = round(server.address, server.pid()?, &prepared, count, seconds).await?;
            server.end().await?;
            ratios.push(of_ours.rate / of_bare.rate);
            ours.push(of_ours);
            bares.push(of_bare);
        }
        let of = |rounds: &[Round], what: fn(&Round) -> f64| median(rounds.iter().map(what).collect());
        println!(
            "| {count} | {:.0} | {:.2} | {:.2} | {:.1} | {:.0} | {:.2} | {:.1} | {:.2} |",
            of(&ours, |it| it.rate),
            of(&ours, |it| it.p50_ms),
            of(&ours, |it| it.p99_ms),
            of(&ours, |it| it.cpu_us),
            of(&bares, |it| it.rate),
            of(&bares, |it| it.p50_ms),
            of(&bares, |it| it.cpu_us),
            median(ratios),
        );
        if ours.iter().any(|it| it.jobs == 0) {
            return Err(Failure::new("no job was accepted"));
        }
    }
    Ok(())
}

async fn round(
    address: std::net::SocketAddr,
    pid: u32,
    prepared: &Prepared,
    connections: usize,
    seconds: u64,
) -> Result<Round, Failure> {
    let before = cpu::used(pid)?;
    let started = Instant::now();
    let until = Until::Moment(started + Duration::from_secs(seconds));
    let took = drive(address, prepared, connections, until, false).await?.took;
    let elapsed = started.elapsed();
    let used = cpu::used(pid)?;
    let jobs = took.len();
    let sorted = Sorted::new(took);
    Ok(Round {
        rate: jobs as f64 / elapsed.as_secs_f64(),
        p50_ms: sorted.milliseconds(50),
        p99_ms: sorted.milliseconds(99),
        cpu_us: cpu::microseconds_each(before, used, jobs),
        jobs,
    })
}
