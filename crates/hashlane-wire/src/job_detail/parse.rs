//! Answers with jobs, parsed by clients: ours or the original's, so that what is absent stays empty and what is unknown
//! is passed over.

use super::{JobDetail, JobResult};
use crate::WireError;
use crate::xml::{self, Element, Limits};

/// The jobs of an answer of submit, query or list, and the ids that do not exist.
///
/// # Errors
/// `InvalidContent` when it is no well-formed answer with the root `Response`, or a number in it is none.
pub fn parse(body: &[u8]) -> Result<(Vec<JobDetail>, Vec<String>), WireError> {
    let root = response(body)?;
    let missing = root.children_named("NonExistJobIds").map(|id| id.raw_text().to_owned());
    Ok((jobs(&root)?, missing.filter(|id| !id.is_empty()).collect()))
}

/// The jobs of a list, and the token of its next page.
///
/// # Errors
/// As [`parse`].
pub fn parse_listed(body: &[u8]) -> Result<(Vec<JobDetail>, Option<String>), WireError> {
    let root = response(body)?;
    let token = root.children_named("NextToken").next().map(|token| token.raw_text().trim().to_owned());
    Ok((jobs(&root)?, token.filter(|token| !token.is_empty())))
}

fn response(body: &[u8]) -> Result<Element, WireError> {
    let root = xml::parse(body, Limits::ANSWER)?;
    if root.name() != "Response" {
        return Err(WireError::content("the root of the answer is not Response"));
    }
    Ok(root)
}

fn jobs(root: &Element) -> Result<Vec<JobDetail>, WireError> {
    root.children_named("JobsDetail").filter(|job| !job.children().is_empty()).map(detail).collect()
}

fn detail(job: &Element) -> Result<JobDetail, WireError> {
    let nothing = Element::default();
    let within = |parent: &'_ Element, name: &str| -> Option<String> {
        parent.children_named(name).next().map(|child| child.raw_text().to_owned())
    };
    let input = job.children_named("Input").next().unwrap_or(&nothing);
    let operation = job.children_named("Operation").next().unwrap_or(&nothing);
    let config = operation.children_named("FileHashCodeConfig").next().unwrap_or(&nothing);
    let text = |name| within(job, name).unwrap_or_default();
    Ok(JobDetail {
        job_id: text("JobId"),
        state: text("State"),
        progress: number("Progress", &text("Progress"))?,
        code: text("Code"),
        message: text("Message"),
        creation_time: text("CreationTime"),
        start_time: text("StartTime"),
        end_time: text("EndTime"),
        queue_id: text("QueueId"),
        tag: text("Tag"),
        bucket: within(input, "BucketId").or_else(|| within(input, "Bucket")).unwrap_or_default(),
        object: within(input, "Object").unwrap_or_default(),
        region: within(input, "Region").unwrap_or_default(),
        algorithm: within(config, "Type").unwrap_or_default(),
        add_to_header: within(config, "AddToHeader").is_some_and(|text| text.trim().eq_ignore_ascii_case("true")),
        user_data: within(operation, "UserData").filter(|text| !text.is_empty()),
        level: number("JobLevel", &within(operation, "JobLevel").unwrap_or_default())?,
        result: operation.children_named("FileHashCodeResult").next().map(result).transpose()?,
    })
}

fn result(result: &Element) -> Result<JobResult, WireError> {
    let mut parsed = JobResult::default();
    for child in result.children() {
        let text = child.raw_text();
        match child.name() {
            "FileSize" => parsed.file_size = number("FileSize", text)?,
            "LastModified" => parsed.last_modified = text.to_owned(),
            "Etag" => parsed.etag = text.to_owned(),
            _ if text.is_empty() => {}
            name => parsed.digests.push((name.to_owned(), text.to_owned())),
        }
    }
    Ok(parsed)
}

/// A number; absent, empty and `-` are zero.
fn number<N: std::str::FromStr + Default>(name: &str, text: &str) -> Result<N, WireError> {
    match text.trim() {
        "" | "-" => Ok(N::default()),
        digits => digits.parse().map_err(|_| WireError::content(format!("{name} of the answer is not a number"))),
    }
}
