//! A light client: prepared requests over many kept connections, one request in flight on each.
//!
//! It costs as little as a client can, so that on shared cores it is the server that is measured: one thread, requests made
//! and signed beforehand, answers looked at no further than their status and length. The same bytes go to the service and
//! to the bare server it is compared with.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use hashlane_client::Client;
use hashlane_lanes::Algorithm;

use crate::failure::Failure;
use crate::workload::{SMALL_OBJECTS, request, small_key};

/// Requests as they go over the wire; they take turns.
#[derive(Debug, Clone)]
pub struct Prepared(Rc<[Vec<u8>]>);

impl Prepared {
    /// The nth of all, which take turns.
    pub fn nth(&self, number: usize) -> &[u8] {
        &self.0[number % self.0.len()]
    }

    /// Submits each small object once through the real client, and keeps what it sent. A signature holds for some minutes,
    /// for any number of requests. Gives the ids of these first jobs too.
    pub async fn submits(client: &Client, callback: Option<&str>) -> Result<(Prepared, Vec<String>), Failure> {
        Prepared::submits_to(client, &[callback.map(str::to_owned)]).await
    }

    /// The same with callbacks that take turns, each as often as any other.
    pub async fn submits_to(client: &Client, targets: &[Option<String>]) -> Result<(Prepared, Vec<String>), Failure> {
        let (mut requests, mut ids) = (Vec::new(), Vec::new());
        for number in 0..SMALL_OBJECTS.div_ceil(targets.len()) * targets.len() {
            let job = request(&small_key(number), Algorithm::Sha256, targets[number % targets.len()].clone());
            let (job, exchange) = client.submit(&job).await?;
            let mut bytes = exchange.request_head.into_bytes();
            if !bytes.ends_with(b"\r\n\r\n") {
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(&exchange.request_body);
            requests.push(bytes);
            ids.push(job.job_id);
        }
        Ok((Prepared(requests.into()), ids))
    }
}

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// At a moment; what is in flight then is waited for.
    Moment(Instant),
    /// After so many requests.
    Count(usize),
}

/// What a load measured.
#[derive(Debug, Default)]
pub struct Answered {
    /// From the first byte of each request to the last byte of its answer.
    pub took: Vec<Duration>,
    /// The bodies of the answers, where they were to be kept.
    pub bodies: Vec<Vec<u8>>,
}

/// Sends requests until the end, each connection as fast as it is answered. An answer other than 200 is a failure.
pub async fn drive(
    address: SocketAddr,
    prepared: &Prepared,
    connections: usize,
    until: Until,
    keep_bodies: bool,
) -> Result<Answered, Failure> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let tasks = LocalSet::new();
    let lines: Vec<_> = streams
        .into_iter()
        .enumerate()
        .map(|(number, stream)| {
            let requests = prepared.0.clone();
            tasks.spawn_local(async move {
                let mut line = Line::new(stream);
                let mut answered = Answered::default();
                let mut next = number;
                let goes_on = |next: usize| match until {
                    Until::Moment(end) => Instant::now() < end,
                    Until::Count(count) => next < count,
                };
                while goes_on(next) {
                    let began = Instant::now();
                    let body = line.ask(&requests[next % requests.len()]).await?;
                    answered.took.push(began.elapsed());
                    if keep_bodies {
                        answered.bodies.push(body.to_vec());
                    }
                    next += connections;
                }
                Ok::<_, Failure>(answered)
            })
        })
        .collect();
    let gather = async {
        let mut all = Answered::default();
        for line in lines {
            let answered = line.await.map_err(|error| Failure::new(error.to_string()))??;
            all.took.extend(answered.took);
            all.bodies.extend(answered.bodies);
        }
        Ok(all)
    };
    tasks.run_until(gather).await
}

/// One kept connection.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    received: Vec<u8>,
    head_bytes: usize,
}

impl Line {
    /// A connection that has nothing in flight.
    pub fn new(stream: TcpStream) -> Line {
        Line { stream, received: Vec::with_capacity(1024), head_bytes: 0 }
    }

    /// Whether the head of the last answer has this: a line break, a name in small letters, a colon.
    pub fn has_header(&self, name: &[u8]) -> bool {
        let head = &self.received[..self.head_bytes];
        head.windows(name.len()).any(|it| it.eq_ignore_ascii_case(name))
    }

    /// The last answer.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    /// Sends a request and gives the body of its answer, which must be 200.
    async fn ask(&mut self, request: &[u8]) -> Result<&[u8], Failure> {
        if self.exchange(request).await? != 200 {
            return Err(Failure::new(format!("the server answered:\n{}", self.text())));
        }
        Ok(&self.received[self.head_bytes..])
    }

    /// Sends a request and gives the status of its answer.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<u16, Failure> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (head_bytes, body_bytes) = loop {
            if let Some(lengths) = lengths(&self.received) {
                break lengths;
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(Failure::new("the server closed a connection"));
            }
        };
        while self.received.len() < head_bytes + body_bytes {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(Failure::new("the server closed a connection in the middle of an answer"));
            }
        }
        self.head_bytes = head_bytes;
        let status = self.received.get(9..12).and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
        status.ok_or_else(|| Failure::new(format!("not an answer of HTTP:\n{}", self.text())))
    }
}

/// The lengths of the head, once it is complete, and of the body that it announces.
fn lengths(received: &[u8]) -> Option<(usize, usize)> {
    const NAME: &[u8] = b"\r\ncontent-length:";
    let head_bytes = received.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = &received[..head_bytes];
    let at = head.windows(NAME.len()).position(|it| it.eq_ignore_ascii_case(NAME)).map(|at| at + NAME.len());
    let digits = |at: usize| head[at..].iter().skip_while(|it| **it == b' ').take_while(|it| it.is_ascii_digit());
    let body_bytes = at.map_or(0, |at| digits(at).fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')));
    Some((head_bytes, body_bytes))
}
