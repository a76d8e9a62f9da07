//! A receiver of callbacks that answers each request as it is told and keeps what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::soon;

/// How requests are answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The first with the first status and so on, all others with the last one.
    Statuses(&'static [u16]),
    /// Never.
    Hang,
}

#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// As sent.
    head: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        header(&self.head, name).unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

/// Names are the same in any letter case.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(crate) struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Received>>>,
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
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (tell, changed) = watch::channel(());
        let tell = Arc::new(tell);
        let accepting = tokio::spawn({
            let requests = requests.clone();
            async move {
                loop {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    tokio::spawn(serve(stream, reply.clone(), requests.clone(), tell.clone()));
                }
            }
        });
        Receiver { address, requests, changed, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?token=secret", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.lock().expect("no panic").clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn until_requests(&self, count: usize) {
        let mut changed = self.changed.clone();
        soon("the callback", async {
            while self.requests().len() < count {
                changed.changed().await.expect("the receiver runs");
            }
        })
        .await;
    }
}

async fn serve(
    mut stream: TcpStream,
    reply: Reply,
    requests: Arc<Mutex<Vec<Received>>>,
    tell: Arc<watch::Sender<()>>,
) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let length = header(&head, "content-length")?.parse().ok()?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let number = {
            let mut requests = requests.lock().expect("no panic");
            requests.push(Received { head, body: String::from_utf8(body).ok()? });
            requests.len()
        };
        tell.send_replace(());
        let status = match &reply {
            Reply::Statuses(statuses) => statuses[(number - 1).min(statuses.len() - 1)],
            Reply::Hang => std::future::pending().await,
        };
        let answer = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}
