//! `GET /<key>` and `HEAD /<key>`: an object, a range of it, or only what is told of it.
//!
//! It promises that head and bytes belong to one version, and that conditions are checked in the order of RFC 9110.

use hashlane_engine::{ObjectHead, StorageFault};
use hashlane_wire::storage::{ByteRange, Conditions, RangeAnswer, Verdict, http_time, response_overrides};
use hashlane_wire::{ErrorCode, Query, WireError};
use http::StatusCode;

use super::{Ask, CHANGED_ATTEMPTS, absent};
use crate::answer::Answer;
use crate::refusal::Refusal;

/// The type of an object of which nobody gave one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

pub(super) async fn answer(ask: Ask<'_>) -> Result<Answer, Refusal> {
    let (query, conditions) = (ask.query()?, Conditions::of(ask.head));
    let is_head = ask.head.method == "HEAD";
    let range = ask.head.header("range").filter(|_| !is_head).and_then(|header| ByteRange::parse(&header));
    let object = ask.object();
    for _ in 0..CHANGED_ATTEMPTS {
        let open = ask.api.engine.open_object(&object).await.map_err(absent)?;
        let head = open.head().clone();
        match conditions.check(&head.etag, head.modified) {
            Verdict::Met => {}
            // Without a length: clients that compare it with the body, OpenDAL among them, would miss the bytes.
            Verdict::NotModified => return Ok(version(Answer::with_status(StatusCode::NOT_MODIFIED), &head)),
            Verdict::Failed => return Err(failed()),
        }
        let size_bytes = head.size_bytes;
        if is_head {
            return Ok(told(Answer::with_status(StatusCode::OK), &head, &query).length(size_bytes));
        }
        let wanted = range.filter(|_| conditions.allow_range(&head.etag, head.modified));
        let (answer, bytes) = match wanted.map(|range| range.of(size_bytes)) {
            None => (Answer::with_status(StatusCode::OK), 0..size_bytes),
            Some(RangeAnswer::Partial(bytes)) => {
                let content_range = format!("bytes {}-{}/{size_bytes}", bytes.start, bytes.end - 1);
                (Answer::with_status(StatusCode::PARTIAL_CONTENT).header("content-range", &content_range), bytes)
            }
            Some(RangeAnswer::Unsatisfiable) => {
                let message = format!("the range has no byte of the object, which has {size_bytes}");
                let mut error = WireError::new(ErrorCode::InvalidRange, message);
                error.object_bytes = Some(size_bytes);
                return Err(error.into());
            }
        };
        let length = bytes.end - bytes.start;
        match open.read(bytes).await {
            Ok(stream) => return Ok(told(answer, &head, &query).object(stream, length)),
            Err(error) if error.fault == StorageFault::Changed => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::slow_down("the object changes all the time", None))
}

/// 412.
pub(super) fn failed() -> Refusal {
    Refusal::new(ErrorCode::PreconditionFailed, "at least one of the preconditions of the request does not hold")
}

/// Everything that is told of an object but its length.
fn told(answer: Answer, head: &ObjectHead, query: &Query) -> Answer {
    let mut answer = version(answer, head).header("accept-ranges", "bytes").header("content-type", UNKNOWN_TYPE);
    for (name, value) in &head.attributes.headers {
        answer = answer.header(name, value);
    }
    for (name, value) in response_overrides(query) {
        answer = answer.header(name, value);
    }
    for (name, value) in &head.attributes.metadata {
        answer = answer.header(&format!("x-cos-meta-{name}"), value);
    }
    match head.crc64 {
        Some(crc64) => answer.header("x-cos-hash-crc64ecma", &crc64.to_string()),
        None => answer,
    }
}

/// What names the version.
fn version(answer: Answer, head: &ObjectHead) -> Answer {
    answer.header("etag", &head.etag).header("last-modified", &http_time(head.modified))
}
