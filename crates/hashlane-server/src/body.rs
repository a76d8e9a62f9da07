//! The body of a request, read within bounds or not at all.
//!
//! It promises that no more than the limit is ever kept, that a declared length over it is refused before a byte is read, that
//! a client that sends `Expect: 100-continue` is not asked for a body nobody wants, and that a slow one is answered 408. What
//! is refused is drained for a while, so that clients that write everything before they read can read the answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hashlane_wire::ErrorCode;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::Limits;
use crate::connection::Client;
use crate::refusal::Refusal;

/// So much of an unwanted body is taken: a part of a multipart upload as SDKs cut them by default fits in it.
const DRAIN_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// An unwanted body is taken for so long.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// A client that sends nothing for so long waits for its answer, not for us.
const DRAIN_PAUSE_MAX: Duration = Duration::from_millis(500);

/// A body of any length must come at so many bytes a second at least, on the whole.
const RATE_BYTES_MIN: u64 = 1024;
/// A slow start is let pass for so many times the time for a body of the API.
const RATE_GRACE: u32 = 6;

/// The body of one request.
pub(crate) struct RequestBody {
    incoming: Incoming,
    /// `Content-Length`, when there is one.
    declared: Option<u64>,
    /// The client waits to be asked.
    expects_continue: bool,
    bytes_max: usize,
    time_max: Duration,
    /// The client was asked, if it waited for that.
    asked: bool,
    /// Who is told when nothing is left.
    client: Client,
    /// The client was waited for long enough.
    is_late: bool,
    /// Nothing is left to be read.
    ended: bool,
    /// The whole body, once it was read.
    whole: Option<Bytes>,
    /// Of a body that is taken in pieces: how many bytes came, and for how long they were waited for.
    taken_bytes: u64,
    waited: Duration,
}

impl RequestBody {
    /// The body of a request with this head.
    pub(crate) fn new(incoming: Incoming, head: &Parts, limits: &Limits) -> RequestBody {
        let headers = &head.headers;
        let client = head.extensions.get::<Client>().cloned().unwrap_or_default();
        if incoming.is_end_stream() {
            client.sent_all();
        }
        let expects = headers.get(header::EXPECT);
        RequestBody {
            declared: incoming.size_hint().exact(),
            expects_continue: expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")),
            bytes_max: limits.body_bytes,
            time_max: limits.body_timeout,
            asked: false,
            is_late: false,
            client,
            ended: incoming.is_end_stream(),
            whole: None,
            taken_bytes: 0,
            waited: Duration::ZERO,
            incoming,
        }
    }

    /// Whether there is one to be read.
    pub(crate) fn is_some(&self) -> bool {
        !self.ended
    }

    /// Who sends it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The length of the body, as far as the client told it.
    pub(crate) fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// The whole body; the same again when it was read before.
    ///
    /// # Errors
    /// `EntityTooLarge` over the limit, `InvalidContent` when it breaks off, `BodyTimeout` when it is not complete in time;
    /// the connection is closed after that.
    pub(crate) async fn read(&mut self) -> Result<Bytes, Refusal> {
        self.read_at_most(self.bytes_max).await
    }

    /// As [`RequestBody::read`], with a limit of its own.
    ///
    /// # Errors
    /// Those of [`RequestBody::read`].
    pub(crate) async fn read_at_most(&mut self, bytes_max: usize) -> Result<Bytes, Refusal> {
        if let Some(whole) = &self.whole {
            return Ok(whole.clone());
        }
        if self.declared.is_some_and(|bytes| bytes > bytes_max as u64) {
            return Err(too_large(bytes_max));
        }
        self.asked = true;
        let deadline = Instant::now() + self.time_max;
        let mut collected = BytesMut::new();
        while let Some(data) = self.next(deadline).await? {
            if collected.len() + data.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            collected.extend_from_slice(&data);
        }
        Ok(self.whole.insert(collected.freeze()).clone())
    }

    /// The next piece of a body of any length, `None` at its end. The time for a whole body does not hold for it: instead, no
    /// piece may take that long, and over all the client may not be slower than [`RATE_BYTES_MIN`]. Only waiting for the client
    /// counts.
    ///
    /// # Errors
    /// `InvalidContent` when it breaks off; `BodyTimeout` when the client is too slow.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        if let Some(whole) = self.whole.as_mut().filter(|_| self.ended) {
            // It was read before, for the length of it.
            return Ok(Some(std::mem::take(whole)).filter(|whole| !whole.is_empty()));
        }
        self.asked = true;
        let started = Instant::now();
        let piece = self.next(started + self.time_max).await?;
        self.waited += started.elapsed();
        self.taken_bytes += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let allowed = self.time_max * RATE_GRACE + Duration::from_secs(self.taken_bytes / RATE_BYTES_MIN);
        if self.waited > allowed && piece.is_some() {
            self.is_late = true;
            return Err(too_slow("the request body came too slowly"));
        }
        Ok(piece)
    }

    /// Takes what is left of a body that nobody read. Says whether nothing is left, so that the connection can be kept.
    pub(crate) async fn drain(&mut self) -> bool {
        if self.ended {
            return true;
        }
        if self.is_late || (self.expects_continue && !self.asked) {
            return false;
        }
        let deadline = Instant::now() + DRAIN_TIME_MAX.min(self.time_max);
        let mut taken = 0;
        while taken <= DRAIN_BYTES_MAX {
            match self.next(deadline.min(Instant::now() + DRAIN_PAUSE_MAX)).await {
                Ok(Some(data)) => taken += data.len() as u64,
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    /// The next piece, `None` at the end.
    async fn next(&mut self, deadline: Instant) -> Result<Option<Bytes>, Refusal> {
        while !self.ended {
            match timeout_at(deadline, self.incoming.frame()).await {
                Err(_elapsed) => {
                    self.is_late = true;
                    return Err(too_slow("the request body was not complete in time"));
                }
                Ok(None) => {
                    self.ended = true;
                    self.client.sent_all();
                }
                Ok(Some(Ok(frame))) => {
                    // Trailers say nothing that this API knows.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(Some(Err(_broken))) => {
                    return Err(Refusal::new(ErrorCode::InvalidContent, "the request body ended before its end"));
                }
            }
        }
        Ok(None)
    }
}

/// 408; nothing more is read of the connection then.
fn too_slow(message: &str) -> Refusal {
    Refusal::new(ErrorCode::BodyTimeout, message)
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(ErrorCode::EntityTooLarge, format!("the request body is longer than {bytes_max} bytes"))
}
