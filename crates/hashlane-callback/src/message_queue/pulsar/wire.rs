//! One connection to one Pulsar broker: requests and messages side by side, each with its answer.
//!
//! Whatever breaks the connection ends all that wait for an answer on it. Pings are answered; who waits for a broker that
//! says nothing is the caller's matter.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::frame::{self, FRAME_BYTES_MAX, Fields, Read, kind};
use crate::message_queue::broker::NotPublished;
use crate::roots::Roots;

/// The protocol version that we speak: what brokers since 2.1 know.
const PROTOCOL_VERSION: u64 = 12;
/// Frames that wait to be written: about as many as publishes are in flight.
const WRITES_MAX: usize = 128;

/// Errors of the protocol (`ServerError`) that mean something of their own.
const AUTHENTICATION_ERROR: u64 = 3;
const AUTHORIZATION_ERROR: u64 = 4;
const TOPIC_NOT_FOUND: u64 = 11;
const TOPIC_TERMINATED: u64 = 15;
const INVALID_TOPIC_NAME: u64 = 17;

/// What an answer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    Connect,
    Request(u64),
    Message { producer: u64, sequence: u64 },
}

type Answer = Result<Read, NotPublished>;

/// A broker's address and how to log in there.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) token: Option<String>,
    pub(super) roots: Roots,
}

/// A connection.
pub(super) struct Wire {
    writes: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
    ids: AtomicU64,
    /// Held while a message gets its number and its place in the line.
    order: Mutex<()>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<HashMap<Question, oneshot::Sender<Answer>>>,
    closed: AtomicBool,
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<Question, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, question: Question, answer: Answer) {
        if let Some(waiting) = self.waiting().remove(&question) {
            // Who asked may have gone.
            waiting.send(answer).ok();
        }
    }

    /// Ends all that wait: their senders are dropped.
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.waiting().clear();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Wire {
    /// Connects and logs in.
    pub(super) async fn open(place: &Place) -> Result<Wire, NotPublished> {
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(lost)?;
        stream.set_nodelay(true).ok();
        if !place.tls {
            return Wire::start(stream, place).await;
        }
        let config = place.roots.client_config().await.map_err(NotPublished::Unavailable)?;
        let name = ServerName::try_from(place.host.clone()).map_err(lost)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(lost)?;
        Wire::start(stream, place).await
    }

    async fn start(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        place: &Place,
    ) -> Result<Wire, NotPublished> {
        let (mut from, mut to) = tokio::io::split(stream);
        let (writes, mut frames) = mpsc::channel::<Bytes>(WRITES_MAX);
        let shared = Arc::new(Shared::default());
        let writing = tokio::spawn({
            let shared = shared.clone();
            async move {
                while let Some(frame) = frames.recv().await {
                    if to.write_all(&frame).await.is_err() {
                        break;
                    }
                }
                shared.close();
            }
        });
        let reading = tokio::spawn({
            let (shared, writes) = (shared.clone(), writes.clone());
            async move {
                while let Some(content) = read_frame(&mut from).await {
                    let Some((kind, body)) = frame::read_command(content) else { break };
                    if !take_command(&shared, &writes, kind, body).await {
                        break;
                    }
                }
                shared.close();
            }
        });
        let wire = Wire { writes, shared, ids: AtomicU64::new(0), order: Mutex::default(), tasks: [writing, reading] };
        let mut hello = Fields::default().bytes(1, b"hashlane").number(4, PROTOCOL_VERSION);
        if let Some(token) = &place.token {
            hello = hello.bytes(5, b"token").bytes(3, token.as_bytes());
        }
        wire.ask(Question::Connect, frame::command(kind::CONNECT, &hello)).await?;
        Ok(wire)
    }

    /// Whether both directions work, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        !self.shared.closed.load(Ordering::Relaxed)
    }

    /// A number that no other request, producer or message of this connection has.
    pub(super) fn id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a request of this id and waits for its answer.
    pub(super) async fn request(&self, id: u64, kind: u64, body: &Fields) -> Answer {
        self.ask(Question::Request(id), frame::command(kind, body)).await
    }

    /// Sends a message and waits for its receipt. `frame` makes it for the sequence number that it gets: numbers grow in the
    /// order of sending, because a broker that drops duplicates drops what comes with a lower one.
    pub(super) async fn send(&self, producer: u64, frame: impl FnOnce(u64) -> Bytes) -> Answer {
        let (tell, answer) = oneshot::channel();
        let place = self.writes.reserve().await.map_err(|_| lost("the connection is closed"))?;
        let question = {
            let _in_order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
            let sequence = self.id();
            let question = Question::Message { producer, sequence };
            self.shared.waiting().insert(question, tell);
            place.send(frame(sequence));
            question
        };
        self.answer(question, answer).await
    }

    async fn ask(&self, question: Question, frame: Bytes) -> Answer {
        let (tell, answer) = oneshot::channel();
        self.shared.waiting().insert(question, tell);
        if self.writes.send(frame).await.is_err() {
            self.shared.close();
        }
        self.answer(question, answer).await
    }

    /// Waits for the answer to a question that was asked.
    async fn answer(&self, question: Question, answer: oneshot::Receiver<Answer>) -> Answer {
        let _forget = Forget { shared: &self.shared, question };
        // The connection may have ended before the question was noted, and then nobody answers it.
        if !self.is_up() {
            return Err(lost("the connection is closed"));
        }
        answer.await.unwrap_or_else(|_| Err(lost("the connection was closed")))
    }
}

/// Takes the question back when nobody waits for its answer any more.
struct Forget<'a> {
    shared: &'a Shared,
    question: Question,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.waiting().remove(&self.question);
    }
}

async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> Option<Bytes> {
    let length = usize::try_from(from.read_u32().await.ok()?).ok().filter(|length| *length <= FRAME_BYTES_MAX)?;
    let mut content = BytesMut::zeroed(length);
    from.read_exact(&mut content).await.ok()?;
    Some(content.freeze())
}

/// Whether the connection can go on.
async fn take_command(shared: &Shared, writes: &mpsc::Sender<Bytes>, kind: u64, body: Read) -> bool {
    let message = || Some(Question::Message { producer: body.number(1)?, sequence: body.number(2)? });
    match kind {
        kind::CONNECTED => shared.answer(Question::Connect, Ok(body)),
        kind::PING => return writes.send(frame::command(kind::PONG, &Fields::default())).await.is_ok(),
        kind::ERROR => {
            let refusal = refusal(body.number(2).unwrap_or_default(), &body.text(3));
            // A refused login has no request of its own.
            shared.answer(Question::Connect, Err(refusal.clone()));
            if let Some(id) = body.number(1) {
                shared.answer(Question::Request(id), Err(refusal));
            }
        }
        kind::PRODUCER_SUCCESS => {
            if let Some(id) = body.number(1) {
                shared.answer(Question::Request(id), Ok(body));
            }
        }
        kind::PARTITIONED_METADATA_RESPONSE => {
            if let Some(id) = body.number(2) {
                let failed = body.number(3) == Some(1);
                let error = refusal(body.number(4).unwrap_or_default(), &body.text(5));
                shared.answer(Question::Request(id), if failed { Err(error) } else { Ok(body) });
            }
        }
        kind::LOOKUP_RESPONSE => {
            if let Some(id) = body.number(4) {
                let failed = body.number(3) == Some(2);
                let error = refusal(body.number(6).unwrap_or_default(), &body.text(7));
                shared.answer(Question::Request(id), if failed { Err(error) } else { Ok(body) });
            }
        }
        kind::SEND_RECEIPT => {
            if let Some(question) = message() {
                shared.answer(question, Ok(body));
            }
        }
        kind::SEND_ERROR => {
            if let Some(question) = message() {
                let refusal = refusal(body.number(3).unwrap_or_default(), &body.text(4));
                shared.answer(question, Err(refusal));
            }
        }
        // The topic moves to another broker: everything is looked up anew on a new connection.
        kind::CLOSE_PRODUCER => return false,
        _ => {}
    }
    true
}

fn refusal(error: u64, said: &str) -> NotPublished {
    match error {
        AUTHENTICATION_ERROR | AUTHORIZATION_ERROR => NotPublished::Denied(format!("permission denied: {said}")),
        TOPIC_NOT_FOUND | TOPIC_TERMINATED | INVALID_TOPIC_NAME => {
            NotPublished::Missing(format!("the topic is missing: {said}"))
        }
        _ => NotPublished::Unavailable(format!("the broker did not take it: {said}")),
    }
}

fn lost(error: impl fmt::Display) -> NotPublished {
    NotPublished::Unavailable(format!("the broker is not reachable: {error}"))
}
