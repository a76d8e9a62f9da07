//! A receiver of callbacks: answers 200 and hands over what it got.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// Callbacks are a few kilobytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Callbacks that wait to be looked at; the demo looks at each at once.
const WAITING_MAX: usize = 16;

/// One callback.
pub(super) struct Received {
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// A listening receiver; it stops when it is dropped.
pub(super) struct Receiver {
    address: SocketAddr,
    callbacks: mpsc::Receiver<Received>,
    accepting: JoinHandle<()>,
}

impl Receiver {
    /// Listens on a free loopback port.
    pub(super) async fn start() -> Result<Receiver, Failure> {
        let cannot = |error| Failure::cannot(format!("cannot listen for callbacks: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (sender, callbacks) = mpsc::channel(WAITING_MAX);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                let service = service_fn(move |request| take(request, sender.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Receiver { address, callbacks, accepting })
    }

    /// Where callbacks are to be sent.
    pub(super) fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// The next callback.
    pub(super) async fn next(&mut self) -> Result<Received, Failure> {
        self.callbacks.recv().await.ok_or_else(|| Failure::no("the receiver of callbacks broke off"))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn take(
    request: Request<Incoming>,
    sender: mpsc::Sender<Received>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    let content_type = content_type.to_owned();
    let taken = match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
        Ok(body) => sender.send(Received { content_type, body: body.to_bytes() }).await.is_ok(),
        Err(_) => false,
    };
    let mut answer = Response::new(Empty::new());
    *answer.status_mut() = if taken { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    Ok(answer)
}
