//! One request for every call that the wire knows. A new call does not compile here until it has its place.

use hashlane_wire::{Address, Call, RequestHead, StorageOperation, route};

use crate::exchange::Ask;

/// The identifiers that requests name.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) job: String,
    pub(crate) queue: String,
    pub(crate) object: String,
    pub(crate) upload: String,
    /// The value of `x-cos-copy-source`.
    pub(crate) source: String,
}

/// Every call, with identifiers that mean nothing.
pub(crate) fn all() -> Vec<Call> {
    std::iter::successors(Some(Call::SubmitJob), after).collect()
}

/// The call after this one. Without a wildcard, so that no call can be left out.
fn after(call: &Call) -> Option<Call> {
    let id = String::new;
    Some(match call {
        Call::SubmitJob => Call::DescribeJobs { ids: vec![] },
        Call::DescribeJobs { .. } => Call::ListJobs,
        Call::ListJobs => Call::CancelJob { id: id() },
        Call::CancelJob { .. } => Call::ListQueues,
        Call::ListQueues => Call::UpdateQueue { id: id() },
        Call::UpdateQueue { .. } => Call::OpenService,
        Call::OpenService => Call::ListServices,
        Call::ListServices => Call::CreateBatch,
        Call::CreateBatch => Call::DescribeBatch { id: id() },
        Call::DescribeBatch { .. } => Call::ListBatches,
        Call::ListBatches => Call::CancelBatch { id: id() },
        Call::CancelBatch { .. } => Call::Sibling,
        Call::Sibling => Call::WrongMethod,
        Call::WrongMethod => Call::Unknown,
        Call::Unknown => storage(StorageOperation::ListBuckets),
        // Closing comes last: it takes away what others ask for.
        Call::Storage { operation, .. } => after_operation(*operation).map_or(Call::CloseService, storage),
        Call::CloseService => return None,
    })
}

fn storage(operation: StorageOperation) -> Call {
    Call::Storage { key: None, operation }
}

fn after_operation(operation: StorageOperation) -> Option<StorageOperation> {
    use StorageOperation as Op;
    Some(match operation {
        Op::ListBuckets => Op::HeadBucket,
        Op::HeadBucket => Op::PutBucket,
        Op::PutBucket => Op::ListObjects,
        Op::ListObjects => Op::ListUploads,
        Op::ListUploads => Op::GetObject,
        Op::GetObject => Op::HeadObject,
        Op::HeadObject => Op::SyncHash,
        Op::SyncHash => Op::ListParts,
        Op::ListParts => Op::PutObject,
        Op::PutObject => Op::CopyObject,
        Op::CopyObject => Op::InitiateUpload,
        Op::InitiateUpload => Op::UploadPart,
        Op::UploadPart => Op::CopyPart,
        Op::CopyPart => Op::CompleteUpload,
        Op::CompleteUpload => Op::AbortUpload,
        Op::AbortUpload => Op::DeleteObject,
        Op::DeleteObject => Op::DeleteObjects,
        Op::DeleteObjects => Op::Other,
        Op::Other => return None,
    })
}

/// A request that makes this call to the bucket `<name>-<number>`, not signed.
pub(crate) fn ask(call: &Call, bucket: &str, names: &Names) -> Ask {
    let (object, upload) = (&names.object, &names.upload);
    let queue = format!("<QueueId>{}</QueueId></Request>", names.queue);
    let submit = crate::jobs::minimal(object).replace("</Request>", &queue);
    let update = "<Request><Name>changed</Name><State>Paused</State><NotifyConfig/></Request>";
    let delete = format!("<Delete><Object><Key>{object}</Key></Object></Delete>");
    // The part is `abc`.
    let complete = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>900150983cd24fb0d6963f7d28e17f72</ETag></Part>\
                    </CompleteMultipartUpload>";
    let (method, target, body) = match call {
        Call::SubmitJob => ("POST", "/file_jobs".to_owned(), submit.as_str()),
        Call::DescribeJobs { .. } => ("GET", format!("/file_jobs/{}", names.job), ""),
        Call::ListJobs => ("GET", "/file_jobs?tag=FileHashCode".to_owned(), ""),
        Call::CancelJob { .. } => ("PUT", format!("/jobs/{}?cancel", names.job), ""),
        Call::ListQueues => ("GET", format!("/file_queue?queueIds={}", names.queue), ""),
        Call::UpdateQueue { .. } => ("PUT", format!("/file_queue/{}", names.queue), update),
        Call::OpenService => ("POST", "/file_bucket".to_owned(), ""),
        Call::ListServices => ("GET", "/file_bucket?pageNumber=1".to_owned(), ""),
        Call::CloseService => ("DELETE", "/file_bucket".to_owned(), ""),
        Call::CreateBatch => ("POST", "/inventorytriggerjob".to_owned(), "<Request/>"),
        Call::DescribeBatch { .. } => ("GET", "/inventorytriggerjob/b3deffea2f84911ec9cb15254008618d9".to_owned(), ""),
        Call::ListBatches => ("GET", "/inventorytriggerjob?type=Job".to_owned(), ""),
        Call::CancelBatch { .. } => ("PUT", "/inventorytriggerjob/b3deffea2f84911ec9cb15254008618d9".to_owned(), ""),
        Call::Sibling => ("POST", "/picbucket".to_owned(), ""),
        Call::WrongMethod => ("PATCH", "/file_jobs".to_owned(), ""),
        Call::Unknown => ("GET", "/no_such_path".to_owned(), ""),
        Call::Storage { operation, .. } => match operation {
            StorageOperation::ListBuckets => ("GET", "/".to_owned(), ""),
            StorageOperation::HeadBucket => ("HEAD", "/".to_owned(), ""),
            StorageOperation::PutBucket => ("PUT", "/".to_owned(), ""),
            StorageOperation::ListObjects => ("GET", "/?prefix=".to_owned(), ""),
            StorageOperation::DeleteObjects => ("POST", "/?delete".to_owned(), delete.as_str()),
            StorageOperation::ListUploads => ("GET", "/?uploads".to_owned(), ""),
            StorageOperation::PutObject => ("PUT", format!("/{object}"), "overwritten"),
            StorageOperation::GetObject => ("GET", format!("/{object}"), ""),
            StorageOperation::HeadObject => ("HEAD", format!("/{object}"), ""),
            StorageOperation::DeleteObject => ("DELETE", format!("/{object}"), ""),
            StorageOperation::CopyObject => ("PUT", "/copied".to_owned(), ""),
            StorageOperation::InitiateUpload => ("POST", format!("/{object}?uploads"), ""),
            StorageOperation::UploadPart => ("PUT", format!("/{object}?partNumber=1&uploadId={upload}"), "abc"),
            StorageOperation::CopyPart => ("PUT", format!("/{object}?partNumber=1&uploadId={upload}"), ""),
            StorageOperation::CompleteUpload => ("POST", format!("/{object}?uploadId={upload}"), complete),
            StorageOperation::ListParts => ("GET", format!("/{object}?uploadId={upload}"), ""),
            StorageOperation::AbortUpload => ("DELETE", format!("/{object}?uploadId={upload}"), ""),
            StorageOperation::SyncHash => ("GET", format!("/{object}?ci-process=filehash&type=md5"), ""),
            StorageOperation::Other => ("PUT", format!("/{object}?acl"), ""),
        },
    };
    let host = match call {
        Call::Storage { operation: StorageOperation::ListBuckets, .. } => "service.cos.myqcloud.com".to_owned(),
        Call::Storage { .. } => format!("{bucket}.cos.ap-chongqing.myqcloud.com"),
        Call::ListServices => "ci.ap-chongqing.myqcloud.com".to_owned(),
        _ => format!("{bucket}.ci.ap-chongqing.myqcloud.com"),
    };
    let mut ask = Ask::new(method, &target).host(&host);
    if !matches!(method, "GET" | "HEAD") {
        ask = ask.header("Content-Length", &body.len().to_string());
    }
    if matches!(call, Call::Storage { operation: StorageOperation::CopyObject | StorageOperation::CopyPart, .. }) {
        ask = ask.header("x-cos-copy-source", &names.source);
    }
    Ask { body: body.into(), ..ask }
}

/// Checks that the request is one for that call.
pub(crate) fn check(call: &Call, ask: &Ask, address: &Address) {
    let (path, query) = ask.target.split_once('?').unwrap_or((&ask.target, ""));
    let headers = ask.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let routed = route(&RequestHead { method: &ask.method, path, query, headers }, address, true);
    let label = routed.map(|call| call.route_label());
    assert_eq!(label, Ok(call.route_label()), "{} {}", ask.method, ask.target);
}
