//! Answers with jobs, printed by servers. Element order is that of the official samples.

use hashlane_job::{Job, NewJob};

use super::{JobDetail, JobResult};
use crate::TimeOffset;
use crate::xml::Writer;

/// The answer of a submit: one JobsDetail in state Submitted. `region` is the bucket's.
pub fn print_submitted(job: &NewJob, region: &str, offset: TimeOffset) -> Vec<u8> {
    let mut out = Writer::new();
    out.open("Response");
    write_detail(&JobDetail::submitted(job, region, offset), &mut out);
    out.close("Response");
    out.finish()
}

/// The answer of a query: the jobs that exist, in the order given, then the ids that do not.
pub fn print_described(jobs: &[Job], missing: &[String], region: &str, offset: TimeOffset) -> Vec<u8> {
    let mut out = Writer::new();
    out.open("Response");
    for job in jobs {
        write_detail(&JobDetail::described(job, region, offset), &mut out);
    }
    for id in missing {
        out.leaf("NonExistJobIds", id);
    }
    if jobs.is_empty() && missing.is_empty() {
        out.leaf("NonExistJobIds", "");
    }
    out.close("Response");
    out.finish()
}

/// The answer of a list: a page of jobs, and the token with which the list goes on, if it does.
pub fn print_listed(
    jobs: &[Job],
    next_token: Option<&str>,
    request_id: &str,
    region: &str,
    offset: TimeOffset,
) -> Vec<u8> {
    let mut out = Writer::new();
    out.open("Response");
    out.leaf("RequestId", request_id);
    for job in jobs {
        write_detail(&JobDetail::described(job, region, offset), &mut out);
    }
    out.leaf("NextToken", next_token.unwrap_or_default());
    out.close("Response");
    out.finish()
}

fn write_detail(job: &JobDetail, out: &mut Writer) {
    out.open("JobsDetail");
    out.leaf("Code", &job.code);
    out.leaf("Message", &job.message);
    out.leaf("JobId", &job.job_id);
    out.leaf("State", &job.state);
    out.leaf("Progress", &job.progress.to_string());
    out.leaf("CreationTime", &job.creation_time);
    out.leaf("StartTime", &job.start_time);
    out.leaf("EndTime", &job.end_time);
    out.leaf("QueueId", &job.queue_id);
    out.leaf("Tag", &job.tag);
    out.open("Input");
    out.leaf("BucketId", &job.bucket);
    out.leaf("Object", &job.object);
    out.leaf("Region", &job.region);
    out.close("Input");
    out.open("Operation");
    out.open("FileHashCodeConfig");
    out.leaf("Type", &job.algorithm);
    out.leaf("AddToHeader", if job.add_to_header { "true" } else { "false" });
    out.close("FileHashCodeConfig");
    if let Some(result) = &job.result {
        write_result(result, out);
    }
    if let Some(user_data) = &job.user_data {
        out.leaf("UserData", user_data);
    }
    out.leaf("JobLevel", &job.level.to_string());
    out.close("Operation");
    out.close("JobsDetail");
}

fn write_result(result: &JobResult, out: &mut Writer) {
    out.open("FileHashCodeResult");
    for (name, digest) in &result.digests {
        out.leaf(name, digest);
    }
    out.leaf("LastModified", &result.last_modified);
    out.leaf("Etag", &result.etag);
    out.leaf("FileSize", &result.file_size.to_string());
    out.close("FileHashCodeResult");
}
