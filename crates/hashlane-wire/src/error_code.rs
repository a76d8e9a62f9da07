//! The codes of error answers; each knows its HTTP status.
//!
//! Codes and statuses are those of spec section 14, of signing.md section 4 (both columns) and, for storage calls, of the
//! COS error table. The official numeric companions are left out: they never appear on the wire.

use std::fmt;

/// The `Code` of an error answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 400: the value of a field is not allowed.
    InvalidArgument,
    /// 400: the body is missing where one is needed.
    MissingContent,
    /// 400: the XML is malformed, its root is wrong, or Content-MD5 differs.
    InvalidContent,
    /// 400: Content-Type names something other than XML.
    InvalidContentType,
    /// 400: no bucket can be derived from Host.
    InvalidHost,
    /// 400: path or query cannot be read as UTF-8.
    InvalidUri,
    /// 400, storage: Content-MD5 is no digest.
    InvalidDigest,
    /// 400, storage: Content-MD5 is not the digest of the body.
    BadDigest,
    /// 400, storage: a part is missing, or is not the one with that ETag.
    InvalidPart,
    /// 400, storage: parts are not in ascending order.
    InvalidPartOrder,
    /// 400, storage: the key is too long.
    KeyTooLong,
    /// 400, storage: no storage class of the original.
    InvalidStorageClass,
    /// 400: unknown job in a cancel, unknown input of a batch.
    ResourceNotFound,
    /// 400: unknown queue.
    QueueNotFound,
    /// 400: the file processing service of the bucket is closed.
    MediaBucketUnBinded,
    /// 401, CI dialect: the request is not signed.
    MissingAuthorization,
    /// 401, CI dialect: the signature cannot be read, or is not the one of this request and key.
    InvalidAuthorization,
    /// 401, CI dialect: unknown or disabled access key.
    SecretidNotExist,
    /// 401, CI dialect: the signature has expired, or is not valid yet.
    SignatureExpired,
    /// 401, CI dialect: a temporary key without its token. On the wire it is `AccessDenied` as well, which is 403 elsewhere.
    Unauthorized,
    /// 403: no permission, or a signature that cannot be read or has expired.
    AccessDenied,
    /// 403: unknown or disabled access key.
    InvalidAccessKeyId,
    /// 403: the signature is not valid yet.
    RequestTimeTooSkewed,
    /// 403: the signature is not the one of this request and key.
    SignatureDoesNotMatch,
    /// 404: unknown bucket.
    NoSuchBucket,
    /// 404: no such object.
    NoSuchKey,
    /// 404: no such multipart upload.
    NoSuchUpload,
    /// 404: unknown path on a host where everything is API.
    NotFound,
    /// 405: known path, wrong method.
    MethodNotAllowed,
    /// 408: the body of the request did not come in time. On the wire it is `RequestTimeout` as well, which is 504 elsewhere.
    BodyTimeout,
    /// 409: the bucket is there already, and it is yours.
    BucketAlreadyOwnedByYou,
    /// 409: the object is there already, and must not be replaced.
    FileAlreadyExists,
    /// 411, storage: the body of an object needs a length, or chunks.
    MissingContentLength,
    /// 412: a condition of the request is not met.
    PreconditionFailed,
    /// 413: the body is over the limit.
    EntityTooLarge,
    /// 416: no byte of the object is in the range.
    InvalidRange,
    /// 417: Expect asks for something else than `100-continue`.
    ExpectationFailed,
    /// 500: a fault of ours.
    InternalError,
    /// 500, ours: the stored record of a job is damaged. It is never told, right or wrong.
    ResultCorrupt,
    /// 501: a call that this server does not offer.
    NotImplemented,
    /// 503: a rate or queue limit; SDKs try again.
    SlowDown,
    /// 504: the work took longer than the limit of a synchronous call.
    RequestTimeout,
}

impl ErrorCode {
    /// The HTTP status that the code is sent with.
    pub const fn status(self) -> u16 {
        match self {
            ErrorCode::InvalidArgument
            | ErrorCode::MissingContent
            | ErrorCode::InvalidContent
            | ErrorCode::InvalidContentType
            | ErrorCode::InvalidHost
            | ErrorCode::InvalidUri
            | ErrorCode::InvalidDigest
            | ErrorCode::BadDigest
            | ErrorCode::InvalidPart
            | ErrorCode::InvalidPartOrder
            | ErrorCode::KeyTooLong
            | ErrorCode::InvalidStorageClass
            | ErrorCode::ResourceNotFound
            | ErrorCode::QueueNotFound
            | ErrorCode::MediaBucketUnBinded => 400,
            ErrorCode::MissingAuthorization
            | ErrorCode::InvalidAuthorization
            | ErrorCode::SecretidNotExist
            | ErrorCode::SignatureExpired
            | ErrorCode::Unauthorized => 401,
            ErrorCode::AccessDenied
            | ErrorCode::InvalidAccessKeyId
            | ErrorCode::RequestTimeTooSkewed
            | ErrorCode::SignatureDoesNotMatch => 403,
            ErrorCode::NoSuchBucket | ErrorCode::NoSuchKey | ErrorCode::NoSuchUpload | ErrorCode::NotFound => 404,
            ErrorCode::MethodNotAllowed => 405,
            ErrorCode::BodyTimeout => 408,
            ErrorCode::BucketAlreadyOwnedByYou | ErrorCode::FileAlreadyExists => 409,
            ErrorCode::MissingContentLength => 411,
            ErrorCode::PreconditionFailed => 412,
            ErrorCode::EntityTooLarge => 413,
            ErrorCode::InvalidRange => 416,
            ErrorCode::ExpectationFailed => 417,
            ErrorCode::InternalError | ErrorCode::ResultCorrupt => 500,
            ErrorCode::NotImplemented => 501,
            ErrorCode::SlowDown => 503,
            ErrorCode::RequestTimeout => 504,
        }
    }

    /// The code as it stands in the body.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidArgument => "InvalidArgument",
            ErrorCode::MissingContent => "MissingContent",
            ErrorCode::InvalidContent => "InvalidContent",
            ErrorCode::InvalidContentType => "InvalidContentType",
            ErrorCode::InvalidHost => "InvalidHost",
            ErrorCode::InvalidUri => "InvalidURI",
            ErrorCode::InvalidDigest => "InvalidDigest",
            ErrorCode::BadDigest => "BadDigest",
            ErrorCode::InvalidPart => "InvalidPart",
            ErrorCode::InvalidPartOrder => "InvalidPartOrder",
            ErrorCode::KeyTooLong => "KeyTooLong",
            ErrorCode::InvalidStorageClass => "InvalidStorageClass",
            ErrorCode::ResourceNotFound => "ResourceNotFound",
            ErrorCode::QueueNotFound => "QueueNotFound",
            ErrorCode::MediaBucketUnBinded => "MediaBucketUnBinded",
            ErrorCode::MissingAuthorization => "MissingAuthorization",
            ErrorCode::InvalidAuthorization => "InvalidAuthorization",
            ErrorCode::SecretidNotExist => "SecretidNotExist",
            ErrorCode::SignatureExpired => "SignatureExpired",
            ErrorCode::AccessDenied | ErrorCode::Unauthorized => "AccessDenied",
            ErrorCode::InvalidAccessKeyId => "InvalidAccessKeyId",
            ErrorCode::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            ErrorCode::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            ErrorCode::NoSuchBucket => "NoSuchBucket",
            ErrorCode::NoSuchKey => "NoSuchKey",
            ErrorCode::NoSuchUpload => "NoSuchUpload",
            ErrorCode::NotFound => "NotFound",
            ErrorCode::MethodNotAllowed => "MethodNotAllowed",
            ErrorCode::BucketAlreadyOwnedByYou => "BucketAlreadyOwnedByYou",
            ErrorCode::FileAlreadyExists => "FileAlreadyExists",
            ErrorCode::MissingContentLength => "MissingContentLength",
            ErrorCode::ExpectationFailed => "ExpectationFailed",
            ErrorCode::PreconditionFailed => "PreconditionFailed",
            ErrorCode::EntityTooLarge => "EntityTooLarge",
            ErrorCode::InvalidRange => "InvalidRange",
            ErrorCode::InternalError => "InternalError",
            ErrorCode::ResultCorrupt => "ResultCorrupt",
            ErrorCode::NotImplemented => "NotImplemented",
            ErrorCode::SlowDown => "SlowDown",
            ErrorCode::RequestTimeout | ErrorCode::BodyTimeout => "RequestTimeout",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
