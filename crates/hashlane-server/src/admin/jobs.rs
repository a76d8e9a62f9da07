//! `/api/jobs/<id>`: one job as JSON, with its delivery record, which the wire cannot say.
//!
//! Times are UTC. The address of a callback is left out: it may hold a secret of its receiver.

use std::time::Duration;

use bytes::Bytes;
use hashlane_engine::Engine;
use hashlane_job::{Attempt, CallbackFormat, DeliveryState, Job, JobId, JobState, NotifyAddress, Timestamp, event_id};
use hashlane_store::JobStore;
use hashlane_wire::TimeOffset;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::json::{self, Problem};

/// The job, 404 when no bucket has it, 503 when the store does not answer.
pub(super) async fn answer(store: &JobStore, engine: &Engine, id: &str) -> Response<Full<Bytes>> {
    let Some(id) = JobId::parse(id) else {
        return Problem::new(StatusCode::NOT_FOUND, "no such job").answer();
    };
    for bucket in engine.buckets() {
        match store.delivery_record(&bucket.name, id).await {
            Ok(Some(record)) => {
                let mut shown = job_json(&record.job, &bucket.region);
                shown["delivery"] = delivery_json(&record.job, record.due_in);
                shown["delivery"]["record"] = record.attempts.iter().map(attempt_json).collect();
                return json::answer(StatusCode::OK, &shown);
            }
            Ok(None) => {}
            Err(error) => return Problem::from(error).answer(),
        }
    }
    Problem::new(StatusCode::NOT_FOUND, "no such job").answer()
}

fn job_json(job: &Job, region: &str) -> Value {
    let request = &job.request;
    let result = job.facts.as_ref().map(|facts| {
        let digests: serde_json::Map<String, Value> =
            facts.digests.iter().map(|digest| (digest.algorithm().name().into(), digest.to_string().into())).collect();
        json!({
            "digests": digests,
            "size_bytes": facts.size_bytes,
            "etag": facts.etag,
            "modified": utc(facts.modified),
        })
    });
    json!({
        "id": request.id.to_string(),
        "bucket": request.object.bucket.as_str(),
        "region": region,
        "object": request.object.key,
        "queue": request.queue.to_string(),
        "algorithm": request.algorithm.name(),
        "add_to_header": request.add_to_header,
        "user_data": request.user_data,
        "level": request.level,
        "state": state_word(job),
        "progress": job.progress,
        "created": utc(request.created()),
        "started": job.started.map(utc),
        "ended": job.ended.map(utc),
        "result": result,
        "error": job.error.as_ref().map(|error| json!({ "code": error.code.word(), "message": error.message })),
    })
}

/// What became of a job's callback. `callback_failed` is what an operator looks for: it was given up (failure rule D10).
pub(super) fn delivery_json(job: &Job, due_in: Option<Duration>) -> Value {
    let delivery = &job.delivery;
    let target = job.target.as_ref().map(|target| {
        let kind = match target.address {
            NotifyAddress::Url(_) => "url",
            NotifyAddress::Mq(_) => "tdmq",
        };
        let format = match target.format {
            CallbackFormat::Xml => "xml",
            CallbackFormat::Json => "json",
        };
        json!({ "kind": kind, "format": format })
    });
    json!({
        "state": delivery.state.word(),
        "callback_failed": delivery.state == DeliveryState::Failed,
        "attempts": delivery.attempts,
        "last": delivery.last,
        "last_time": delivery.last_time.map(utc),
        "target": target,
        "event_id": job.target.is_some().then(|| event_id(job.request.id)),
        "due_in_ms": due_in.map(millis),
    })
}

fn attempt_json(attempt: &Attempt) -> Value {
    json!({
        "attempt": attempt.number,
        "outcome": attempt.outcome.word(),
        "time": utc(attempt.ended),
        "duration_ms": attempt.took.map(millis),
        "status": attempt.status,
        "said": attempt.said,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The words of the wire (spec section 7), as everywhere where clients look.
pub(super) fn state_word(job: &Job) -> &'static str {
    match job.state {
        JobState::Waiting if job.queue_paused => "Pause",
        JobState::Waiting => "Submitted",
        JobState::Running => "Running",
        JobState::Succeeded => "Success",
        JobState::Failed => "Failed",
        JobState::Cancelled => "Cancel",
    }
}

fn utc(time: Timestamp) -> String {
    TimeOffset { minutes: 0 }.print(time)
}
