//! The wire dialect of Tencent Cloud CI file hash jobs, without any I/O.
//!
//! What clients send becomes values of `hashlane-job`, and values become what clients read: one message per file, parse
//! and print side by side, for servers and clients alike. Beside the messages: the codes of errors, the signatures of
//! requests, and the rules by which a request finds its bucket and its call. "Spec" and "captures" in comments are the
//! project's description of the dialect and the recorded requests of the official SDK.
//!
//! Promised: no input panics; the cost of reading is linear in the input; whatever is printed is well-formed.
//!
//! Left out on purpose: sockets, HTTP, storage and settings. Nothing here knows whether a job or bucket exists.

mod address;
mod call;
pub mod callback_body;
mod callback_request;
mod content;
mod digest_type;
mod error_body;
mod error_code;
mod fresh;
mod head;
pub mod job_detail;
mod job_ids;
mod job_list;
mod page;
mod query;
pub mod queue;
mod request_id;
mod route;
pub mod service;
pub mod sign;
pub mod storage;
mod submit;
pub mod sync_hash;
mod time_offset;
mod xml;

pub use address::{Address, HostRules, address};
pub use call::{Call, StorageOperation};
pub use content::{check_content_md5, check_content_type};
pub use digest_type::{WIRE_ALGORITHMS, wire_algorithm};
pub use error_body::{ErrorAnswer, WireError};
pub use error_code::ErrorCode;
pub use fresh::{FRESH_HEADER, asks_fresh};
pub use head::RequestHead;
pub use job_ids::{JOB_IDS_MAX, check_job_ids};
pub use job_list::{JobListQuery, ListOrder, StateFilter};
pub use page::Page;
pub use query::Query;
pub use request_id::{request_id, trace_id};
pub use route::route;
pub use submit::{SubmitDraft, SubmitRequest};
pub use time_offset::TimeOffset;
