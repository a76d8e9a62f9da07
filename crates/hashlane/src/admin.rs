//! The admin listener, asked for what the wire cannot say: what became of callbacks, more queues, and their bounds.
//!
//! Promises: short, plain HTTP to an address that the configuration names. For what is only shown an unreachable listener
//! is no error but an absent answer, since operators may switch it off; for what is to be changed it is one.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::cli::queues::BoundArgs;
use crate::failure::Failure;

const TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A client of one admin listener.
pub(crate) struct Admin {
    base: String,
    http: Client<HttpConnector, Full<Bytes>>,
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
            plain.then(|| Request::get(format!("{}/api/jobs/{job_id}", self.base)).body(Full::default()))?.ok()?;
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

    /// Makes a queue and gives its id.
    pub(crate) async fn create_queue(&self, bucket: &str, name: &str, bounds: BoundArgs) -> Result<String, Failure> {
        let mut body = bounds_json(bounds);
        body["bucket"] = bucket.into();
        body["name"] = name.into();
        let made = self.change(Method::POST, "/api/queues", &body).await?;
        let id = made.get("id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| Failure::cannot(format!("{} answered without the id of the new queue", self.base)))
    }

    /// Sets the bounds of a queue.
    pub(crate) async fn bound_queue(&self, id: &str, bounds: BoundArgs) -> Result<(), Failure> {
        // The id has been found by the API before: it can stand in a path.
        self.change(Method::PATCH, &format!("/api/queues/{id}"), &bounds_json(bounds)).await.map(drop)
    }

    /// What is shown at a path. What is not there is a "no": the listener did answer.
    pub(crate) async fn show(&self, path: &str) -> Result<Value, Failure> {
        self.told(Method::GET, path, None).await
    }

    /// Asks for something to be done that the listener may say no to.
    pub(crate) async fn ask(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.told(Method::POST, path, Some(body)).await
    }

    async fn told(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        match self.call(method, path, body).await? {
            (status, told) if status.is_success() => Ok(told),
            (status @ (StatusCode::NOT_FOUND | StatusCode::CONFLICT), told) if told["error"].is_string() => {
                Err(Failure::no(self.refusal(status, &told)))
            }
            (status, told) => Err(Failure::cannot(self.refusal(status, &told))),
        }
    }

    async fn change(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        match self.call(method, path, Some(body)).await? {
            (status, told) if status.is_success() => Ok(told),
            (status, told) => Err(Failure::cannot(self.refusal(status, &told))),
        }
    }

    fn refusal(&self, status: StatusCode, told: &Value) -> String {
        let why = told.get("error").and_then(Value::as_str).unwrap_or("it answers as no admin listener does");
        format!("the admin listener at {} refused with {status}: {why}", self.base)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value), Failure> {
        let at = format!("{}{path}", self.base);
        let cannot = |why: &str| Failure::cannot(format!("cannot ask the admin listener at {}: {why}", self.base));
        let request = Request::builder().method(method).uri(at).header(CONTENT_TYPE, "application/json");
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::from(body)).map_err(|error| cannot(&error.to_string()))?;
        let answered = async {
            let answer = self.http.request(request).await.map_err(|error| cannot(&error.to_string()))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| cannot(&error.to_string()))?.to_bytes();
            Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
        };
        tokio::time::timeout(TIMEOUT, answered).await.map_err(|_| cannot("nothing came in time"))?
    }
}

fn bounds_json(bounds: BoundArgs) -> Value {
    let mut body = json!({});
    for (name, bound) in [("max_size", bounds.max_size), ("max_concurrent", bounds.max_concurrent)] {
        if let Some(bound) = bound {
            body[name] = bound.into();
        }
    }
    body
}
