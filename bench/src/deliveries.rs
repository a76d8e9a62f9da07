//! Callbacks per second to healthy receivers, alone and among dead ones, and what hostile receivers and a flood do to others.
//!
//! Receivers are different addresses of loopback, so that the service takes each for one of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hashlane_lanes::Algorithm;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::callbacks::Callbacks;
use crate::failure::Failure;
use crate::load::{Prepared, Until, drive};
use crate::quantile::{Sorted, median};
use crate::server::{HASHED, Server};
use crate::workload::{put_small_objects, request, small_key};

const CONNECTIONS: usize = 64;
/// Healthy ones, and as many dead ones.
const RECEIVERS: usize = 100;
const CALLBACK_WITHIN: Duration = Duration::from_secs(60);
/// Hostile receivers, each an address of its own.
const HOSTILE: usize = 500;
/// What hostile receivers do; see `be_hostile`.
const MANNERS: [&str; 11] = [
    "hangs before the answer",
    "hangs in the middle of the head",
    "endless body",
    "endless headers",
    "redirect to 127.0.0.1",
    "one byte a second",
    "RST",
    "HTTP/1.0 without length, then hangs",
    "100 Continue without end",
    "gzip bomb",
    "500",
];

/// Measures rates, then latencies beside a flood to a dead receiver and beside hostile receivers.
pub async fn measure(
    binary: &Path,
    callbacks: usize,
    rounds: usize,
    flood: usize,
    hostile: usize,
) -> Result<(), Failure> {
    println!("\n## callbacks: from a queue that is released, first to last arrival (4 KiB objects, SHA-256)\n");
    println!("| receivers | callbacks | per second, median | each round |\n|---|---:|---:|---|");
    let one: Vec<f64> = rate(binary, callbacks, rounds, Mix::One).await?;
    row("1 healthy", callbacks, &one);
    let (mut alone, mut among) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        alone.extend(rate(binary, callbacks, 1, Mix::Healthy).await?);
        among.extend(rate(binary, callbacks, 1, Mix::AmongDead).await?);
    }
    row("100 healthy; as many jobs again without a callback", callbacks, &alone);
    row("100 healthy; as many jobs again to 100 dead ones", callbacks, &among);
    let ratios = alone.iter().zip(&among).map(|(alone, among)| among / alone).collect();
    println!(
        "\nAmong dead ones, of the rate without: {:.2} (median of {rounds} pairs). Half of the dead hang, half refuse.",
        median(ratios)
    );
    beside_flood(binary, flood).await?;
    beside_hostile(binary, hostile).await
}

fn row(receivers: &str, callbacks: usize, rates: &[f64]) {
    let each: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
    println!("| {receivers} | {callbacks} | {:.0} | {} |", median(rates.to_vec()), each.join(", "));
}

/// Who is called back.
#[derive(Debug, Clone, Copy)]
enum Mix {
    One,
    Healthy,
    AmongDead,
}

async fn rate(binary: &Path, callbacks: usize, rounds: usize, mix: Mix) -> Result<Vec<f64>, Failure> {
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let server = Server::start(binary).await?;
        put_small_objects(&server)?;
        server.pause(true).await?;
        let mut healthy = Callbacks::listen().await?;
        let (hanging, _) = hanging().await?;
        let refusing = closed_port().await?;
        let port = healthy.port;
        let targets: Vec<Option<String>> = (0..RECEIVERS)
            .flat_map(|number| {
                let good = Some(format!("http://127.0.1.{}:{port}/", number + 1));
                let dead_port = if number % 2 == 0 { hanging } else { refusing };
                match mix {
                    Mix::One => vec![Some(healthy.url.clone())],
                    Mix::Healthy => vec![good, None],
                    Mix::AmongDead => vec![good, Some(format!("http://127.0.2.{}:{dead_port}/", number + 1))],
                }
            })
            .collect();
        let jobs = if matches!(mix, Mix::One) { callbacks } else { 2 * callbacks };
        let (prepared, first) = Prepared::submits_to(&server.client, &targets).await?;
        drive(server.address, &prepared, CONNECTIONS, Until::Count(jobs - first.len()), false).await?;
        server.pause(false).await?;
        let (mut begun, mut ended) = (None, Instant::now());
        for _ in 0..callbacks {
            ended = arrival(&mut healthy).await?;
            begun.get_or_insert(ended);
        }
        let begun = begun.ok_or_else(|| Failure::new("no callback was to be measured"))?;
        rates.push((callbacks - 1) as f64 / (ended - begun).as_secs_f64());
        server.end().await?;
    }
    Ok(rates)
}

async fn arrival(receiver: &mut Callbacks) -> Result<Instant, Failure> {
    match tokio::time::timeout(CALLBACK_WITHIN, receiver.arrived.recv()).await {
        Ok(Some(arrived)) => Ok(arrived),
        _ => Err(Failure::new(format!("no callback within {CALLBACK_WITHIN:?}"))),
    }
}

/// From submitting a job to its callback, one job at a time.
async fn latencies(server: &Server, receiver: &mut Callbacks, jobs: usize) -> Result<Vec<Duration>, Failure> {
    let mut took = Vec::new();
    for _ in 0..jobs {
        let job = request(&small_key(0), Algorithm::Sha256, Some(receiver.url.clone()));
        let started = Instant::now();
        server.client.submit(&job).await?;
        took.push(arrival(receiver).await?.duration_since(started));
    }
    Ok(took)
}

fn latency_row(beside: &str, took: Vec<Duration>, server: &Server) {
    let (jobs, sorted) = (took.len(), Sorted::new(took));
    let memory = server.memory_peak_mebibytes().unwrap_or(0.0);
    let [middle, high, most] = [50, 99, 100].map(|percent| sorted.milliseconds(percent));
    println!("| {beside} | {jobs} | {middle:.2} | {high:.2} | {most:.2} | {memory:.1} |");
}

const LATENCY_HEAD: &str =
    "| beside | jobs | p50 ms | p99 ms | most ms | peak memory MiB |\n|---|---:|---:|---:|---:|---:|";

async fn beside_flood(binary: &Path, flood: usize) -> Result<(), Failure> {
    println!(
        "\n## flood: {flood} callbacks to one receiver that hangs; submit to callback of another, one job at a time\n"
    );
    println!("{LATENCY_HEAD}");
    let server = Server::start(binary).await?;
    put_small_objects(&server)?;
    let mut healthy = Callbacks::listen().await?;
    latency_row("nothing", latencies(&server, &mut healthy, 1000).await?, &server);
    let hashed = server.counter(HASHED).await?;
    let (port, _) = hanging().await?;
    let target = Some(format!("http://127.0.2.1:{port}/"));
    let (prepared, first) = Prepared::submits_to(&server.client, &[target]).await?;
    drive(server.address, &prepared, CONNECTIONS, Until::Count(flood - first.len()), false).await?;
    server.wait_for(HASHED, hashed + flood).await?;
    latency_row("the flood, all hashed and due", latencies(&server, &mut healthy, 1000).await?, &server);
    server.end().await
}

async fn beside_hostile(binary: &Path, hostile: usize) -> Result<(), Failure> {
    println!(
        "\n## hostile: {HOSTILE} receivers of {} kinds; submit to callback of a healthy one, one job at a time\n",
        MANNERS.len()
    );
    println!("{LATENCY_HEAD}");
    let server = Server::start(binary).await?;
    put_small_objects(&server)?;
    let mut healthy = Callbacks::listen().await?;
    // As many callbacks to as many well-behaved receivers first: what the store and the allocator keep after so many jobs is
    // not the doing of hostile ones.
    let at = |port: u16| {
        (0..HOSTILE).map(move |number| Some(format!("http://127.0.{}.{}:{port}/", 3 + number / 250, number % 250 + 1)))
    };
    let (prepared, first) = Prepared::submits_to(&server.client, &at(healthy.port).collect::<Vec<_>>()).await?;
    drive(server.address, &prepared, CONNECTIONS, Until::Count(hostile.saturating_sub(first.len())), false).await?;
    for _ in 0..hostile {
        arrival(&mut healthy).await?;
    }
    latency_row(
        &format!("nothing, after {hostile} callbacks to healthy ones"),
        latencies(&server, &mut healthy, 2000).await?,
        &server,
    );
    let (trap, trapped) = hanging().await?;
    let (port, reached) = zoo(trap).await?;
    let mut targets: Vec<Option<String>> = at(port).collect();
    // Spellings of addresses that the service may not reach, at a port where somebody listens.
    for host in ["0.0.0.0", "0", "0x0", "[::]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]"] {
        targets.push(Some(format!("http://{host}:{trap}/")));
    }
    let (prepared, first) = Prepared::submits_to(&server.client, &targets).await?;
    drive(server.address, &prepared, CONNECTIONS, Until::Count(hostile.saturating_sub(first.len())), false).await?;
    let mut took = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(45) {
        took.extend(latencies(&server, &mut healthy, 100).await?);
    }
    latency_row(&format!("{hostile} callbacks to hostile ones"), took, &server);
    let total: usize = reached.iter().map(|it| it.load(Ordering::Relaxed)).sum();
    println!(
        "\nAttempts that reached a hostile receiver within 45 s: {total}. Connections to forbidden addresses and to where"
    );
    println!("redirects lead: {}.\n", trapped.load(Ordering::Relaxed));
    println!("| kind | attempts |\n|---|---:|");
    for (manner, count) in MANNERS.iter().zip(reached.iter()) {
        println!("| {manner} | {} |", count.load(Ordering::Relaxed));
    }
    server.end().await
}

/// A port at which nobody listens.
async fn closed_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("0.0.0.0:0").await?.local_addr()?.port())
}

/// A receiver at every address of loopback that takes connections and never answers; and how many it took.
async fn hanging() -> Result<(u16, Arc<AtomicUsize>), Failure> {
    let listener = TcpListener::bind("0.0.0.0:0").await?;
    let port = listener.local_addr()?.port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(read_until_closed(connection));
        }
    });
    Ok((port, count))
}

async fn read_until_closed(mut connection: TcpStream) -> std::io::Result<()> {
    let mut received = [0; 4096];
    while connection.read(&mut received).await? > 0 {}
    Ok(())
}

/// Hostile receivers, the manner by the address; and how many requests each manner got.
async fn zoo(trap: u16) -> Result<(u16, Arc<[AtomicUsize; MANNERS.len()]>), Failure> {
    let listener = TcpListener::bind("0.0.0.0:0").await?;
    let port = listener.local_addr()?.port();
    let counts = Arc::new([const { AtomicUsize::new(0) }; MANNERS.len()]);
    let counted = counts.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let Ok(std::net::SocketAddr::V4(own)) = connection.local_addr() else { continue };
            let manner = own.ip().to_bits() as usize % MANNERS.len();
            counted[manner].fetch_add(1, Ordering::Relaxed);
            tokio::spawn(be_hostile(connection, manner, trap));
        }
    });
    Ok((port, counts))
}

/// One connection, in one of the `MANNERS`.
async fn be_hostile(mut connection: TcpStream, manner: usize, trap: u16) -> std::io::Result<()> {
    let mut received = [0; 4096];
    if connection.read(&mut received).await? == 0 {
        return Ok(());
    }
    let endless = async |connection: &mut TcpStream, head: &[u8], then: &[u8]| -> std::io::Result<()> {
        connection.write_all(head).await?;
        loop {
            connection.write_all(then).await?;
        }
    };
    match manner {
        1 => connection.write_all(b"HTTP/1.1 200 OK\r\nX-A: ").await?,
        2 => endless(&mut connection, b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096]).await?,
        3 => endless(&mut connection, b"HTTP/1.1 200 OK\r\n", &b"X-A: 0123456789\r\n".repeat(64)).await?,
        4 => {
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{trap}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            return connection.write_all(answer.as_bytes()).await;
        }
        5 => {
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" {
                connection.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        6 => {
            // Closing at once what was not read to its end resets the connection.
            return connection.set_zero_linger();
        }
        7 => connection.write_all(b"HTTP/1.0 200 OK\r\n\r\nx").await?,
        8 => endless(&mut connection, b"", &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(64)).await?,
        9 => {
            let bomb = include_bytes!("../../crates/hashlane-callback/tests/zeros.gz");
            endless(&mut connection, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", bomb).await?;
        }
        10 => {
            let answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return connection.write_all(answer).await;
        }
        _ => {}
    }
    read_until_closed(connection).await
}
