//! The webhook: one HTTP POST per attempt (spec section 9, "Request").
//!
//! Delivered is a 2xx head within the time of an attempt. Everything else is worth another attempt, but for `410 Gone` and
//! targets that can never work. Redirects are answers like any other: nothing here follows them. Of the answer's body at
//! most 4 KiB are read, so that a well-behaved receiver's connection can be used again; nobody sees them but an operator who
//! tries a receiver out.
//!
//! Connections are shared only by callbacks of the same bucket to the same scheme, host and port (failure rule D4); each of
//! them was made to one address that passed the guard. Over TLS the receiver chooses between HTTP/1.1 and HTTP/2.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hashlane_job::BucketName;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Builder, Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::connector::{ConnectError, GuardedConnector};
use crate::message::{Answer, Message, Sent};
use crate::retry_after::retry_after;
use crate::roots::Roots;
use crate::signature::{Secrets, add_signature};

const X_CI_REQUEST_ID: HeaderName = HeaderName::from_static("x-ci-request-id");
const X_CI_EVENT: HeaderName = HeaderName::from_static("x-ci-event");
const X_CI_EVENT_ID: HeaderName = HeaderName::from_static("x-ci-event-id");
const X_CI_JOB_ID: HeaderName = HeaderName::from_static("x-ci-job-id");

/// So much of an answer's body is read before the connection is closed (failure rule D5).
const REPLY_BYTES_MAX: usize = 4 * 1024;
/// So long is waited for that: the answer is known by then, and only the connection's further use is at stake.
const REPLY_TIME_MAX: Duration = Duration::from_secs(1);
/// The head of an answer fits into this, or it is none.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// An idle connection is kept this long. Short, because receivers close theirs after as little as 2 s, and a request that
/// meets a closing connection is a failed attempt.
const IDLE_TIME_MAX: Duration = Duration::from_secs(1);
/// Idle connections kept per receiver: as many as a receiver is sent callbacks at once.
const IDLE_CONNECTIONS_MAX: usize = 4;
/// How often an HTTP/2 receiver is asked for a sign of life while it owes an answer, and how long it may take for it: a
/// connection that is dead must not be used for attempt after attempt.
const PING_INTERVAL: Duration = Duration::from_secs(2);
const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// What an HTTP/2 receiver may send before it is read: more than is ever read of an answer.
const HTTP2_WINDOW_BYTES: u32 = 64 * 1024;

type PlainClient = Client<GuardedConnector, Full<Bytes>>;
type TlsClient = Client<HttpsConnector<GuardedConnector>, Full<Bytes>>;

/// The webhook transport.
#[derive(Debug)]
pub(crate) struct Webhook {
    connector: GuardedConnector,
    /// By bucket: each has connections of its own.
    plain: Mutex<HashMap<BucketName, PlainClient>>,
    tls: Mutex<HashMap<BucketName, TlsClient>>,
    /// Made at the first https target: reading the system's certificates takes time and memory, and a machine without
    /// any must still start. When that fails, the next attempt tries again.
    tls_config: OnceCell<ClientConfig>,
    roots: Roots,
    ports: Vec<u16>,
    secrets: Secrets,
    timeout: Duration,
}

impl Webhook {
    /// A transport whose attempts last at most `timeout`, connecting included. `ports` are the allowed ones, unless it is
    /// empty; where there are secrets requests are signed.
    pub(crate) fn new(
        connector: GuardedConnector,
        roots: Roots,
        ports: Vec<u16>,
        secrets: Secrets,
        timeout: Duration,
    ) -> Webhook {
        let (plain, tls) = (Mutex::default(), Mutex::default());
        Webhook { connector, plain, tls, tls_config: OnceCell::new(), roots, ports, secrets, timeout }
    }

    /// Sends the message once.
    pub(crate) async fn send(&self, target: &str, message: &Message) -> Sent {
        match self.exchange(target, message).await {
            Ok((response, deadline)) => {
                let (head, body) = response.into_parts();
                read_body(body, deadline).await;
                meaning(&head)
            }
            Err(sent) => sent,
        }
    }

    /// Sends the message once; with the answer, if there was one.
    pub(crate) async fn try_out(&self, target: &str, message: &Message) -> (Sent, Option<Answer>) {
        match self.exchange(target, message).await {
            Ok((response, deadline)) => {
                let (head, body) = response.into_parts();
                let body = read_body(body, deadline).await;
                (meaning(&head), Some(answer(&head, &body)))
            }
            Err(sent) => (sent, None),
        }
    }

    /// The answer, and until when its body may be read; or what its absence means.
    async fn exchange(&self, target: &str, message: &Message) -> Result<(Response<Incoming>, Instant), Sent> {
        let url = match check_target(target, &self.ports) {
            Ok(url) => url,
            Err(said) => return Err(Sent::Never { said }),
        };
        let request = match request(&url, message, &self.secrets) {
            Ok(request) => request,
            Err(error) => {
                let said = format!("no request can be made for the callback address: {error}");
                return Err(Sent::Never { said });
            }
        };
        let deadline = Instant::now() + self.timeout;
        let answer = async {
            match url.scheme() {
                "https" => match self.tls_client(&message.bucket).await {
                    Ok(client) => client.request(request).await.map_err(|error| failure(&error)),
                    Err(said) => Err(again(said)),
                },
                _ => self.plain_client(&message.bucket).request(request).await.map_err(|error| failure(&error)),
            }
        };
        match timeout_at(deadline, answer).await {
            Ok(Ok(response)) => Ok((response, deadline)),
            Ok(Err(sent)) => Err(sent),
            Err(_) => Err(again(format!("no answer within {} ms", self.timeout.as_millis()))),
        }
    }

    fn plain_client(&self, bucket: &BucketName) -> PlainClient {
        let mut clients = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(bucket) {
            return client.clone();
        }
        clients.entry(bucket.clone()).or_insert(client_builder().build(self.connector.clone())).clone()
    }

    async fn tls_client(&self, bucket: &BucketName) -> Result<TlsClient, String> {
        let config = self.tls_config.get_or_try_init(|| self.roots.client_config()).await?;
        let mut clients = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(bucket) {
            return Ok(client.clone());
        }
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config.clone())
            .https_only()
            .enable_http1()
            .enable_http2()
            .wrap_connector(self.connector.clone());
        Ok(clients.entry(bucket.clone()).or_insert(client_builder().build(https)).clone())
    }
}

/// The URL, when callbacks may go to such a one. Whether its address is allowed is found out when connecting.
fn check_target(target: &str, ports: &[u16]) -> Result<Url, String> {
    let mut url = Url::parse(target).map_err(|error| format!("the callback address is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the callback address begins with {}:, only http: and https: are sent to", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the callback address contains a user name or password, which are never sent".into());
    }
    let port = url.port_or_known_default().unwrap_or_default();
    if !ports.is_empty() && !ports.contains(&port) {
        return Err(format!("port {port} is not one of callback.ports; add it there to allow it"));
    }
    url.set_fragment(None);
    Ok(url)
}

fn request(url: &Url, message: &Message, secrets: &Secrets) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(Uri::try_from(url.as_str())?)
        .header(USER_AGENT, "ci-callback/1.0")
        .header(CONTENT_TYPE, message.content_type)
        .header(X_CI_REQUEST_ID, HeaderValue::try_from(&message.request_id)?)
        .header(X_CI_EVENT, "TaskFinish")
        .header(X_CI_EVENT_ID, HeaderValue::try_from(&message.event_id)?)
        .header(X_CI_JOB_ID, message.job.to_string())
        .body(Full::new(message.body.clone()))?;
    let secrets = secrets.of(&message.bucket);
    add_signature(request.headers_mut(), secrets, &message.event_id, SystemTime::now(), &message.body)?;
    Ok(request)
}

/// What an answer means.
fn meaning(head: &Parts) -> Sent {
    let status = head.status;
    let said = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_str()),
        None => status.as_str().to_owned(),
    };
    let after = retry_after(&head.headers, SystemTime::now());
    if status.is_success() {
        Sent::Delivered { said }
    } else if status == StatusCode::GONE {
        Sent::Never { said }
    } else if status.is_redirection() {
        Sent::Again { said: format!("{said} (redirects are not followed)"), after }
    } else {
        Sent::Again { said, after }
    }
}

/// The answer for the eyes of an operator.
fn answer(head: &Parts, body: &[u8]) -> Answer {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    // The usual phrase is not kept apart.
    let reason = head.extensions.get::<ReasonPhrase>().map(|reason| text(reason.as_bytes()));
    let usual = if head.version == Version::HTTP_2 { None } else { head.status.canonical_reason() };
    Answer {
        status: head.status.as_u16(),
        reason: reason.or(usual.map(str::to_owned)).unwrap_or_default(),
        headers: headers.collect(),
        body: text(body),
    }
}

/// Reads the body to its end or to the bounds; the status stands whatever becomes of it. A body that is dropped before its
/// end closes the connection.
async fn read_body(mut body: Incoming, deadline: Instant) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.data_ref().map(Bytes::as_ref).unwrap_or_default();
            if read.len() + data.len() > REPLY_BYTES_MAX {
                read.extend_from_slice(&data[..REPLY_BYTES_MAX - read.len()]);
                return;
            }
            read.extend_from_slice(data);
        }
    };
    timeout_at(deadline.min(Instant::now() + REPLY_TIME_MAX), reading).await.ok();
    read
}

fn again(said: String) -> Sent {
    Sent::Again { said, after: None }
}

/// What an exchange without an answer means.
///
/// A refused address is final also for a name: what the policy forbids is not asked for again and again for days. The
/// outcome is recorded, and once the address is allowed the callback can be sent by hand.
fn failure(error: &ClientError) -> Sent {
    let mut cause: &(dyn Error + 'static) = error;
    let mut connect_error = None;
    loop {
        connect_error = connect_error.or(cause.downcast_ref::<ConnectError>());
        match cause.source() {
            Some(source) => cause = source,
            None => break,
        }
    }
    match connect_error {
        Some(refused @ ConnectError::Refused { .. }) => Sent::Never { said: refused.to_string() },
        Some(other) => again(other.to_string()),
        None if error.is_connect() => again(format!("could not connect: {cause}")),
        None => again(format!("no answer: {cause}")),
    }
}

fn client_builder() -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .http1_max_buf_size(HEAD_BYTES_MAX)
        // The capitals that the documents show; some receivers compare names letter by letter.
        .http1_title_case_headers(true)
        .http2_max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .http2_initial_stream_window_size(HTTP2_WINDOW_BYTES)
        .http2_initial_connection_window_size(16 * HTTP2_WINDOW_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT);
    builder
}
