//! One connection: requests of one client, one after the other, each within its time.
//!
//! It promises that a client that dribbles its request head, stays silent, or does not take its answer is dropped after the
//! times of [`Limits`]. hyper's own head timeout is not used: it also runs while a kept connection idles, so that it
//! could not tell the two waits apart. Left out on purpose: the time for a body, which whoever reads the body keeps.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::header_case::HeaderCase;

/// What hyper may hold of a body; heads are held to their own limit.
const BUFFER_BYTES: usize = 64 * 1024;

/// What a listener does with a request.
pub(crate) trait Respond: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;

    /// The answer, without the capitals of its header names.
    fn respond(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// When a connection is told to end.
#[derive(Clone, Default)]
pub(crate) struct Ending {
    /// After the request in flight.
    pub(crate) soon: CancellationToken,
    /// At once.
    pub(crate) now: CancellationToken,
}

/// Serves one connection to its end.
pub(crate) async fn serve<R: Respond, S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    responder: Arc<R>,
    limits: Arc<Limits>,
    case: HeaderCase,
    ending: Ending,
) {
    let pace = Pace::start();
    let stream = Paced { stream, pace: pace.clone() };
    let service = service_fn(|mut request: Request<Incoming>| {
        let (responder, pace) = (responder.clone(), pace.clone());
        let case = &case;
        async move {
            request.extensions_mut().insert(pace.begin());
            let mut answer = responder.respond(request).await;
            case.apply(&mut answer);
            pace.end();
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .preserve_header_case(true)
            // So that hyper reads while a request is answered, and a connection that broke stops the work for it. The end of a
            // client that shut its sending side down is kept from it until the answer is made: see `Client`.
            .half_close(false)
            .header_read_timeout(None)
            .max_header_size(limits.head_bytes_max)
            .max_buf_size(limits.head_bytes_max.max(BUFFER_BYTES))
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut alarm = pin!(sleep_until(Instant::now() + limits.header_timeout));
    let mut ends_soon = false;
    loop {
        let work = poll_fn(|context| {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(ended.err().map(|error| error.to_string()));
            }
            match pace.deadline(&limits) {
                None => Poll::Pending,
                Some(deadline) => {
                    if alarm.deadline() != deadline {
                        alarm.as_mut().reset(deadline);
                    }
                    alarm.as_mut().poll(context).map(|()| Some(format!("{} for too long", pace.stage().word())))
                }
            }
        });
        tokio::select! {
            ended = work => {
                if let Some(reason) = ended {
                    tracing::debug!(reason, "connection dropped");
                }
                return;
            }
            () = ending.now.cancelled() => return,
            () = ending.soon.cancelled(), if !ends_soon => {
                ends_soon = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first byte of its first request.
    New,
    /// The first byte of another request, or the client's taking of an answer.
    Idle,
    /// The rest of a request head.
    Head,
    /// Us.
    Busy,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Stage::New => "no request",
            Stage::Idle => "idle",
            Stage::Head => "a request head is incomplete",
            Stage::Busy => "busy",
        }
    }
}

/// The client of one request, as far as its connection tells.
///
/// A client that shuts its sending side down after its request may wait for the answer, or may have left: the two look the same
/// as long as nothing is sent. So it gets its answer, and work that is worth nothing without its client ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    gone: CancellationToken,
    sent_all: Arc<AtomicBool>,
}

impl Client {
    /// The whole request came.
    pub(crate) fn sent_all(&self) {
        self.sent_all.store(true, Ordering::Relaxed);
    }

    /// Waits until the client sends nothing more, after its whole request came.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }
}

/// The stage of a connection and since when; shared by the socket, the service and the alarm, which all run in one task.
#[derive(Clone)]
struct Pace(Arc<Mutex<(Stage, Instant)>>, Arc<Mutex<Present>>);

/// The client of the request in hand.
#[derive(Default)]
struct Present {
    client: Client,
    /// To be woken when its end, which was kept back, may be seen.
    reader: Option<Waker>,
}

impl Pace {
    fn start() -> Pace {
        Pace(Arc::new(Mutex::new((Stage::New, Instant::now()))), Arc::default())
    }

    fn state(&self) -> (Stage, Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self) -> Stage {
        self.state().0
    }

    fn enter(&self, stage: Stage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (stage, Instant::now());
    }

    /// A request begins, of a client that is there.
    fn begin(&self) -> Client {
        self.enter(Stage::Busy);
        let mut present = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        *present = Present::default();
        present.client.clone()
    }

    /// The request is answered.
    fn end(&self) {
        self.enter(Stage::Idle);
        if let Some(reader) = self.1.lock().unwrap_or_else(PoisonError::into_inner).reader.take() {
            reader.wake();
        }
    }

    /// Nothing more comes. Says whether that is to be kept back until the request is answered.
    fn ended(&self, context: &Context<'_>) -> bool {
        let mut present = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let is_kept_back = self.stage() == Stage::Busy && present.client.sent_all.load(Ordering::Relaxed);
        if is_kept_back {
            present.reader = Some(context.waker().clone());
            present.client.gone.cancel();
        }
        is_kept_back
    }

    /// Bytes came: outside of a request they begin a head.
    fn received(&self) {
        match self.stage() {
            Stage::New | Stage::Idle => self.enter(Stage::Head),
            Stage::Head | Stage::Busy => {}
        }
    }

    /// Bytes went out: the client takes its answer.
    fn sent(&self) {
        if self.stage() == Stage::Idle {
            self.enter(Stage::Idle);
        }
    }

    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let (stage, since) = self.state();
        match stage {
            Stage::New | Stage::Head => Some(since + limits.header_timeout),
            Stage::Idle => Some(since + limits.idle_timeout),
            Stage::Busy => None,
        }
    }
}

/// A socket, or TLS over one, that tells the pace.
struct Paced<S> {
    stream: S,
    pace: Pace,
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pace.received();
        } else if matches!(result, Poll::Ready(Ok(()))) && buffer.remaining() > 0 && self.pace.ended(context) {
            return Poll::Pending;
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        if matches!(result, Poll::Ready(Ok(written)) if written > 0) {
            self.pace.sent();
        }
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        if matches!(result, Poll::Ready(Ok(written)) if written > 0) {
            self.pace.sent();
        }
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
