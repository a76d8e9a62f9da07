//! `hashlane callback test`: one sample callback, sent now.
//!
//! Promises: it is sent as `serve` with the same settings sends callbacks: the same guard, headers and time limit, one attempt. It
//! runs in this process and touches neither a running service nor its data. The answer is shown, of its body at most 4 KiB: who
//! calls this works on the machine, unlike the clients of the API, to whom it is never shown.

use std::process::ExitCode;
use std::time::Instant;

use hashlane_callback::{Answer, Message, Sent};
use hashlane_job::{
    BucketName, CallbackFormat, CallbackTarget, Clock, Delivery, FileFacts, Job, JobIds, JobState, NewJob,
    NotifyAddress, ObjectRef, QueueId, SystemClock, event_id,
};
use hashlane_lanes::{Algorithm, Hasher};
use hashlane_wire::callback_body::{self, BodyStyle};
use hashlane_wire::request_id;
use serde_json::json;

use crate::cli::CallbackFormatArg;
use crate::cli::deliveries::TestArgs;
use crate::config::{Config, LOCAL_REGION};
use crate::failure::{EXIT_NO, Failure};
use crate::{runtime, service};

/// The bytes of the sample object.
const SAMPLE: &[u8] = b"hashlane callback test\n";

/// Sends the sample and says what came back.
pub(crate) fn run(args: &TestArgs) -> Result<ExitCode, Failure> {
    let config = super::config::load(&args.settings())?;
    service::refuse_what_comes_later(&config)?;
    let format = match args.format {
        CallbackFormatArg::Xml => CallbackFormat::Xml,
        CallbackFormatArg::Json => CallbackFormat::Json,
    };
    let target = CallbackTarget { address: NotifyAddress::Url(args.url.clone()), format };
    let message = message(&config, &target);
    let (sent, answer, took) = runtime::of_client()?.block_on(async {
        let transports = service::transports(&config)?;
        let started = Instant::now();
        let (sent, answer) = transports.try_out(&target, &message).await;
        Ok::<_, Failure>((sent, answer, started.elapsed()))
    })?;
    let (delivered, outcome, said) = match sent {
        Sent::Delivered { said } => (true, "delivered", said),
        Sent::Again { said, .. } => (false, "retried", said),
        Sent::Never { said } => (false, "failed", said),
    };
    let meaning = match outcome {
        "delivered" => "taken",
        "retried" => "not taken: a real callback would be sent again later",
        _ => "not taken: a real callback would be given up",
    };
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    super::print(&if args.json {
        let told = json!({
            "outcome": outcome, "said": said, "duration_ms": took_ms, "event_id": message.event_id,
            "answer": answer.map(|it| json!({
                "status": it.status, "reason": it.reason, "body": it.body,
                "headers": it.headers.iter().map(|(name, value)| json!([name, value])).collect::<Vec<_>>(),
            })),
        });
        format!("{told}\n")
    } else {
        let shown = answer.as_ref().map(shown).unwrap_or_default();
        format!("{meaning}\n{}  {took_ms} ms  event {}\n{shown}", super::job::one_line(&said), message.event_id)
    })?;
    Ok(if delivered { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NO) })
}

/// The answer as lines, each indented so that none can pass for one of ours.
fn shown(answer: &Answer) -> String {
    let mut text = format!("  {} {}\n", answer.status, super::job::one_line(&answer.reason));
    for (name, value) in &answer.headers {
        text += &format!("  {name}: {}\n", super::job::one_line(value));
    }
    for line in answer.body.lines() {
        text += &format!("  | {}\n", super::job::one_line(line));
    }
    text
}

/// The callback of a job that never was.
fn message(config: &Config, target: &CallbackTarget) -> Message {
    let now = SystemClock.now();
    let (bucket, region) = match config.buckets.first() {
        Some(bucket) => (bucket.name.clone(), bucket.region.as_str()),
        None => (BucketName::parse("sample-1250000000").expect("the shape of a bucket's name"), LOCAL_REGION),
    };
    let request = NewJob {
        id: JobIds::random().next(now),
        object: ObjectRef { bucket, key: "hashlane-callback-test".into() },
        queue: QueueId::random(),
        algorithm: Algorithm::Md5,
        algorithm_as_given: "MD5".into(),
        add_to_header: false,
        user_data: Some("hashlane callback test".into()),
        level: 0,
        fresh: false,
        submitter: None,
        callback: Default::default(),
    };
    let digest = Hasher::digest(Algorithm::Md5, SAMPLE);
    let facts = FileFacts {
        digests: vec![digest],
        size_bytes: SAMPLE.len() as u64,
        etag: format!("\"{digest}\""),
        modified: now,
    };
    let job = Job {
        request,
        state: JobState::Succeeded,
        queue_paused: false,
        progress: 100,
        started: Some(now),
        ended: Some(now),
        facts: Some(facts),
        error: None,
        target: Some(target.clone()),
        delivery: Delivery::default(),
    };
    let style = BodyStyle { time_offset: config.time_offset, json_array: config.callback.json_array };
    let (content_type, body) = callback_body::print(&job, region, target.format, style);
    Message {
        job: job.request.id,
        bucket: job.request.object.bucket.clone(),
        event_id: event_id(job.request.id),
        request_id: request_id(now),
        content_type,
        body: body.into(),
    }
}
