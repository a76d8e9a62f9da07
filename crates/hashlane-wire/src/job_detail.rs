//! JobsDetail: one job on the wire, in the answers of submit, query and list (spec sections 5 to 7).
//!
//! One shape for both sides: a server fills it from a job and prints it, a client parses it. Promised: whatever text the
//! job has, the answer is well-formed, has no attribute and no namespace, and its root is never empty (captures, P4 to P7).

mod parse;
mod print;

use hashlane_job::{FailureCode, Job, JobState, NewJob};

use crate::TimeOffset;
use crate::digest_type::digest_element;

pub use parse::{parse, parse_listed};
pub use print::{print_described, print_listed, print_submitted};

/// A time that is not reached yet.
const NO_TIME: &str = "-";

/// A job as it stands on the wire. Texts are as they stand there; those that were absent are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobDetail {
    /// `JobId`.
    pub job_id: String,
    /// `State`: Submitted, Running, Success, Failed, Pause or Cancel.
    pub state: String,
    /// `Progress` in percent.
    pub progress: u8,
    /// `Code`: `Success`, or why the job failed.
    pub code: String,
    /// `Message`: empty while unfinished, `success`, or why the job failed.
    pub message: String,
    /// `CreationTime`.
    pub creation_time: String,
    /// `StartTime`, `-` until it is reached.
    pub start_time: String,
    /// `EndTime`, `-` until it is reached.
    pub end_time: String,
    /// `QueueId`.
    pub queue_id: String,
    /// `Tag`.
    pub tag: String,
    /// `Input.BucketId`.
    pub bucket: String,
    /// `Input.Object`.
    pub object: String,
    /// `Input.Region`.
    pub region: String,
    /// `FileHashCodeConfig.Type` as the client gave it.
    pub algorithm: String,
    /// `FileHashCodeConfig.AddToHeader`.
    pub add_to_header: bool,
    /// `Operation.UserData`.
    pub user_data: Option<String>,
    /// `Operation.JobLevel`.
    pub level: u8,
    /// `FileHashCodeResult`, present once the job succeeded.
    pub result: Option<JobResult>,
}

/// What was learnt of the object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobResult {
    /// Element name, such as `MD5`, and digest in hex.
    pub digests: Vec<(String, String)>,
    /// `FileSize` in bytes.
    pub file_size: u64,
    /// `LastModified`.
    pub last_modified: String,
    /// `Etag` with its quotes.
    pub etag: String,
}

impl JobDetail {
    /// A job that has just been accepted.
    pub fn submitted(job: &NewJob, region: &str, offset: TimeOffset) -> JobDetail {
        JobDetail {
            job_id: job.id.to_string(),
            state: "Submitted".to_owned(),
            progress: 0,
            code: "Success".to_owned(),
            message: String::new(),
            creation_time: offset.print(job.created()),
            start_time: NO_TIME.to_owned(),
            end_time: NO_TIME.to_owned(),
            queue_id: job.queue.to_string(),
            tag: "FileHashCode".to_owned(),
            bucket: job.object.bucket.to_string(),
            object: job.object.key.clone(),
            region: region.to_owned(),
            algorithm: job.algorithm_as_given.clone(),
            add_to_header: job.add_to_header,
            user_data: job.user_data.clone(),
            level: job.level,
            result: None,
        }
    }

    /// A job as it stands now. `region` is its bucket's, `offset` that of its times.
    pub fn described(job: &Job, region: &str, offset: TimeOffset) -> JobDetail {
        let time = |time: Option<_>| time.map_or_else(|| NO_TIME.to_owned(), |time| offset.print(time));
        let (code, message) = code_and_message(job);
        let facts = job.facts.as_ref().filter(|_| job.state == JobState::Succeeded);
        JobDetail {
            state: state_word(job).to_owned(),
            progress: job.progress,
            code: code.to_owned(),
            message: message.to_owned(),
            start_time: time(job.started),
            end_time: time(job.ended),
            result: facts.map(|facts| JobResult {
                digests: facts
                    .digests
                    .iter()
                    .filter_map(|digest| Some((digest_element(digest.algorithm())?.to_owned(), digest.to_string())))
                    .collect(),
                file_size: facts.size_bytes,
                last_modified: TimeOffset::UTC.print(facts.modified),
                etag: facts.etag.clone(),
            }),
            ..JobDetail::submitted(&job.request, region, offset)
        }
    }

    /// Whether nothing can happen to the job any more.
    pub fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "Success" | "Failed" | "Cancel")
    }
}

/// The wire's word for a state (spec section 7).
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

/// Code and Message: about the job's failure and nothing else, so that a job that waits for another attempt, or was
/// cancelled, shows the empty success of every unfinished one.
fn code_and_message(job: &Job) -> (&'static str, &str) {
    match (job.state, &job.error) {
        (JobState::Waiting | JobState::Running | JobState::Cancelled, _) => ("Success", ""),
        (JobState::Succeeded, _) => ("Success", "success"),
        (JobState::Failed, Some(error)) => (failure_word(error.code), &error.message),
        // A failed job always has its reason; a store that lost it must still be answered for.
        (JobState::Failed, None) => (failure_word(FailureCode::Internal), "the reason was not recorded"),
    }
}

/// The wire's code for a failure (spec section 7).
const fn failure_word(code: FailureCode) -> &'static str {
    match code {
        FailureCode::NotFound => "ResourceNotFound",
        FailureCode::Denied => "ResourceAccessDenied",
        FailureCode::Unreadable | FailureCode::Changed => "ResourceDownloadFailed",
        FailureCode::TooLarge => "InvalidArgument",
        FailureCode::HeaderDenied => "WriteTargetBucketDenied",
        FailureCode::Internal => "InternalError",
    }
}
