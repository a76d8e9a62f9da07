//! Callbacks over HTTP/2, which a receiver chooses while it shakes hands.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hashlane_callback::{CallbackOptions, Message, Sent, Transports};
use hashlane_job::{BucketName, CallbackFormat, CallbackTarget, JobId, NotifyAddress};
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn certificates(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

/// A body of so many chunks of 16 KiB; `usize::MAX` of them are as good as endless.
struct Chunks(usize);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.checked_sub(1) {
            None => Poll::Ready(None),
            Some(left) => {
                self.0 = left;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
            }
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Chunks>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let as_expected = head.version == Version::HTTP_2 && body == "<Response/>" && head.headers["x-ci-event-id"] == "e";
    let chunks = match head.uri.path() {
        "/hang" => std::future::pending().await,
        "/endless" => usize::MAX,
        _ => 0,
    };
    let status = if as_expected { 200 } else { 400 };
    Ok(Response::builder().status(status).body(Chunks(chunks)).expect("a status"))
}

/// A receiver that offers these protocols, and the number of its connections.
async fn start_receiver(protocols: &[&str]) -> (SocketAddr, Arc<AtomicUsize>) {
    let chain = vec![CertificateDer::from_pem_file(certificates("localhost.pem")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(certificates("localhost.key")).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            counted.fetch_add(1, Ordering::SeqCst);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let stream = TokioIo::new(stream);
                // Whatever breaks is seen by the other side.
                if is_http2 {
                    http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service_fn(answer)).await.ok();
                } else {
                    http1::Builder::new().serve_connection(stream, service_fn(answer)).await.ok();
                }
            });
        }
    });
    (address, connections)
}

fn transports(timeout: Duration) -> Transports {
    let options = CallbackOptions {
        allow_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        ca_file: Some(certificates("authority.pem")),
        timeout,
        connect_timeout: Duration::from_secs(30),
        ..CallbackOptions::default()
    };
    Transports::new(options).expect("the options are fine")
}

async fn send(transports: &Transports, address: SocketAddr, path: &str) -> Sent {
    let message = Message {
        job: JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("the documented id"),
        bucket: BucketName::parse("demo-1250000000").expect("a name"),
        event_id: "e".into(),
        request_id: "attempt-1".into(),
        content_type: "application/xml",
        body: Bytes::from_static(b"<Response/>"),
    };
    let url = NotifyAddress::Url(format!("https://localhost:{}{path}", address.port()));
    transports.send(&CallbackTarget { address: url, format: CallbackFormat::Xml }, &message).await
}

#[tokio::test]
async fn a_receiver_that_speaks_http_2_gets_its_callbacks_over_one_connection() {
    let (address, connections) = start_receiver(&["h2", "http/1.1"]).await;
    let transports = transports(Duration::from_secs(30));
    for _ in 0..20 {
        assert_eq!(send(&transports, address, "/").await, Sent::Delivered { said: "200 OK".into() });
    }
    assert!(connections.load(Ordering::SeqCst) < 20, "{connections:?} connections for 20 callbacks");
}

#[tokio::test]
async fn a_receiver_that_speaks_only_http_1_gets_that() {
    for protocols in [&["http/1.1"][..], &[]] {
        let (address, _) = start_receiver(protocols).await;
        // The receiver says 400 because it is not HTTP/2.
        let sent = send(&transports(Duration::from_secs(30)), address, "/").await;
        assert!(matches!(&sent, Sent::Again { said, .. } if said == "400 Bad Request"), "{sent:?}");
    }
}

/// Failure rule D5.
#[tokio::test]
async fn an_endless_body_or_a_hanging_answer_spoils_nothing_for_the_next_callback() {
    let (address, _) = start_receiver(&["h2"]).await;
    let (patient, impatient) = (transports(Duration::from_secs(30)), transports(Duration::from_millis(300)));
    for _ in 0..3 {
        assert_eq!(send(&patient, address, "/endless").await, Sent::Delivered { said: "200 OK".into() });
        assert!(matches!(send(&impatient, address, "/hang").await, Sent::Again { .. }));
        assert_eq!(send(&patient, address, "/").await, Sent::Delivered { said: "200 OK".into() });
    }
}
