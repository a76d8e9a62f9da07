//! The calls that a request can be: the API of spec sections 3 to 11 and the storage operations of section 15.

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `POST /file_jobs`.
    SubmitJob,
    /// `GET /file_jobs/<ids>`.
    DescribeJobs {
        /// As written, decoded and split at commas; empty parts and repeats dropped. Opaque: see
        /// [`crate::check_job_ids`].
        ids: Vec<String>,
    },
    /// `GET /file_jobs`.
    ListJobs,
    /// `PUT /jobs/<id>?cancel`.
    CancelJob {
        /// As written, decoded.
        id: String,
    },
    /// `GET /file_queue`.
    ListQueues,
    /// `PUT` or `POST /file_queue/<id>`.
    UpdateQueue {
        /// As written, decoded.
        id: String,
    },
    /// `POST /file_bucket`.
    OpenService,
    /// `GET /file_bucket`.
    ListServices,
    /// `DELETE /file_bucket`.
    CloseService,
    /// `POST /inventorytriggerjob`.
    CreateBatch,
    /// `GET /inventorytriggerjob/<id>`.
    DescribeBatch {
        /// As written, decoded.
        id: String,
    },
    /// `GET /inventorytriggerjob`.
    ListBatches,
    /// `PUT /inventorytriggerjob/<id>`, with or without `?cancel`.
    CancelBatch {
        /// As written, decoded.
        id: String,
    },
    /// A write to the path of a sibling CI service: 405, so that it never becomes a write to an object.
    Sibling,
    /// An object or bucket operation.
    Storage {
        /// The decoded key, empty for the bucket, `None` for the service listing.
        key: Option<String>,
        /// Which one.
        operation: StorageOperation,
    },
    /// A known API path with the wrong method: 405.
    WrongMethod,
    /// An unknown path on a host where everything is API: 404.
    Unknown,
}

/// A storage operation of spec section 15, or the synchronous hash of section 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageOperation {
    /// `GET /` without a bucket.
    ListBuckets,
    /// `HEAD /`.
    HeadBucket,
    /// `PUT /`.
    PutBucket,
    /// `GET /`.
    ListObjects,
    /// `POST /?delete`.
    DeleteObjects,
    /// `GET /?uploads`.
    ListUploads,
    /// `PUT /<key>`.
    PutObject,
    /// `GET /<key>`.
    GetObject,
    /// `HEAD /<key>`.
    HeadObject,
    /// `DELETE /<key>`.
    DeleteObject,
    /// `PUT /<key>` with `x-cos-copy-source`.
    CopyObject,
    /// `POST /<key>?uploads`.
    InitiateUpload,
    /// `PUT /<key>?partNumber&uploadId`.
    UploadPart,
    /// `PUT /<key>?partNumber&uploadId` with `x-cos-copy-source`.
    CopyPart,
    /// `POST /<key>?uploadId`.
    CompleteUpload,
    /// `GET /<key>?uploadId`.
    ListParts,
    /// `DELETE /<key>?uploadId`.
    AbortUpload,
    /// `GET /<key>?ci-process=filehash`.
    SyncHash,
    /// One that is not in the spec; it must never be taken for one that is.
    Other,
}

impl Call {
    /// The CAM action that a key must be allowed (spec section 12); empty where nothing is done.
    pub const fn action(&self) -> &'static str {
        match self {
            Call::SubmitJob => "ci:CreateFileProcessJobs",
            Call::DescribeJobs { .. } | Call::ListJobs => "ci:DescribeFileProcessJob",
            Call::CancelJob { .. } => "ci:CancelFileProcessJob",
            Call::ListQueues => "ci:DescribeFileProcessQueues",
            Call::UpdateQueue { .. } => "ci:UpdateFileProcessQueue",
            Call::OpenService => "ci:CreateFileProcessBucket",
            Call::ListServices => "ci:DescribeFileProcessBucket",
            Call::CloseService => "ci:DeleteFileProcessBucket",
            Call::CreateBatch => "ci:CreateInventoryTriggerJob",
            Call::DescribeBatch { .. } => "ci:DescribeInventoryTriggerJob",
            Call::ListBatches => "ci:DescribeInventoryTriggerJobs",
            Call::CancelBatch { .. } => "ci:CancelInventoryTriggerJob",
            Call::Storage { operation, .. } => operation.action(),
            Call::Sibling | Call::WrongMethod | Call::Unknown => "",
        }
    }

    /// Another action that allows the call as well: the documents of `/jobs/<id>?cancel` name one of their own.
    pub const fn other_action(&self) -> Option<&'static str> {
        match self {
            Call::CancelJob { .. } => Some("ci:CancelMediaJob"),
            _ => None,
        }
    }

    /// A short stable label for metrics and logs.
    pub const fn route_label(&self) -> &'static str {
        match self {
            Call::SubmitJob => "submit_job",
            Call::DescribeJobs { .. } => "describe_jobs",
            Call::ListJobs => "list_jobs",
            Call::CancelJob { .. } => "cancel_job",
            Call::ListQueues => "list_queues",
            Call::UpdateQueue { .. } => "update_queue",
            Call::OpenService => "open_service",
            Call::ListServices => "list_services",
            Call::CloseService => "close_service",
            Call::CreateBatch => "create_batch",
            Call::DescribeBatch { .. } => "describe_batch",
            Call::ListBatches => "list_batches",
            Call::CancelBatch { .. } => "cancel_batch",
            Call::Sibling => "sibling",
            Call::Storage { operation, .. } => operation.route_label(),
            Call::WrongMethod => "wrong_method",
            Call::Unknown => "unknown",
        }
    }
}

impl StorageOperation {
    const fn action(self) -> &'static str {
        match self {
            StorageOperation::ListBuckets => "cos:GetService",
            StorageOperation::HeadBucket => "cos:HeadBucket",
            StorageOperation::PutBucket => "cos:PutBucket",
            StorageOperation::ListObjects => "cos:GetBucket",
            StorageOperation::DeleteObjects => "cos:DeleteMultipleObjects",
            StorageOperation::ListUploads => "cos:ListMultipartUploads",
            StorageOperation::PutObject | StorageOperation::CopyObject => "cos:PutObject",
            StorageOperation::GetObject | StorageOperation::SyncHash => "cos:GetObject",
            StorageOperation::HeadObject => "cos:HeadObject",
            StorageOperation::DeleteObject => "cos:DeleteObject",
            StorageOperation::InitiateUpload => "cos:InitiateMultipartUpload",
            StorageOperation::UploadPart | StorageOperation::CopyPart => "cos:UploadPart",
            StorageOperation::CompleteUpload => "cos:CompleteMultipartUpload",
            StorageOperation::ListParts => "cos:ListParts",
            StorageOperation::AbortUpload => "cos:AbortMultipartUpload",
            StorageOperation::Other => "",
        }
    }

    const fn route_label(self) -> &'static str {
        match self {
            StorageOperation::ListBuckets => "list_buckets",
            StorageOperation::HeadBucket => "head_bucket",
            StorageOperation::PutBucket => "put_bucket",
            StorageOperation::ListObjects => "list_objects",
            StorageOperation::DeleteObjects => "delete_objects",
            StorageOperation::ListUploads => "list_uploads",
            StorageOperation::PutObject => "put_object",
            StorageOperation::GetObject => "get_object",
            StorageOperation::HeadObject => "head_object",
            StorageOperation::DeleteObject => "delete_object",
            StorageOperation::CopyObject => "copy_object",
            StorageOperation::InitiateUpload => "initiate_upload",
            StorageOperation::UploadPart => "upload_part",
            StorageOperation::CopyPart => "copy_part",
            StorageOperation::CompleteUpload => "complete_upload",
            StorageOperation::ListParts => "list_parts",
            StorageOperation::AbortUpload => "abort_upload",
            StorageOperation::SyncHash => "sync_hash",
            StorageOperation::Other => "storage_other",
        }
    }
}
