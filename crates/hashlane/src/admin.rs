//! The admin listener, asked for what the wire cannot say: what became of a job's callback.
//!
//! Promises: short, plain HTTP to an address that the configuration names; an unreachable listener is no error but an
//! absent answer, since operators may switch it off.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A client of one admin listener.
pub(crate) struct Admin {
    base: String,
    http: Client<HttpConnector, Empty<Bytes>>,
}

impl Admin {
    /// A client of the listener at `http://HOST:PORT`; connects to nothing yet.
    pub(crate) fn at(endpoint: &str) -> Admin {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Admin { base: endpoint.trim_end_matches('/').to_owned(), http }
    }

    /// The delivery record of a job; `None` when the listener cannot be reached or does not know the job.
    pub(crate) async fn delivery(&self, job_id: &str) -> Option<Value> {
        let plain = job_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let request =
            plain.then(|| Request::get(format!("{}/api/jobs/{job_id}", self.base)).body(Empty::new()))?.ok()?;
        let answered = async {
            let answer = self.http.request(request).await.ok()?;
            if answer.status() != StatusCode::OK {
                return None;
            }
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.ok()?.to_bytes();
            serde_json::from_slice::<Value>(&body).ok()?.get("delivery").cloned()
        };
        tokio::time::timeout(TIMEOUT, answered).await.ok().flatten()
    }
}
