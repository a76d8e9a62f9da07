//! Overload: arrivals at several times of what the server can do, and what becomes of the good ones, of the refused ones, of memory,
//! and of the time after it.
//!
//! Two kinds. *Submits*: the jobs wait in a paused queue, so that the way from the socket to the disk is what is too slow. *Jobs*: they
//! are worked on, the queue may hold few, and workers are what is too slow: what does not fit is refused with 503.

use std::cell::Cell;
use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::cpu;
use crate::failure::Failure;
use crate::load::{Line, Prepared, Until};
use crate::open_loop::{OpenLoop, Sent};
use crate::quantile::{Sorted, median};
use crate::server::{HASHED, Server, Setting};
use crate::workload::put_small_objects;

/// How many times the capacity arrive.
const TIMES: [f64; 3] = [2.0, 5.0, 10.0];
/// Of the capacity: the ordinary load before and after each overload.
const ORDINARY: f64 = 0.5;
/// Connections of the closed loop that measures the capacity.
const CAPACITY_CONNECTIONS: usize = 64;
/// After an overload, the ordinary load is looked at in windows of so long.
const WINDOW: Duration = Duration::from_millis(250);
/// A window whose median is within this of the one before the overload has recovered.
const RECOVERED: f64 = 1.25;
/// How long it is looked at.
const WATCHED: Duration = Duration::from_secs(6);
/// Jobs before anything is measured, over all connections at once: so that the caches, what is remembered of the latest submits and the
/// buffers of connections have their full size.
const WARM_UP: usize = 250_000;
/// How many jobs may wait in the queue whose workers are too slow.
const QUEUE_MAX: usize = 5_000;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// More submits than can be made durable.
    Submits,
    /// More jobs than workers do.
    Jobs,
}

/// How it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Connections opened ahead.
    pub connections: usize,
    /// How long each load lasts.
    pub lasts: Duration,
    /// Servers, each started anew; medians of them count.
    pub rounds: usize,
    /// Server on one core, client on another.
    pub pinned: bool,
}

/// What one overload was.
#[derive(Debug)]
struct Row {
    offered: f64,
    sent: f64,
    good: f64,
    of_peak: f64,
    refused: f64,
    refused_p50_ms: f64,
    refused_p99_ms: f64,
    good_p50_ms: f64,
    good_p99_ms: f64,
    memory_growth: f64,
    recovery_ms: f64,
    server_cores: f64,
    client_cores: f64,
}

/// The state before any overload.
#[derive(Debug)]
struct Before {
    capacity: f64,
    p50_ms: f64,
    memory: f64,
}

/// Measures rounds of each kind and prints medians.
pub async fn measure(binary: &Path, kinds: &[Kind], shape: Shape) -> Result<(), Failure> {
    for &kind in kinds {
        let mut rounds = Vec::new();
        for _ in 0..shape.rounds.max(1) {
            rounds.push(LocalSet::new().run_until(round(binary, kind, shape)).await?);
        }
        print(kind, shape, &rounds);
    }
    Ok(())
}

fn print(kind: Kind, shape: Shape, rounds: &[(Before, Vec<Row>)]) {
    let before = |what: fn(&Before) -> f64| median(rounds.iter().map(|(it, _)| what(it)).collect());
    let words = match kind {
        Kind::Submits => "more submits than can be made durable (the queue is paused)".to_owned(),
        Kind::Jobs => format!("more jobs than workers do (4 KiB objects, at most {QUEUE_MAX} wait)"),
    };
    println!("\n## overload: {words}\n");
    println!(
        "Capacity, a closed loop of {CAPACITY_CONNECTIONS} connections: {:.0}/s. Ordinary load, half of it: p50 {:.2} ms, {:.0} MiB resident after {WARM_UP} jobs.\n",
        before(|it| it.capacity),
        before(|it| it.p50_ms),
        before(|it| it.memory)
    );
    println!(
        "| of capacity | offered/s | sent/s | good/s | of peak | lowest | refused/s | refused p50 ms | p99 ms | accepted p50 ms | p99 ms | \
         memory | recovered after ms, most | cores: server | client |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    for (number, times) in TIMES.iter().enumerate() {
        let all = |what: fn(&Row) -> f64| rounds.iter().map(|(_, rows)| what(&rows[number])).collect::<Vec<_>>();
        let of = |what: fn(&Row) -> f64| median(all(what));
        println!(
            "| {times} | {:.0} | {:.0} | {:.0} | {:.2} | {:.2} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:+.0} % | {:.0} | {:.2} | {:.2} |",
            of(|it| it.offered),
            of(|it| it.sent),
            of(|it| it.good),
            of(|it| it.of_peak),
            all(|it| it.of_peak).into_iter().fold(f64::INFINITY, f64::min),
            of(|it| it.refused),
            of(|it| it.refused_p50_ms),
            of(|it| it.refused_p99_ms),
            of(|it| it.good_p50_ms),
            of(|it| it.good_p99_ms),
            of(|it| it.memory_growth) * 100.0,
            all(|it| it.recovery_ms).into_iter().fold(0.0, f64::max),
            of(|it| it.server_cores),
            of(|it| it.client_cores),
        );
    }
    let place =
        if shape.pinned { "server on one core, client on another" } else { "server and client share the cores" };
    println!(
        "\n{} connections, {} s each, medians of {} rounds, {place}.",
        shape.connections,
        shape.lasts.as_secs(),
        rounds.len()
    );
}

async fn round(binary: &Path, kind: Kind, shape: Shape) -> Result<(Before, Vec<Row>), Failure> {
    let config = match kind {
        Kind::Submits => String::new(),
        Kind::Jobs => format!("[queue]\nmax_size = {QUEUE_MAX}\n"),
    };
    if shape.pinned {
        pin_client("1")?;
    }
    let cores = shape.pinned.then_some("0");
    let server = Server::start_as(binary, Setting { config: &config, cores, ..Setting::default() }).await?;
    put_small_objects(&server)?;
    let (prepared, _) = Prepared::submits(&server.client, None).await?;
    server.pause(kind == Kind::Submits).await?;
    let measured = Measured { server: &server, kind };
    measured.closed(&prepared, shape.connections, Until::Count(WARM_UP)).await?;
    let until = Until::Moment(Instant::now() + shape.lasts);
    let capacity = measured.closed(&prepared, CAPACITY_CONNECTIONS, until).await?;
    let open = OpenLoop::connect(server.address, &prepared, shape.connections).await?;
    let calm = measured.during(&open, capacity * ORDINARY, shape.lasts).await?;
    let before = Before { capacity, p50_ms: calm.good.milliseconds(50), memory: calm.memory };
    let mut peak = capacity;
    let mut rows = Vec::new();
    for times in TIMES {
        let over = measured.during(&open, capacity * times, shape.lasts).await?;
        let recovery_ms = measured.recovery(&open, capacity * ORDINARY, before.p50_ms).await?;
        peak = f64::max(peak, over.good_rate);
        rows.push(over.row(before.memory, recovery_ms));
    }
    for row in &mut rows {
        row.of_peak = row.good / peak;
    }
    drop(open);
    server.end().await?;
    Ok((before, rows))
}

/// Keeps this process, one thread, on a core.
fn pin_client(core: &str) -> Result<(), Failure> {
    let pid = std::process::id().to_string();
    let mut command = std::process::Command::new("taskset");
    let status = command.args(["--cpu-list", "--pid", core, &pid]).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(Failure::new("taskset cannot keep the client on a core")) }
}

/// A server under one kind of load.
struct Measured<'a> {
    server: &'a Server,
    kind: Kind,
}

/// What was seen during one stretch of an open loop.
struct Seen {
    seconds: f64,
    offered: usize,
    unsent: usize,
    good_rate: f64,
    good: Sorted,
    refused: Sorted,
    memory: f64,
    server_cores: f64,
    client_cores: f64,
}

impl Seen {
    fn row(&self, memory_before: f64, recovery_ms: f64) -> Row {
        Row {
            offered: self.offered as f64 / self.seconds,
            sent: (self.offered - self.unsent) as f64 / self.seconds,
            good: self.good_rate,
            of_peak: 0.0,
            refused: self.refused.len() as f64 / self.seconds,
            refused_p50_ms: self.refused.milliseconds(50),
            refused_p99_ms: self.refused.milliseconds(99),
            good_p50_ms: self.good.milliseconds(50),
            good_p99_ms: self.good.milliseconds(99),
            memory_growth: self.memory / memory_before - 1.0,
            recovery_ms,
            server_cores: self.server_cores,
            client_cores: self.client_cores,
        }
    }
}

impl Measured<'_> {
    /// What a closed loop gets done per second; refusals do not count.
    async fn closed(&self, prepared: &Prepared, connections: usize, until: Until) -> Result<f64, Failure> {
        let before = self.done().await?;
        let (began, accepted) = (Instant::now(), Rc::new(Cell::new(0)));
        let mut lines = JoinSet::new();
        for number in 0..connections {
            let stream = TcpStream::connect(self.server.address).await?;
            stream.set_nodelay(true)?;
            let (mut line, prepared, accepted) = (Line::new(stream), prepared.clone(), accepted.clone());
            lines.spawn_local(async move {
                let mut next = number;
                while match until {
                    Until::Moment(end) => Instant::now() < end,
                    Until::Count(count) => accepted.get() < count,
                } {
                    match line.exchange(prepared.nth(next)).await? {
                        200 => accepted.set(accepted.get() + 1),
                        503 => {}
                        _ => return Err(Failure::new(format!("the server answered:\n{}", line.text()))),
                    }
                    next += connections;
                }
                Ok(())
            });
        }
        while let Some(ended) = lines.join_next().await {
            ended.map_err(|error| Failure::new(error.to_string()))??;
        }
        let done = match (before, self.done().await?) {
            (Some(before), Some(after)) => after - before,
            _ => accepted.get(),
        };
        Ok(done as f64 / began.elapsed().as_secs_f64())
    }

    /// How many jobs workers have done; none where submits are what is measured.
    async fn done(&self) -> Result<Option<usize>, Failure> {
        match self.kind {
            Kind::Submits => Ok(None),
            Kind::Jobs => Ok(Some(self.server.counter(HASHED).await?)),
        }
    }

    async fn during(&self, open: &OpenLoop, per_second: f64, lasts: Duration) -> Result<Seen, Failure> {
        let (server_pid, own_pid) = (self.server.pid()?, std::process::id());
        let (server_before, own_before) = (cpu::used(server_pid)?, cpu::used(own_pid)?);
        let done_before = self.done().await?;
        let began = Instant::now();
        let most = Cell::new(0.0);
        let watching = async {
            loop {
                most.set(f64::max(most.get(), self.server.memory_mebibytes().unwrap_or(0.0)));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let stretch = tokio::select! {
            stretch = open.run(per_second, lasts) => stretch?,
            () = watching => unreachable!("it has no end"),
        };
        let done = self.done().await?;
        let seconds = began.elapsed().as_secs_f64();
        let sent = open.sent(stretch.began, stretch.ended);
        if sent.iter().any(|it| it.status == 503 && !it.has_retry_after) {
            return Err(Failure::new("a refusal does not say when to come again"));
        }
        let took = |status| {
            let of = sent.iter().filter(|it| it.status == status);
            Sorted::new(of.map(|it: &Sent| it.answered.duration_since(it.due)).collect())
        };
        let good_rate = match (done_before, done) {
            (Some(before), Some(after)) => (after - before) as f64 / seconds,
            _ => {
                let answered = open.answered(stretch.began, stretch.ended);
                let good = answered.iter().filter(|it| it.status == 200).count();
                good as f64 / (stretch.ended - stretch.began).as_secs_f64()
            }
        };
        let cores = |before, after: Duration| (after - before).as_secs_f64() / seconds;
        Ok(Seen {
            seconds: (stretch.ended - stretch.began).as_secs_f64(),
            offered: stretch.offered,
            unsent: stretch.unsent,
            good_rate,
            good: took(200),
            refused: took(503),
            memory: most.get(),
            server_cores: cores(server_before, cpu::used(server_pid)?),
            client_cores: cores(own_before, cpu::used(own_pid)?),
        })
    }

    /// How long after an overload the ordinary load is answered as before, in milliseconds: to the end of the first window.
    async fn recovery(&self, open: &OpenLoop, per_second: f64, p50_ms: f64) -> Result<f64, Failure> {
        let mut after = Duration::ZERO;
        while after < WATCHED {
            let window = open.run(per_second, WINDOW).await?;
            after += window.ended - window.began;
            let sent = open.sent(window.began, window.ended);
            let good = sent.iter().filter(|it| it.status == 200);
            let good = Sorted::new(good.map(|it| it.answered.duration_since(it.due)).collect());
            // Nearly all must have been sent, accepted and answered, too.
            let is_whole = good.len() as f64 >= 0.9 * window.offered as f64;
            if is_whole && good.milliseconds(50) <= p50_ms * RECOVERED {
                return Ok(after.as_secs_f64() * 1000.0);
            }
        }
        Ok(f64::INFINITY)
    }
}
