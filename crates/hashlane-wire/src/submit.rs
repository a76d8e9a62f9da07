//! `POST /file_jobs`, the request (spec section 5): parsed by servers, printed by clients.
//!
//! Parsing keeps the validation order of the spec, in which the queue is looked up between two groups of fields: see
//! [`SubmitDraft`]. Whether the object exists is not asked here nor by anyone at submission.

use hashlane_job::{BucketName, CallbackRequest, JobId, NewJob, ObjectRef, QueueId};
use hashlane_lanes::Algorithm;

use crate::xml::{self, Element, Limits, Writer};
use crate::{ErrorCode, WireError, callback_request, wire_algorithm};

/// The longest object key, in bytes.
const OBJECT_BYTES_MAX: usize = 850;
/// The longest UserData, in characters of printable ASCII.
const USER_DATA_CHARACTERS_MAX: usize = 1024;
/// The only task of this API.
const TAG: &str = "FileHashCode";

/// A submit, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitRequest {
    /// The full object key, taken literally, 1 to 850 bytes.
    pub object: String,
    /// The one algorithm.
    pub algorithm: Algorithm,
    /// The algorithm's name as the client wrote it.
    pub algorithm_as_given: String,
    /// Whether the digest is to be stored as metadata of the object.
    pub add_to_header: bool,
    /// Printable ASCII, at most 1,024 characters.
    pub user_data: Option<String>,
    /// 0, 1 or 2.
    pub level: u8,
    /// The queue as given; the server resolves it against the bucket's queues.
    pub queue: Option<String>,
    /// The callback as the job states it.
    pub callback: CallbackRequest,
}

impl SubmitRequest {
    /// [`SubmitDraft::parse`] and [`SubmitDraft::finish`] in one, for those who have no queue to look up in between.
    ///
    /// # Errors
    /// As theirs.
    pub fn parse(body: &[u8]) -> Result<SubmitRequest, WireError> {
        SubmitDraft::parse(body)?.finish()
    }

    /// The body, as a client sends it; element order is the Python SDK's.
    pub fn print(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.open("Request");
        out.open("Input");
        out.leaf("Object", &self.object);
        out.close("Input");
        out.leaf("Tag", TAG);
        out.open("Operation");
        out.open("FileHashCodeConfig");
        out.leaf("Type", &self.algorithm_as_given);
        out.leaf("AddToHeader", if self.add_to_header { "true" } else { "false" });
        out.close("FileHashCodeConfig");
        if let Some(user_data) = &self.user_data {
            out.leaf("UserData", user_data);
        }
        if self.level > 0 {
            out.leaf("JobLevel", &self.level.to_string());
        }
        out.close("Operation");
        if let Some(queue) = &self.queue {
            out.leaf("QueueId", queue);
        }
        callback_request::print(&self.callback, &mut out);
        out.close("Request");
        out.finish()
    }

    /// The job that is asked for; who asks is not said in a body.
    pub fn into_job(self, id: JobId, bucket: BucketName, queue: QueueId) -> NewJob {
        NewJob {
            id,
            object: ObjectRef { bucket, key: self.object },
            queue,
            algorithm: self.algorithm,
            algorithm_as_given: self.algorithm_as_given,
            add_to_header: self.add_to_header,
            user_data: self.user_data,
            level: self.level,
            fresh: false,
            submitter: None,
            callback: self.callback,
        }
    }
}

/// A submit of which everything up to the queue is checked. The server looks the queue up in between:
///
/// ```text
/// let draft = SubmitDraft::parse(body)?;
/// let queue = resolve(draft.queue())?;          // QueueNotFound comes before any complaint about the callback
/// let job = draft.finish()?.into_job(id, bucket, queue);
/// ```
#[derive(Debug, Clone)]
pub struct SubmitDraft {
    request: SubmitRequest,
    /// What is wrong with the callback fields, held back until the queue is known to be right.
    refusal: Option<WireError>,
}

impl SubmitDraft {
    /// Checks a body in the order of spec section 5: present, well-formed, root, Tag, object, config, UserData, level.
    ///
    /// # Errors
    /// `MissingContent` when the body is empty, `InvalidContent` when it is not well-formed XML with the root `Request`,
    /// `InvalidArgument` when the value of a field is missing or not allowed.
    pub fn parse(body: &[u8]) -> Result<SubmitDraft, WireError> {
        if body.is_empty() {
            return Err(WireError::new(ErrorCode::MissingContent, "the request needs an XML body"));
        }
        let root = xml::parse(body, Limits::REQUEST)?;
        if root.name() != "Request" {
            return Err(WireError::content("the root of the XML must be Request"));
        }
        match root.word_of("Tag")? {
            Some(TAG) => {}
            Some(_) => return Err(WireError::argument("tag not supported; Tag must be FileHashCode")),
            None => return Err(missing("Tag")),
        }
        let object = object(&root)?;
        let operation = root.child("Operation")?.ok_or_else(|| missing("Operation"))?;
        let config = operation.child("FileHashCodeConfig")?.filter(|config| !config.children().is_empty());
        let config = config.ok_or_else(|| missing("Operation.FileHashCodeConfig"))?;
        let (algorithm, algorithm_as_given) = algorithm(config)?;
        let add_to_header = add_to_header(config)?;
        let user_data = user_data(operation)?;
        let level = level(operation)?;
        let queue = root.word_of("QueueId")?.map(str::to_owned);
        let (callback, refusal) = match callback_request::parse(&root) {
            Ok(callback) => (callback, None),
            Err(refusal) => (CallbackRequest::default(), Some(refusal)),
        };
        let request =
            SubmitRequest { object, algorithm, algorithm_as_given, add_to_header, user_data, level, queue, callback };
        Ok(SubmitDraft { request, refusal })
    }

    /// The QueueId as given.
    pub fn queue(&self) -> Option<&str> {
        self.request.queue.as_deref()
    }

    /// The request, once its queue is found.
    ///
    /// # Errors
    /// `InvalidArgument` when the callback fields are not allowed.
    pub fn finish(self) -> Result<SubmitRequest, WireError> {
        match self.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.request),
        }
    }
}

fn missing(name: &str) -> WireError {
    WireError::argument(format!("{name} is missing or empty"))
}

fn object(root: &Element) -> Result<String, WireError> {
    let input = root.child("Input")?.ok_or_else(|| missing("Input"))?;
    let object = input.text_of("Object")?.ok_or_else(|| missing("Input.Object"))?;
    if object.len() > OBJECT_BYTES_MAX {
        return Err(WireError::argument(format!("Input.Object must have at most {OBJECT_BYTES_MAX} bytes")));
    }
    Ok(object.to_owned())
}

/// The algorithm and its name as given. Any letter case: documents have capitals, the Go SDK sends small letters.
fn algorithm(config: &Element) -> Result<(Algorithm, String), WireError> {
    let name = config.word_of("Type")?.ok_or_else(|| missing("FileHashCodeConfig.Type"))?;
    let algorithm = wire_algorithm(name)
        .ok_or_else(|| WireError::argument("FileHashCodeConfig.Type must be MD5, SHA1 or SHA256"))?;
    Ok((algorithm, name.to_owned()))
}

fn add_to_header(config: &Element) -> Result<bool, WireError> {
    match config.word_of("AddToHeader")? {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(WireError::argument("FileHashCodeConfig.AddToHeader must be true or false")),
    }
}

fn user_data(operation: &Element) -> Result<Option<String>, WireError> {
    let Some(text) = operation.text_of("UserData")? else { return Ok(None) };
    if text.len() > USER_DATA_CHARACTERS_MAX || !text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        let message = format!("UserData must be printable ASCII of at most {USER_DATA_CHARACTERS_MAX} characters");
        return Err(WireError::argument(message));
    }
    Ok(Some(text.to_owned()))
}

fn level(operation: &Element) -> Result<u8, WireError> {
    match operation.word_of("JobLevel")? {
        None | Some("0") => Ok(0),
        Some("1") => Ok(1),
        Some("2") => Ok(2),
        Some(_) => Err(WireError::argument("JobLevel must be 0, 1 or 2")),
    }
}
