//! The wire API: what happens to a request between the socket and its endpoint.
//!
//! It promises that every request that hyper can parse gets an answer with request ids; that
//! errors have their five children; that a panic in an endpoint becomes a 500 and the process goes on; and that one line
//! of the log and one count tell of it. What each call does is said in `routes.rs`.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use hashlane_engine::Engine;
use hashlane_job::{Clock, JobIds};
use hashlane_store::JobStore;
use hashlane_wire::sign::{self, ErrorDialect};
use hashlane_wire::{Address, Call, ErrorCode, HostRules, RequestHead, StorageOperation, TimeOffset};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::access::{Access, AccessKey};
use crate::answer::{Answer, Face};
use crate::answer_body::AnswerBody;
use crate::body::RequestBody;
use crate::busy_log::BusyLog;
use crate::connection::Respond;
use crate::listener::{Listening, listen};
use crate::pacing::Pacing;
use crate::rates::Rates;
use crate::refusal::Refusal;
use crate::room::Room;
use crate::{Limits, Tls, routes};

/// What the API answers from.
#[derive(Clone)]
pub struct ApiOptions {
    /// Who may ask.
    pub keys: Vec<AccessKey>,
    /// How a Host header names a bucket.
    pub hosts: HostRules,
    /// How signatures are verified.
    pub sign_rules: sign::Rules,
    /// Whether a request with a body must sign its Content-MD5: without it a signature does not cover the body.
    pub require_signed_body: bool,
    /// Whose error table refusals of requests without a valid signature follow.
    pub error_dialect: ErrorDialect,
    /// Whether the file processing service of a bucket opens at its first use.
    pub auto_open: bool,
    /// The offset of job times in answers.
    pub time_offset: TimeOffset,
    /// Bounds of requests and connections.
    pub limits: Limits,
    /// With it the listener speaks https, and nothing else.
    pub tls: Option<Tls>,
    /// For signatures and job ids.
    pub clock: Arc<dyn Clock>,
}

/// Starts the wire API on an already bound listener. Must be called within a tokio runtime.
pub fn serve_api(listener: TcpListener, store: JobStore, engine: Engine, options: ApiOptions) -> Listening {
    let limits = options.limits.clone();
    let sync_turns = Semaphore::new(engine.awaited_slots().max(1));
    let names = options.keys.iter().map(|key| key.id.as_str());
    let rates = Rates::new(limits.requests_per_second, names, options.clock.now());
    let api = Api {
        rates,
        pacing: Pacing::new(),
        room: Room::new(limits.room.clone()),
        busy_log: BusyLog::default(),
        store,
        engine,
        access: Access::new(options.keys, options.sign_rules, options.require_signed_body, options.error_dialect),
        hosts: options.hosts,
        auto_open: options.auto_open,
        time_offset: options.time_offset,
        limits: options.limits,
        clock: options.clock,
        job_ids: JobIds::random(),
        sync_turns,
    };
    listen(listener, options.tls, limits, api)
}

/// The parts that endpoints answer from.
pub(crate) struct Api {
    pub(crate) store: JobStore,
    pub(crate) engine: Engine,
    pub(crate) auto_open: bool,
    pub(crate) time_offset: TimeOffset,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) job_ids: JobIds,
    pub(crate) limits: Limits,
    /// One for each synchronous hash that may run.
    pub(crate) sync_turns: Semaphore,
    /// Asked before a job is accepted.
    pub(crate) room: Room,
    access: Access,
    rates: Rates,
    /// Of what is refused with 503.
    pacing: Pacing,
    busy_log: BusyLog,
    hosts: HostRules,
}

/// What is known of a request for the log and the counts, also when it is refused midway.
struct Seen {
    route: &'static str,
    face: Face,
}

impl Respond for Api {
    type Body = AnswerBody;

    async fn respond(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let started = Instant::now();
        let request_id = hashlane_wire::request_id(self.clock.now());
        let (parts, incoming) = request.into_parts();
        let mut body = RequestBody::new(incoming, &parts, &self.limits);
        let mut seen = Seen { route: "unroutable", face: Face::Ci };

        let handled = catch_panic(self.handle(&parts, &mut body, &request_id, &mut seen)).await;
        let outcome = handled.unwrap_or_else(|panic| Err(Refusal::internal(format!("a handler panicked: {panic}"))));
        let mut cause = None;
        let answer = match outcome {
            Ok(answer) => answer,
            Err(Refusal { error, cause: why }) => {
                let trace_id = hashlane_wire::trace_id(self.clock.now());
                cause = why.or_else(|| Some(error.message.clone()));
                Answer::error(&error, resource(&parts), &request_id, &trace_id)
            }
        };

        let status = answer.status();
        let close = !body.drain().await;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            self.pacing.wait().await;
        }
        count(seen.route, status.as_str(), started);
        let line = AccessLine { parts: &parts, route: seen.route, request_id: &request_id, status: status.as_u16() };
        line.log(cause.as_deref(), started, &self.busy_log);
        answer.finish(seen.face, parts.method == Method::HEAD, &request_id, close)
    }
}

impl Api {
    /// Which bucket a host names.
    pub(crate) fn address(&self, host: &str) -> Address {
        hashlane_wire::address(host, &self.hosts)
    }

    /// The way of a request: host, signature, permission, endpoint.
    async fn handle(
        &self,
        parts: &Parts,
        body: &mut RequestBody,
        request_id: &str,
        seen: &mut Seen,
    ) -> Result<Answer, Refusal> {
        check_framing(&parts.headers)?;
        let head = request_head(parts);
        let address = hashlane_wire::address(host(parts)?, &self.hosts);
        let presented = sign::presented(&head);
        let signed = !matches!(presented, Ok(None));
        let call = hashlane_wire::route(&head, &address, signed);
        if let Ok(call) = &call {
            seen.route = call.route_label();
            seen.face = face(call);
        }
        let key = self.access.admit(&head, presented, body, self.clock.now()).await?;
        self.rates.spend(&key.id, self.clock.now())?;
        let call = call?;
        key.permit(&call, &address)?;
        let client = is_for_its_client_only(&call).then(|| body.client().clone());
        let answer = routes::answer(self, call, key, &address, &head, body, request_id);
        match client {
            None => answer.await,
            Some(client) => tokio::select! {
                answer = answer => answer,
                () = client.gone() => Err(Refusal::new(ErrorCode::BodyTimeout, "the client left before its answer")),
            },
        }
    }
}

/// The Host header, exactly one.
fn host(parts: &Parts) -> Result<&str, Refusal> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    match (hosts.next().map(|host| host.to_str()), hosts.next()) {
        (Some(Ok(host)), None) => Ok(host),
        _ => Err(Refusal::new(ErrorCode::InvalidHost, "a request needs exactly one Host header, in ASCII")),
    }
}

/// Refuses what of HTTP/1.1 this server does not do (RFC 9112, section 6.1; RFC 9110, section 10.1.1).
fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    for coding in headers.get_all(header::TRANSFER_ENCODING) {
        if !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
            let message = "bodies may be sent in chunks, but not in another transfer coding";
            return Err(Refusal::new(ErrorCode::NotImplemented, message));
        }
    }
    for expected in headers.get_all(header::EXPECT) {
        if !expected.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::new(ErrorCode::ExpectationFailed, "Expect can be 100-continue and nothing else"));
        }
    }
    Ok(())
}

/// The head as it came off the socket: hyper keeps path and query as they were written.
fn request_head(parts: &Parts) -> RequestHead<'_> {
    RequestHead {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
    }
}

/// What an error body calls the resource; never empty.
fn resource(parts: &Parts) -> &str {
    match parts.uri.path() {
        "" => "/",
        path => path,
    }
}

/// Calls that work for long and whose work is worth nothing when nobody waits for it.
fn is_for_its_client_only(call: &Call) -> bool {
    use StorageOperation::{CopyObject, CopyPart, SyncHash};
    matches!(call, Call::Storage { operation: SyncHash | CopyObject | CopyPart, .. })
}

fn face(call: &Call) -> Face {
    match call {
        Call::Storage { .. } => Face::Cos,
        _ => Face::Ci,
    }
}

/// Runs a handler to its end, or to its panic.
async fn catch_panic<T>(handler: impl Future<Output = T>) -> Result<T, String> {
    let mut handler = pin!(handler);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
    })
    .await
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

fn count(route: &'static str, status: &str, started: Instant) {
    metrics::counter!("hashlane_http_requests_total", "route" => route, "status" => status.to_owned()).increment(1);
    metrics::histogram!("hashlane_http_request_seconds", "route" => route).record(started.elapsed());
}

/// One line of the access log. The query and the headers stay out of it: they may hold a signature.
struct AccessLine<'a> {
    parts: &'a Parts,
    route: &'static str,
    request_id: &'a str,
    status: u16,
}

impl AccessLine<'_> {
    /// Failures of ours at error, refusals at info, the rest at debug. A 503 counts as a refusal: while a disk is full every
    /// request gets one, and the store says why.
    fn log(&self, cause: Option<&str>, started: Instant, busy: &BusyLog) {
        let AccessLine { parts, route, request_id, status } = *self;
        let (method, path, took) = (parts.method.as_str(), parts.uri.path(), started.elapsed());
        match (status, cause) {
            (500, cause) => tracing::error!(method, path, route, request_id, status, ?cause, ?took, "request failed"),
            (503, Some(cause)) => {
                if let Some(left_out) = busy.due(cause, Instant::now()) {
                    tracing::warn!(
                        method,
                        path,
                        route,
                        request_id,
                        status,
                        cause,
                        left_out,
                        ?took,
                        "too busy for a request"
                    );
                }
            }
            (_, Some(cause)) => {
                tracing::info!(method, path, route, request_id, status, cause, ?took, "request refused")
            }
            (_, None) => tracing::debug!(method, path, route, request_id, status, ?took, "request answered"),
        }
    }
}
