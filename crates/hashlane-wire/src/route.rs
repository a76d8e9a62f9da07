//! Routing: from a request head to the call it makes (table of spec section 2).
//!
//! A pure function of method, path, query and address. The labels `ci` and `cos` of the host decide only what a path
//! that could be either is: on a `.ci.` host everything is API, elsewhere an API path must also have the form of its call,
//! else it names an object.

use percent_encoding::percent_decode_str;

use crate::{Address, Call, ErrorCode, Query, RequestHead, StorageOperation, WireError, job_ids};

/// Queues and buckets of other CI services, to which SDKs send service calls (spec section 2, further decisions).
const SIBLINGS: [&str; 10] = [
    "ai_bucket",
    "ai_queue",
    "asrbucket",
    "asrqueue",
    "docbucket",
    "docqueue",
    "mediabucket",
    "picbucket",
    "picqueue",
    "queue",
];

/// Parameters that turn `POST /file_jobs` and the like into an operation on an object of that name.
const OBJECT_POSTS: [&str; 5] = ["uploads", "uploadId", "append", "restore", "select"];

/// Parameters that name a part or property of a bucket or object that this service does not have. A request with one of
/// them must not be taken for one on the object itself: `PUT /<key>?acl` would overwrite it.
const SUBRESOURCES: [&str; 31] = [
    "accelerate",
    "acl",
    "append",
    "bucket-policy",
    "callback",
    "cors",
    "domain",
    "domaincertificate",
    "encryption",
    "intelligent-tiering",
    "intelligenttiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "object-lock",
    "origin",
    "policy",
    "publicaccessblock",
    "referer",
    "replication",
    "restore",
    "retention",
    "select",
    "symlink",
    "tagging",
    "torrent",
    "versioning",
    "versions",
    "website",
];

/// The names of the query that make `GET /` a listing although the Host names no bucket.
const LISTING: [&str; 7] = ["prefix", "delimiter", "marker", "max-keys", "encoding-type", "uploads", "location"];

/// The call of a request. `signed`: whether it carries a signature, which decides what a bare `GET /file_queue` is.
///
/// # Errors
/// `InvalidURI` when path or query is not UTF-8 once decoded.
pub fn route(head: &RequestHead<'_>, address: &Address, signed: bool) -> Result<Call, WireError> {
    let path = percent_decode_str(head.path)
        .decode_utf8()
        .map_err(|_| WireError::new(ErrorCode::InvalidUri, "the path is not UTF-8 once it is percent-decoded"))?;
    let request = Request { method: head.method, query: Query::parse(head.query)?, ci_host: address.ci_host, signed };
    let call = request.api(&path);
    if address.ci_host {
        return Ok(call.unwrap_or(Call::Unknown));
    }
    Ok(call.unwrap_or_else(|| request.storage(head, &path, address.bucket_named)))
}

struct Request<'a> {
    method: &'a str,
    query: Query,
    ci_host: bool,
    signed: bool,
}

impl Request<'_> {
    /// The API call, or `None` when the path is not one of the API or, off a `.ci.` host, has not the form of a call.
    fn api(&self, path: &str) -> Option<Call> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let (name, id, rest) = (segments.next()?, segments.next(), segments.next());
        if rest.is_some() {
            return None;
        }
        match (name, id) {
            ("file_jobs" | "jobs", None) => self.jobs(),
            ("file_jobs" | "jobs", Some(id)) => self.job(id),
            ("file_queue", None) => self.queues(),
            ("file_queue", Some(id)) => self.queue(id),
            ("file_bucket", None) => self.service(),
            ("inventorytriggerjob", None) => self.batches(),
            ("inventorytriggerjob", Some(id)) => self.batch(id),
            (name, id) if SIBLINGS.contains(&name) && id.is_none_or(|id| is_id(id, 'p')) => {
                matches!(self.method, "PUT" | "POST" | "DELETE").then_some(Call::Sibling)
            }
            _ => None,
        }
    }

    fn jobs(&self) -> Option<Call> {
        match self.method {
            "POST" => self.when(!self.has_any(&OBJECT_POSTS), Call::SubmitJob),
            "GET" => self.when(self.has_any(&["tag", "states", "size", "orderByTime", "type"]), Call::ListJobs),
            _ => self.wrong_method(),
        }
    }

    fn job(&self, id: &str) -> Option<Call> {
        match self.method {
            "GET" => {
                let ids = job_ids::split(id);
                let all = !ids.is_empty() && ids.iter().all(|id| is_id(id, 'f'));
                let some = ids.iter().any(|id| is_id(id, 'f')) && !ids.iter().any(|id| id.contains('.'));
                self.when(all || some, Call::DescribeJobs { ids })
            }
            "PUT" if self.query.has("cancel") => self.when(is_id(id, 'f'), Call::CancelJob { id: id.to_owned() }),
            _ => self.wrong_method(),
        }
    }

    fn queues(&self) -> Option<Call> {
        let named = self.has_any(&["queueIds", "state", "pageNumber", "pageSize"]);
        match self.method {
            "GET" => self.when(named || self.is_bare_and_signed(), Call::ListQueues),
            _ => self.wrong_method(),
        }
    }

    fn queue(&self, id: &str) -> Option<Call> {
        match self.method {
            "PUT" | "POST" => self.when(is_id(id, 'p'), Call::UpdateQueue { id: id.to_owned() }),
            _ => self.wrong_method(),
        }
    }

    fn service(&self) -> Option<Call> {
        let named = self.has_any(&["regions", "bucketNames", "bucketName", "pageNumber", "pageSize"]);
        match self.method {
            "POST" => self.when(!self.has_any(&OBJECT_POSTS), Call::OpenService),
            "GET" => self.when(named || self.is_bare_and_signed(), Call::ListServices),
            "DELETE" => self.when(false, Call::CloseService),
            _ => self.wrong_method(),
        }
    }

    fn batches(&self) -> Option<Call> {
        match self.method {
            "POST" => self.when(!self.has_any(&OBJECT_POSTS), Call::CreateBatch),
            "GET" => self.when(self.has_any(&["tag", "states", "size", "orderByTime", "type"]), Call::ListBatches),
            _ => self.wrong_method(),
        }
    }

    fn batch(&self, id: &str) -> Option<Call> {
        match self.method {
            "GET" => self.when(is_id(id, 'b'), Call::DescribeBatch { id: id.to_owned() }),
            // Go cancels without `?cancel`.
            "PUT" => self.when(is_id(id, 'b'), Call::CancelBatch { id: id.to_owned() }),
            _ => self.wrong_method(),
        }
    }

    /// The call, where everything is API or the request has the form of it.
    fn when(&self, has_the_form: bool, call: Call) -> Option<Call> {
        (self.ci_host || has_the_form).then_some(call)
    }

    /// Elsewhere than on a `.ci.` host, another method on an API path is an operation on an object of that name.
    fn wrong_method(&self) -> Option<Call> {
        self.when(false, Call::WrongMethod)
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.query.has(name))
    }

    /// Signed, and nothing in the query but the signature.
    fn is_bare_and_signed(&self) -> bool {
        let of_signature = |name: &str| name.starts_with("q-") || name.ends_with("-security-token");
        self.signed && self.query.names().all(of_signature)
    }

    fn storage(&self, head: &RequestHead<'_>, path: &str, bucket_named: bool) -> Call {
        let key = path.strip_prefix('/').unwrap_or(path);
        if !key.is_empty() {
            return Call::Storage { key: Some(key.to_owned()), operation: self.object_operation(head) };
        }
        if self.method == "GET" && !bucket_named && (!self.has_any(&LISTING) || self.is_service_listing()) {
            return Call::Storage { key: None, operation: StorageOperation::ListBuckets };
        }
        Call::Storage { key: Some(String::new()), operation: self.bucket_operation() }
    }

    /// The Python SDK lists buckets by an empty `marker` and `max-keys`, and its listings of one bucket have more; no other SDK
    /// sends empty values.
    fn is_service_listing(&self) -> bool {
        let mut names: Vec<String> = self.query.names().map(str::to_ascii_lowercase).collect();
        names.retain(|name| !name.starts_with("q-"));
        names.sort_unstable();
        names == ["marker", "max-keys"] && self.query.value("marker").is_none()
    }

    /// `versionId` counts only with a value: SDKs send it empty for the current version.
    fn names_a_subresource(&self) -> bool {
        self.has_any(&SUBRESOURCES) || self.query.value("versionId").is_some()
    }

    fn bucket_operation(&self) -> StorageOperation {
        if self.names_a_subresource() {
            return StorageOperation::Other;
        }
        match self.method {
            "GET" if self.query.has("uploads") => StorageOperation::ListUploads,
            "GET" => StorageOperation::ListObjects,
            "HEAD" => StorageOperation::HeadBucket,
            "PUT" => StorageOperation::PutBucket,
            "POST" if self.query.has("delete") => StorageOperation::DeleteObjects,
            _ => StorageOperation::Other,
        }
    }

    fn object_operation(&self, head: &RequestHead<'_>) -> StorageOperation {
        let (upload, part) = (self.query.has("uploadId"), self.query.has("partNumber"));
        let copies = head.header("x-cos-copy-source").is_some();
        if self.names_a_subresource() {
            return StorageOperation::Other;
        }
        match self.method {
            // A HEAD with the parameters of a hash is a plain HEAD (spec section 10).
            "HEAD" => StorageOperation::HeadObject,
            "GET" if upload => StorageOperation::ListParts,
            "GET" if self.query.value("ci-process") == Some("filehash") => StorageOperation::SyncHash,
            "GET" if self.query.has("ci-process") => StorageOperation::Other,
            "GET" => StorageOperation::GetObject,
            "PUT" if upload && part && copies => StorageOperation::CopyPart,
            "PUT" if upload && part => StorageOperation::UploadPart,
            "PUT" if upload || part => StorageOperation::Other,
            "PUT" if copies => StorageOperation::CopyObject,
            "PUT" => StorageOperation::PutObject,
            "POST" if self.query.has("uploads") => StorageOperation::InitiateUpload,
            "POST" if upload => StorageOperation::CompleteUpload,
            "DELETE" if upload => StorageOperation::AbortUpload,
            "DELETE" => StorageOperation::DeleteObject,
            _ => StorageOperation::Other,
        }
    }
}

/// Whether a text has the shape of an identifier: its letter and 32 lower-case hex digits.
fn is_id(text: &str, letter: char) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix(letter).is_some_and(|digits| digits.len() == 32 && digits.bytes().all(hex))
}
