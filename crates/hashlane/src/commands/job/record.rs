//! A job as `hashlane job` prints it: one line for people, one JSON object for programs.
//!
//! The JSON is stable: fields may be added, none is renamed or changes its type. Values that the wire has as text (times,
//! states) are printed as the wire has them.

use std::collections::BTreeMap;

use hashlane_wire::job_detail::JobDetail;
use serde::Serialize;
use serde_json::Value;

/// The states in which nothing can happen any more (spec section 7).
const FINAL: [&str; 3] = ["Success", "Failed", "Cancel"];

/// One job as JSON.
#[derive(Debug, Serialize)]
pub(super) struct JobRecord {
    /// `f` and 32 hex digits.
    pub(super) job_id: String,
    /// Submitted, Running, Success, Failed, Pause or Cancel.
    pub(super) state: String,
    /// Percent, 0 to 100.
    progress: u8,
    /// `Success`, or why the job failed.
    code: String,
    /// More words for it; may be empty.
    message: String,
    bucket: String,
    region: String,
    object: String,
    /// As it was given.
    algorithm: String,
    add_to_header: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<String>,
    level: u8,
    queue_id: String,
    /// `2024-01-31T15:49:33+0800`; `-` for a time that is not reached yet.
    created: String,
    started: String,
    ended: String,
    /// Only of a job that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultRecord>,
    /// What became of the callback, as the admin listener tells it; absent when that cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<Value>,
}

/// The result of a job as JSON.
#[derive(Debug, Serialize)]
struct ResultRecord {
    /// Lower-case hex by lower-case name: `{"md5": "..."}`.
    digests: BTreeMap<String, String>,
    size_bytes: u64,
    /// With its double quotes.
    etag: String,
    last_modified: String,
}

impl JobRecord {
    /// The record of a job, with its delivery when that is known.
    pub(super) fn new(job: JobDetail, delivery: Option<Value>) -> JobRecord {
        JobRecord {
            job_id: job.job_id,
            state: job.state,
            progress: job.progress,
            code: job.code,
            message: job.message,
            bucket: job.bucket,
            region: job.region,
            object: job.object,
            algorithm: job.algorithm,
            add_to_header: job.add_to_header,
            user_data: job.user_data,
            level: job.level,
            queue_id: job.queue_id,
            created: job.creation_time,
            started: job.start_time,
            ended: job.end_time,
            result: job.result.map(|result| ResultRecord {
                digests: result.digests.into_iter().map(|(name, hex)| (name.to_ascii_lowercase(), hex)).collect(),
                size_bytes: result.file_size,
                etag: result.etag,
                last_modified: result.last_modified,
            }),
            delivery,
        }
    }

    /// Whether the job succeeded.
    pub(super) fn succeeded(&self) -> bool {
        self.state == "Success"
    }

    /// The JSON line.
    pub(super) fn json(&self) -> String {
        let mut line = serde_json::to_string(self).expect("a record of texts and numbers is always JSON");
        line.push('\n');
        line
    }

    /// The line for people: id, state, then the digest, the reason or the progress, and the object.
    pub(super) fn line(&self) -> String {
        let told = match &self.result {
            Some(result) => {
                let digests: Vec<String> =
                    result.digests.iter().map(|(name, hex)| format!("{}:{hex}", name.to_ascii_lowercase())).collect();
                digests.join(" ")
            }
            None if self.state == "Failed" => format!("{} ({})", self.code, self.message),
            None => format!("{}%", self.progress),
        };
        format!("{}  {:9}  {told}  {}\n", self.job_id, self.state, one_line(&self.object))
    }
}

/// Whether a job in this state has ended.
pub(super) fn is_final(job: &JobDetail) -> bool {
    FINAL.contains(&job.state.as_str())
}

/// A key without control characters, which could otherwise forge lines or steer the terminal.
pub(in crate::commands) fn one_line(key: &str) -> String {
    key.chars().flat_map(|char| if char.is_control() { char.escape_default().collect() } else { vec![char] }).collect()
}
