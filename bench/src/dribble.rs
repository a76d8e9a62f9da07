//! Clients that dribble: thousands of sockets that send a byte of a request head now and then, beside an ordinary load.
//!
//! Stretches with them and without them take turns on one server. The sockets come from several addresses of loopback, so that the cap
//! of connections of one address does not help; whichever the server closes is opened anew.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{JoinSet, LocalSet};

use crate::failure::Failure;
use crate::load::Prepared;
use crate::open_loop::{OpenLoop, PER_ADDRESS, Stretch, connect_from, loopback};
use crate::quantile::{Sorted, median};
use crate::server::Server;
use crate::workload::put_small_objects;

/// Connections of the ordinary load.
const CONNECTIONS: usize = 256;
/// Between two bytes of one socket.
const BYTE_EVERY: Duration = Duration::from_secs(1);
/// What they send of; it is never complete.
const HEAD: &[u8] = b"POST /file_jobs HTTP/1.1\r\nHost: dribble\r\nX-Slowly: ";

/// Measures pairs and prints them.
pub async fn measure(
    binary: &Path,
    sockets: usize,
    per_second: f64,
    lasts: Duration,
    pairs: usize,
) -> Result<(), Failure> {
    println!("\n## dribble: {sockets} sockets that send a byte a second, beside {per_second:.0} jobs per second\n");
    println!("| | p50 ms | p99 ms | dribbling: p50 ms | p99 ms | p99 of without |\n|---|---:|---:|---:|---:|---:|");
    let server = Server::start(binary).await?;
    put_small_objects(&server)?;
    let (prepared, _) = Prepared::submits(&server.client, None).await?;
    let measuring = async {
        let open = OpenLoop::connect(server.address, &prepared, CONNECTIONS).await?;
        open.run(per_second, lasts).await?;
        let mut rows: Vec<[f64; 5]> = Vec::new();
        let (least, dropped) = (Cell::new(sockets), Rc::new(Cell::new(0)));
        for pair in 0..pairs.max(1) {
            let alone = took(&open, open.run(per_second, lasts).await?)?;
            let dribbling = Dribble::start(server.address, sockets, dropped.clone()).await?;
            let beside = took(&open, open.run(per_second, lasts).await?)?;
            least.set(least.get().min(dribbling.open.get()));
            drop(dribbling);
            let row =
                [alone.milliseconds(50), alone.milliseconds(99), beside.milliseconds(50), beside.milliseconds(99)];
            let row = [row[0], row[1], row[2], row[3], row[3] / row[1]];
            print(&format!("pair {}", pair + 1), row);
            rows.push(row);
        }
        print("median", std::array::from_fn(|column| median(rows.iter().map(|row| row[column]).collect())));
        println!(
            "\nAt the end of a stretch {} sockets were open at least; {} were closed by the server and opened anew.",
            least.get(),
            dropped.get()
        );
        Ok(())
    };
    LocalSet::new().run_until(measuring).await.and(server.end().await)
}

fn print(name: &str, [p50, p99, p50_beside, p99_beside, ratio]: [f64; 5]) {
    println!("| {name} | {p50:.2} | {p99:.2} | {p50_beside:.2} | {p99_beside:.2} | {ratio:.2} |");
}

/// From when each was to be sent to its answer. All must have been sent and accepted.
fn took(open: &OpenLoop, stretch: Stretch) -> Result<Sorted, Failure> {
    let sent = open.sent(stretch.began, stretch.ended);
    let refused = sent.iter().filter(|it| it.status != 200).count();
    if stretch.unsent + refused > 0 {
        return Err(Failure::new(format!("{} jobs found no free connection, {refused} were refused", stretch.unsent)));
    }
    Ok(Sorted::new(sent.iter().map(|it| it.answered.duration_since(it.due)).collect()))
}

/// Sockets that dribble until this is dropped.
struct Dribble {
    open: Rc<Cell<usize>>,
    _sockets: JoinSet<()>,
}

impl Dribble {
    async fn start(address: SocketAddr, sockets: usize, dropped: Rc<Cell<usize>>) -> Result<Dribble, Failure> {
        let open = Rc::new(Cell::new(0));
        let mut tasks = JoinSet::new();
        for number in 0..sockets {
            // The first addresses are the ordinary load's.
            let own = loopback(100 + number / (PER_ADDRESS / 2));
            let mut stream = connect_from(own, address).await?;
            open.set(open.get() + 1);
            let (open, dropped) = (open.clone(), dropped.clone());
            tasks.spawn_local(async move {
                // Spread over the second.
                tokio::time::sleep(BYTE_EVERY.mul_f64((number % 100) as f64 / 100.0)).await;
                loop {
                    dribble(&mut stream).await;
                    dropped.set(dropped.get() + 1);
                    open.set(open.get() - 1);
                    match connect_from(own, address).await {
                        Ok(again) => stream = again,
                        Err(_) => return,
                    }
                    open.set(open.get() + 1);
                }
            });
        }
        Ok(Dribble { open, _sockets: tasks })
    }
}

/// Until the server has had enough.
async fn dribble(stream: &mut tokio::net::TcpStream) {
    let mut answer = [0; 64];
    for byte in HEAD.iter().copied().chain(std::iter::repeat(b'x')) {
        if stream.write_all(&[byte]).await.is_err() {
            return;
        }
        // Whatever comes, or the end of the connection, ends it.
        if tokio::time::timeout(BYTE_EVERY, stream.read(&mut answer)).await.is_ok() {
            return;
        }
    }
}
