//! The client: signs, sends, retries, reads.
//!
//! Promises: connections are kept and reused; one attempt lasts at most [`ATTEMPT_TIMEOUT`]; after a 5xx, a timeout or a
//! lost connection the request is sent again, marked with `x-cos-sdk-retry: true` as the official SDKs mark it, so that a
//! server can tell a repeated submit from a second job; the signature covers the body. Leaves out on purpose: waiting for a job to end, which is a
//! matter of taste and of the caller.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hashlane_job::{Clock, SystemClock};
use hashlane_lanes::{Algorithm, Hasher};
use hashlane_wire::job_detail::{self, JobDetail};
use hashlane_wire::{ErrorAnswer, FRESH_HEADER, RequestHead, SubmitRequest, WireError, sign};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::endpoint::Endpoint;
use crate::{ClientConfig, ClientError, Exchange};

/// How long one attempt may last, from connecting to the last byte of the answer.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a request is sent before its last failure is told.
pub const ATTEMPTS_MAX: u32 = 3;
/// The pause before the second attempt; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// A server's Retry-After is followed up to this.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Longer answers are not ours: 50 jobs with the longest keys and user data stay far below.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// A signature starts this long ago, for servers whose clock is behind, and ends this long from now.
const SIGNED_BEFORE_SECONDS: i64 = 60;
const SIGNED_AFTER_SECONDS: i64 = 900;

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
/// Marks a repeated request (spec section 5, idempotency).
const SDK_RETRY: HeaderName = HeaderName::from_static("x-cos-sdk-retry");
const FRESH: HeaderName = HeaderName::from_static(FRESH_HEADER);
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-ci-security-token");

/// What stays as it is in a path segment: the unreserved characters of RFC 3986.
pub(crate) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A client of one bucket. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: Endpoint,
    config: ClientConfig,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.inner.config).finish()
    }
}

impl Client {
    /// Checks the configuration. Connects to nothing; the system's certificates are read for https endpoints only.
    ///
    /// # Errors
    /// [`ClientError::Misconfigured`] says which field cannot work.
    pub fn new(config: ClientConfig) -> Result<Client, ClientError> {
        let endpoint = Endpoint::of(&config)?;
        for (name, value) in [("secret_id", &config.secret_id), ("secret_key", &config.secret_key)] {
            if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(ClientError::Misconfigured(format!("{name} is empty or not printable ASCII")));
            }
        }
        if config.token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ClientError::Misconfigured("the token is not printable ASCII".into()));
        }
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector(endpoint.https, &config.extra_roots)?);
        Ok(Client { inner: Arc::new(Inner { http, endpoint, config }) })
    }

    /// Submits one job: `POST /file_jobs` (spec section 5).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn submit(&self, request: &SubmitRequest) -> Result<(JobDetail, Exchange), ClientError> {
        self.submit_marked(request, HeaderMap::new()).await
    }

    /// As [`Client::submit`], for a job for which the object is read whatever is known of it: with `x-ci-fresh: true`. The
    /// original does not know that header and reads every object.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn submit_fresh(&self, request: &SubmitRequest) -> Result<(JobDetail, Exchange), ClientError> {
        self.submit_marked(request, HeaderMap::from_iter([(FRESH, HeaderValue::from_static("true"))])).await
    }

    async fn submit_marked(
        &self,
        request: &SubmitRequest,
        marks: HeaderMap,
    ) -> Result<(JobDetail, Exchange), ClientError> {
        let body = Some(Bytes::from(request.print()));
        let exchange = self.call_marked(Method::POST, "/file_jobs", "", body, &marks).await?;
        let (jobs, _) = read_jobs(&exchange)?;
        match jobs.into_iter().next() {
            Some(job) => Ok((job, exchange)),
            None => Err(ClientError::Unexpected("the answer to a submit names no job".into())),
        }
    }

    /// Asks for jobs by id: `GET /file_jobs/<id>[,<id>...]` (spec section 6). Gives the jobs that exist, in the order
    /// asked, and the ids that do not. A server takes at most 50 ids at once.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn describe(&self, ids: &[String]) -> Result<(Vec<JobDetail>, Vec<String>, Exchange), ClientError> {
        if ids.is_empty() {
            return Err(ClientError::Misconfigured("no job id was given".into()));
        }
        let encoded: Vec<String> = ids.iter().map(|id| utf8_percent_encode(id, SEGMENT).to_string()).collect();
        let exchange = self.call(Method::GET, &format!("/file_jobs/{}", encoded.join(",")), "", None).await?;
        let (jobs, missing) = read_jobs(&exchange)?;
        Ok((jobs, missing, exchange))
    }

    /// Sends a request until it is answered below 500 or the attempts are used up; an answer that is no 2xx is an error.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<Bytes>,
    ) -> Result<Exchange, ClientError> {
        self.call_marked(method, path, query, body, &HeaderMap::new()).await
    }

    /// As [`Client::call`], with further headers, which are signed.
    async fn call_marked(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<Bytes>,
        marks: &HeaderMap,
    ) -> Result<Exchange, ClientError> {
        let mut attempt = 1;
        let exchange = loop {
            let outcome = self.attempt(&method, (path, query), body.clone(), marks, attempt > 1).await;
            let asked = match &outcome {
                Ok((exchange, _)) if exchange.status < 500 => None,
                Ok((_, retry_after)) => Some(retry_after.unwrap_or(Duration::ZERO)),
                Err(ClientError::Unreachable(_)) => Some(Duration::ZERO),
                Err(_) => None,
            };
            match asked {
                Some(asked) if attempt < ATTEMPTS_MAX => {
                    tokio::time::sleep(asked.max(PAUSE_FIRST * attempt).min(PAUSE_MAX)).await;
                    attempt += 1;
                }
                _ => break outcome?.0,
            }
        };
        if (200..300).contains(&exchange.status) {
            return Ok(exchange);
        }
        match ErrorAnswer::parse(&exchange.response_body) {
            Some(answer) => Err(ClientError::Refused { status: exchange.status, answer }),
            None => Err(ClientError::Unexpected(format!(
                "{} answered {} without an error body of this API: is it the right endpoint?",
                self.inner.endpoint.base, exchange.status
            ))),
        }
    }

    /// One attempt, with a fresh signature. Gives the answer's Retry-After too.
    async fn attempt(
        &self,
        method: &Method,
        (path, query): (&str, &str),
        body: Option<Bytes>,
        marks: &HeaderMap,
        again: bool,
    ) -> Result<(Exchange, Option<Duration>), ClientError> {
        let Inner { http, endpoint, config } = &*self.inner;
        let invalid = |what: &str| ClientError::Misconfigured(format!("{what} cannot be sent in a header"));

        let mut headers = marks.clone();
        headers.insert(HOST, HeaderValue::from_str(&endpoint.host).map_err(|_| invalid("the bucket or endpoint"))?);
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("hashlane-client/", env!("CARGO_PKG_VERSION"))));
        if let Some(body) = &body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            // The signature covers headers only: by way of this one it covers the body too.
            let md5 = BASE64.encode(Hasher::digest(Algorithm::Md5, body).as_bytes());
            headers.insert(CONTENT_MD5, HeaderValue::from_str(&md5).map_err(|_| invalid("the body's digest"))?);
        }
        if let Some(token) = &config.token {
            headers.insert(SECURITY_TOKEN, HeaderValue::from_str(token).map_err(|_| invalid("the token"))?);
        }
        if again {
            headers.insert(SDK_RETRY, HeaderValue::from_static("true"));
        }
        let now = SystemClock.now().unix_seconds();
        let head = RequestHead {
            method: method.as_str(),
            path,
            query,
            headers: headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
        };
        let (start, end) = (now - SIGNED_BEFORE_SECONDS, now + SIGNED_AFTER_SECONDS);
        let authorization = sign::authorization(&head, &config.secret_id, &config.secret_key, start, end);
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&authorization).map_err(|_| invalid("the access key"))?);

        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let mut request_head = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in &headers {
            request_head.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
        }
        let request_body = body.clone().unwrap_or_default();
        let mut request = Request::new(Full::new(request_body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = format!("{}{target}", endpoint.base)
            .parse()
            .map_err(|_| ClientError::Misconfigured(format!("{}{target} is not a URL", endpoint.base)))?;
        *request.headers_mut() = headers;

        let unreachable = |why: String| ClientError::Unreachable(format!("no answer from {}: {why}", endpoint.base));
        let answered = async {
            let answer = http.request(request).await.map_err(|error| unreachable(causes(&error)))?;
            let status = answer.status().as_u16();
            let retry_after = seconds(answer.headers().get(RETRY_AFTER));
            let collected = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let response_body = collected.map_err(|error| unreachable(causes(&*error)))?.to_bytes().to_vec();
            Ok((status, retry_after, response_body))
        };
        let (status, retry_after, response_body) = tokio::time::timeout(ATTEMPT_TIMEOUT, answered)
            .await
            .map_err(|_| unreachable(format!("nothing came within {} s", ATTEMPT_TIMEOUT.as_secs())))??;
        let exchange = Exchange { request_head, request_body: request_body.to_vec(), status, response_body };
        Ok((exchange, retry_after))
    }
}

/// Plain connections, and TLS ones with certificates when they are needed: reading the system's takes longer than a whole
/// call to a local server.
fn connector(https: bool, extra_roots: &[u8]) -> Result<HttpsConnector<HttpConnector>, ClientError> {
    let unusable = |why: String| ClientError::Misconfigured(format!("TLS cannot be set up: {why}"));
    let roots = if https { roots(extra_roots)? } else { RootCertStore::empty() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build())
}

/// The system's certificates and the extra ones. One of the system's that cannot be read is left out; of the extra ones,
/// which somebody asked for, all must be readable.
fn roots(extra: &[u8]) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let unreadable = |why: String| ClientError::Misconfigured(format!("the extra certificates cannot be read: {why}"));
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(extra) {
        roots
            .add(certificate.map_err(|error| unreadable(error.to_string()))?)
            .map_err(|error| unreadable(error.to_string()))?;
        count += 1;
    }
    if count == 0 && !extra.is_empty() {
        return Err(unreadable("there is none among them; give them in PEM".into()));
    }
    if roots.is_empty() {
        let hint = "install the system's certificates (on Debian the package ca-certificates), or give extra ones";
        return Err(ClientError::Misconfigured(format!("no certificate is trusted for https: {hint}")));
    }
    Ok(roots)
}

/// An error with what caused it, on one line.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn seconds(header: Option<&HeaderValue>) -> Option<Duration> {
    header?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn read_jobs(exchange: &Exchange) -> Result<(Vec<JobDetail>, Vec<String>), ClientError> {
    job_detail::parse(&exchange.response_body).map_err(unreadable)
}

pub(crate) fn unreadable(error: WireError) -> ClientError {
    ClientError::Unexpected(format!("the answer cannot be read: {}", error.message))
}
