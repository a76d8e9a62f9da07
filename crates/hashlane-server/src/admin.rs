//! The admin listener: health, readiness, metrics, and what the wire cannot say of a job.
//!
//! It has no keys: it is meant for loopback or for a network of operators. Against pages in an operator's browser that point
//! a name of their own at it (DNS rebinding) it answers only when Host is an IP address or `localhost`, which no such page
//! can send. Nothing can be changed through it.

mod health;
mod jobs;
mod metrics;
mod ready;

use std::net::IpAddr;

use bytes::Bytes;
use hashlane_engine::Engine;
use hashlane_store::JobStore;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::Limits;
use crate::connection::{Dropped, Respond};
use crate::listener::{Listening, listen};

/// Scrapers and people need few connections; a runaway script must not take the descriptors of the api.
const CONNECTIONS_MAX: usize = 256;

/// Starts the admin listener on an already bound socket: `/healthz`, `/readyz`, `/metrics`, and the JSON API, of which
/// `GET /api/jobs/<id>` gives a job with its delivery record. Must be called within a tokio runtime.
pub fn serve_admin(listener: TcpListener, store: JobStore, engine: Engine, metrics: PrometheusHandle) -> Listening {
    let limits =
        Limits { connections_max: CONNECTIONS_MAX, connections_per_ip_max: CONNECTIONS_MAX, ..Limits::default() };
    listen(listener, limits, Admin { store, engine, metrics })
}

/// What the admin pages answer from.
struct Admin {
    store: JobStore,
    engine: Engine,
    metrics: PrometheusHandle,
}

impl Respond for Admin {
    async fn respond(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
        let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
        Ok(if !is_addressed_directly(&request) {
            text(StatusCode::FORBIDDEN, "ask by IP address or as localhost: other names are refused here\n".into())
        } else if !is_get {
            text(StatusCode::METHOD_NOT_ALLOWED, "only GET is known here\n".into())
        } else {
            match request.uri().path() {
                "/healthz" => health::answer(),
                "/readyz" => ready::answer(&self.store, &self.engine).await,
                "/metrics" => metrics::answer(&self.store, &self.metrics).await,
                path => match path.strip_prefix("/api/jobs/") {
                    Some(id) => jobs::answer(&self.store, &self.engine, id).await,
                    None => text(StatusCode::NOT_FOUND, "no such page\n".into()),
                },
            }
        })
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
