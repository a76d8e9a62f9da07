//! `/readyz`: whether work can be done: the store reads and writes, and every bucket's storage answers.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use hashlane_engine::Engine;
use hashlane_store::JobStore;
use http::{Response, StatusCode};
use http_body_util::Full;

/// A check that takes longer has failed: those who ask give up after about as long.
const CHECK_TIME_MAX: Duration = Duration::from_secs(5);

/// 200 when all is well, else 503; one line for each thing that was checked.
pub(super) async fn answer(store: &JobStore, engine: &Engine) -> Response<Full<Bytes>> {
    let mut report = Report { ready: true, lines: String::new() };
    report.check("store", store.ping()).await;
    for bucket in engine.buckets() {
        report.check(&format!("bucket {}", bucket.name), engine.probe(&bucket.name)).await;
    }
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    super::text(status, report.lines)
}

struct Report {
    ready: bool,
    lines: String,
}

impl Report {
    async fn check<E: Display>(&mut self, what: &str, asked: impl Future<Output = Result<(), E>>) {
        let said = match tokio::time::timeout(CHECK_TIME_MAX, asked).await {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => format!("no answer within {} s", CHECK_TIME_MAX.as_secs()),
        };
        self.ready &= said == "ok";
        self.lines.push_str(&format!("{what}: {said}\n"));
    }
}
