//! A receiver of callbacks on a real socket that answers as it is told, byte by byte, and keeps what it was sent.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How each request is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes; then the connection is closed, unless they are a complete answer with a length.
    Bytes(String),
    /// These bytes; then nothing, for ever.
    BytesThenHang(String),
    /// These bytes, one every 100 ms.
    Drip(String),
    /// `head` and then `then` again and again, until the other side closes.
    Endless { head: String, then: Vec<u8> },
    /// Nothing, for ever.
    Hang,
    /// Not even the request is read.
    NeverRead,
    /// These bytes before anything is read, then nothing.
    Greet(String),
    /// The connection is reset after the request.
    Reset,
}

impl Reply {
    /// A plain 200 that leaves the connection open.
    pub(crate) fn ok() -> Reply {
        Reply::Bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The request line.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    closed: usize,
    bytes_written: usize,
    requests: Vec<Received>,
}

/// The receiver. It ends when it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<()>,
    accepting: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Receiver {
    pub(crate) async fn start(reply: Reply) -> Receiver {
        Receiver::start_on([127, 0, 0, 1], reply).await
    }

    pub(crate) async fn start_on(ip: [u8; 4], reply: Reply) -> Receiver {
        Receiver::start_at((ip, 0).into(), reply).await
    }

    pub(crate) async fn start_at(address: SocketAddr, reply: Reply) -> Receiver {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (tell, changed) = watch::channel(());
        let tell = Arc::new(tell);
        let accepting = tokio::spawn({
            let seen = seen.clone();
            async move {
                loop {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    seen.lock().expect("no panic").connections += 1;
                    tell.send_replace(());
                    let (reply, seen, tell) = (reply.clone(), seen.clone(), tell.clone());
                    tokio::spawn(async move {
                        serve(stream, reply, &seen, &tell).await;
                        seen.lock().expect("no panic").closed += 1;
                        tell.send_replace(());
                    });
                }
            }
        });
        Receiver { address, seen, changed, accepting }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.seen.lock().expect("no panic").requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().expect("no panic").connections
    }

    /// Waits until so many connections were opened.
    pub(crate) async fn until_connections(&self, count: usize) {
        self.until(|seen| seen.connections >= count).await;
    }

    /// Waits until every connection is closed and says how many bytes were written to them.
    pub(crate) async fn bytes_until_closed(&self) -> usize {
        self.until(|seen| seen.connections > 0 && seen.closed == seen.connections).await;
        self.seen.lock().expect("no panic").bytes_written
    }

    /// Closes the port.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        (&mut self.accepting).await.ok();
    }

    async fn until(&self, condition: impl Fn(&Seen) -> bool) {
        let mut changed = self.changed.clone();
        let reached = async {
            while !condition(&self.seen.lock().expect("no panic")) {
                changed.changed().await.expect("the receiver runs");
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reached).await.expect("it happens within half a minute");
    }
}

async fn serve(mut stream: TcpStream, reply: Reply, seen: &Mutex<Seen>, tell: &watch::Sender<()>) {
    loop {
        match &reply {
            Reply::NeverRead => std::future::pending::<()>().await,
            Reply::Greet(bytes) => {
                stream.write_all(bytes.as_bytes()).await.ok();
                until_closed(&mut stream).await;
                return;
            }
            _ => {}
        }
        let Some(request) = read_request(&mut stream).await else { return };
        seen.lock().expect("no panic").requests.push(request);
        tell.send_replace(());
        match &reply {
            Reply::Bytes(bytes) => {
                if stream.write_all(bytes.as_bytes()).await.is_err() || !bytes.ends_with("\r\n\r\nok") {
                    return;
                }
            }
            Reply::BytesThenHang(bytes) => {
                stream.write_all(bytes.as_bytes()).await.ok();
                until_closed(&mut stream).await;
                return;
            }
            Reply::Drip(bytes) => {
                for byte in bytes.as_bytes() {
                    let pause = tokio::time::sleep(Duration::from_millis(100));
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    pause.await;
                }
            }
            Reply::Endless { head, then } => {
                stream.write_all(head.as_bytes()).await.ok();
                while stream.write_all(then).await.is_ok() {
                    seen.lock().expect("no panic").bytes_written += then.len();
                }
                return;
            }
            Reply::Hang => {
                until_closed(&mut stream).await;
                return;
            }
            Reply::NeverRead | Reply::Greet(_) => return,
            Reply::Reset => {
                stream.set_zero_linger().expect("a socket option");
                return;
            }
        }
    }
}

/// One request with its body; `None` when the other side closed instead.
async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            Err(_) => return None,
        }
    }
    let head = String::from_utf8(head).expect("a request head is text");
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse::<usize>().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { line, headers, body })
}

async fn until_closed(stream: &mut TcpStream) {
    let mut bytes = [0; 1024];
    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
}
