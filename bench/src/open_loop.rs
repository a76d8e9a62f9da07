//! An open loop: requests that begin at fixed times, whether or not those before them were answered.
//!
//! Connections are opened ahead and each has one request in flight at most, as HTTP/1.1 clients do. An arrival that finds none free
//! is not sent and is counted as such: a client whose pool is empty. What is sent is measured from the moment at which it was to be
//! sent. Like the closed loop in `load.rs` it is one thread with requests that were made and signed beforehand.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::load::{Line, Prepared};

/// Between two looks at what is due: as fine as the runtime's timer.
const TICK: Duration = Duration::from_millis(1);

/// So many connections of one address at most: below the cap that a server has by default.
pub const PER_ADDRESS: usize = 1000;

/// One request that was sent.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// When it was to be sent.
    pub due: Instant,
    /// When its answer was complete.
    pub answered: Instant,
    /// Of the answer.
    pub status: u16,
    /// Whether the answer said when to come again.
    pub has_retry_after: bool,
}

/// Connections to a server, and what went over them.
#[derive(Debug)]
pub struct OpenLoop {
    lines: Vec<Slot>,
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Slot(Rc<Turn>);

/// What a connection waits for: an arrival.
#[derive(Debug, Default)]
struct Turn {
    due: Cell<Option<Instant>>,
    told: Notify,
}

#[derive(Debug)]
struct Shared {
    requests: Prepared,
    idle: RefCell<VecDeque<usize>>,
    sent: RefCell<Vec<Sent>>,
    next: Cell<usize>,
    broken: RefCell<Option<String>>,
}

/// The arrivals of one stretch of time.
#[derive(Debug)]
pub struct Stretch {
    /// Its first arrival.
    pub began: Instant,
    /// After its last one.
    pub ended: Instant,
    /// Arrivals.
    pub offered: usize,
    /// Those that found no free connection.
    pub unsent: usize,
}

impl OpenLoop {
    /// Opens connections; must be called within a local set.
    pub async fn connect(address: SocketAddr, requests: &Prepared, connections: usize) -> Result<OpenLoop, Failure> {
        let shared = Rc::new(Shared {
            requests: requests.clone(),
            idle: RefCell::new((0..connections).collect()),
            sent: RefCell::default(),
            next: Cell::new(0),
            broken: RefCell::default(),
        });
        let mut lines = Vec::with_capacity(connections);
        for number in 0..connections {
            let stream = connect_from(loopback(number / PER_ADDRESS), address).await?;
            let turn = Rc::new(Turn::default());
            tokio::task::spawn_local(serve(number, Line::new(stream), turn.clone(), shared.clone()));
            lines.push(Slot(turn));
        }
        Ok(OpenLoop { lines, shared })
    }

    /// Lets requests arrive at a rate for a while. Does not wait for answers.
    ///
    /// # Errors
    /// When a connection broke or an answer was neither 200 nor 503.
    pub async fn run(&self, per_second: f64, lasts: Duration) -> Result<Stretch, Failure> {
        let began = Instant::now();
        let mut stretch = Stretch { began, ended: began, offered: 0, unsent: 0 };
        while stretch.ended - began < lasts {
            tokio::time::sleep(TICK).await;
            stretch.ended = Instant::now();
            let due = ((stretch.ended - began).as_secs_f64() * per_second) as usize;
            for number in stretch.offered..due {
                let Some(line) = self.shared.idle.borrow_mut().pop_front() else {
                    stretch.unsent += due - number;
                    break;
                };
                let turn = &self.lines[line].0;
                turn.due.set(Some(began + Duration::from_secs_f64(number as f64 / per_second)));
                turn.told.notify_one();
            }
            stretch.offered = due;
            if let Some(broken) = self.shared.broken.borrow().as_ref() {
                return Err(Failure::new(broken.clone()));
            }
        }
        Ok(stretch)
    }

    /// What was to be sent between two moments and was answered until now.
    pub fn sent(&self, from: Instant, to: Instant) -> Vec<Sent> {
        self.shared.sent.borrow().iter().filter(|it| from <= it.due && it.due < to).copied().collect()
    }

    /// What was answered between two moments.
    pub fn answered(&self, from: Instant, to: Instant) -> Vec<Sent> {
        self.shared.sent.borrow().iter().filter(|it| from <= it.answered && it.answered < to).copied().collect()
    }
}

/// One connection: waits for an arrival, sends, reads, is free again. Ends when the loop is dropped or something is wrong.
async fn serve(number: usize, mut line: Line, turn: Rc<Turn>, shared: Rc<Shared>) {
    loop {
        turn.told.notified().await;
        let Some(due) = turn.due.take() else { return };
        let next = shared.next.get();
        shared.next.set(next + 1);
        match line.exchange(shared.requests.nth(next)).await {
            Ok(status @ (200 | 503)) => {
                let has_retry_after = status == 503 && line.has_header(b"\r\nretry-after:");
                shared.sent.borrow_mut().push(Sent { due, answered: Instant::now(), status, has_retry_after });
            }
            Ok(_) => {
                *shared.broken.borrow_mut() = Some(format!("the server answered:\n{}", line.text()));
                return;
            }
            Err(error) => {
                *shared.broken.borrow_mut() = Some(error.to_string());
                return;
            }
        }
        shared.idle.borrow_mut().push_back(number);
    }
}

impl Drop for OpenLoop {
    fn drop(&mut self) {
        for line in &self.lines {
            line.0.told.notify_one();
        }
    }
}

/// The nth address of loopback: what a server takes for another client.
pub fn loopback(number: usize) -> IpAddr {
    let [_, _, high, low] = (number as u32 + 1).to_be_bytes();
    Ipv4Addr::new(127, 0, high, low).into()
}

/// Connects from an address of this machine.
pub async fn connect_from(own: IpAddr, to: SocketAddr) -> Result<TcpStream, Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(own, 0))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
