//! `/api/jobs/<id>`: one job as JSON, with what became of its callback, which the wire cannot say.
//!
//! Times are UTC. The address of a callback is left out: it may hold a secret of its receiver.

use bytes::Bytes;
use hashlane_engine::Engine;
use hashlane_job::{CallbackFormat, CallbackTarget, Delivery, Job, JobId, JobState, NotifyAddress, Timestamp};
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
        match store.get(&bucket.name, &[id]).await {
            Ok(jobs) => {
                if let Some(job) = jobs.first() {
                    return json::answer(StatusCode::OK, &job_json(job, &bucket.region));
                }
            }
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
        "delivery": delivery_json(&job.delivery, job.target.as_ref()),
    })
}

fn delivery_json(delivery: &Delivery, target: Option<&CallbackTarget>) -> Value {
    let target = target.map(|target| {
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
        "attempts": delivery.attempts,
        "last": delivery.last,
        "last_time": delivery.last_time.map(utc),
        "target": target,
    })
}

/// The words of the wire (spec section 7), as everywhere where clients look.
fn state_word(job: &Job) -> &'static str {
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
