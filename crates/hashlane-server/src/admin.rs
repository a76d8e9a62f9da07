//! The admin listener: health, readiness, metrics, and what the wire cannot say of jobs and queues.
//!
//! It has no keys: it is meant for loopback or for a network of operators. Against pages in an operator's browser that point
//! a name of their own at it (DNS rebinding) it answers only when Host is an IP address or `localhost`, which no such page
//! can send. What changes something has to be JSON, and must not come from a page of another site: see `json::check_write`.

mod deliveries;
mod health;
mod jobs;
mod json;
mod metrics;
mod queues;
mod ready;

use std::net::IpAddr;

use bytes::Bytes;
use hashlane_engine::Engine;
use hashlane_store::JobStore;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use self::json::Problem;
use crate::Limits;
use crate::body::RequestBody;
use crate::connection::Respond;
use crate::listener::{Listening, listen};
use crate::refusal::Refusal;

/// Scrapers and people need few connections; a runaway script must not take the descriptors of the api.
const CONNECTIONS_MAX: usize = 256;

/// Starts the admin listener on an already bound socket: `/healthz`, `/readyz`, `/metrics`, and the JSON API, of which
/// `GET /api/jobs/<id>` gives a job with its delivery record, `/api/deliveries` lists and replays callbacks, and `/api/queues`
/// makes queues and sets their bounds. Must be called within a tokio runtime.
pub fn serve_admin(listener: TcpListener, store: JobStore, engine: Engine, metrics: PrometheusHandle) -> Listening {
    let limits =
        Limits { connections_max: CONNECTIONS_MAX, connections_per_ip_max: CONNECTIONS_MAX, ..Limits::default() };
    listen(listener, None, limits.clone(), Admin { store, engine, metrics, limits })
}

/// What the admin pages answer from.
struct Admin {
    store: JobStore,
    engine: Engine,
    metrics: PrometheusHandle,
    limits: Limits,
}

impl Respond for Admin {
    type Body = Full<Bytes>;

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if !is_addressed_directly(&request) {
            let told = "ask by IP address or as localhost: other names are refused here\n";
            return text(StatusCode::FORBIDDEN, told.into());
        }
        let (parts, incoming) = request.into_parts();
        match parts.method {
            Method::GET | Method::HEAD => self.show(&parts.uri).await,
            _ => {
                let mut body = RequestBody::new(incoming, &parts, &self.limits);
                let answer = self.change(&parts, &mut body).await;
                body.drain().await;
                answer
            }
        }
    }
}

impl Admin {
    async fn show(&self, uri: &Uri) -> Response<Full<Bytes>> {
        match uri.path() {
            "/healthz" => health::answer(),
            "/readyz" => ready::answer(&self.store, &self.engine).await,
            "/metrics" => metrics::answer(&self.store, &self.metrics).await,
            "/api/queues" => queues::list(&self.store, &self.engine).await.unwrap_or_else(|problem| problem.answer()),
            "/api/deliveries" => {
                let listed = deliveries::list(&self.store, &self.engine, uri.query()).await;
                listed.unwrap_or_else(|problem| problem.answer())
            }
            path => match path.strip_prefix("/api/jobs/") {
                Some(id) => jobs::answer(&self.store, &self.engine, id).await,
                None => text(StatusCode::NOT_FOUND, "no such page\n".into()),
            },
        }
    }

    async fn change(&self, parts: &Parts, body: &mut RequestBody) -> Response<Full<Bytes>> {
        let queue = parts.uri.path().strip_prefix("/api/queues/");
        let is_known = match parts.method {
            Method::POST => matches!(parts.uri.path(), "/api/queues" | "/api/deliveries/replay"),
            Method::PATCH => queue.is_some(),
            _ => false,
        };
        if !is_known {
            return text(StatusCode::METHOD_NOT_ALLOWED, "this method is not known here\n".into());
        }
        if let Err(problem) = json::check_write(&parts.headers) {
            return problem.answer();
        }
        let body = match body.read().await {
            Ok(body) => body,
            Err(Refusal { error, .. }) => {
                let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
                return Problem::new(status, error.message).answer();
            }
        };
        let answer = match queue {
            Some(id) => queues::change(&self.store, &self.engine, id, &body).await,
            None if parts.uri.path() == "/api/queues" => queues::create(&self.store, &self.engine, &body).await,
            None => deliveries::replay(&self.store, &self.engine, &body).await,
        };
        answer.unwrap_or_else(|problem| problem.answer())
    }
}

/// Whether Host is an IP address or `localhost`, with or without a port.
fn is_addressed_directly(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter().map(HeaderValue::to_str);
    match (hosts.next(), hosts.next()) {
        (Some(Ok(host)), None) => is_direct(host),
        _ => false,
    }
}

fn is_direct(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// An answer in plain text.
fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body)
}

/// An answer of a type. Nothing here may be kept by caches or be taken for a page.
fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::is_direct;

    #[test]
    fn only_addresses_and_localhost_are_direct() {
        for host in ["127.0.0.1", "127.0.0.1:8481", "localhost", "LOCALHOST:8481", "[::1]", "[::1]:8481", "10.0.0.7:1"]
        {
            assert!(is_direct(host), "{host}");
        }
        for host in
            ["", ":8481", "example.com", "localhost.example.com", "127.0.0.1.example.com:80", "0x7f.1", "2130706433"]
        {
            assert!(!is_direct(host), "{host}");
        }
    }
}
