//! Queues and the file processing service of a bucket (spec sections 3 and 4).

use crate::{BucketName, CallbackFormat, MqTarget, QueueId, Timestamp};

/// A queue of a bucket: jobs wait in it, and it may say where callbacks go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The identifier.
    pub id: QueueId,
    /// The bucket it belongs to.
    pub bucket: BucketName,
    /// 1 to 128 characters.
    pub name: String,
    /// Jobs of a paused queue wait until it is active again.
    pub paused: bool,
    /// Where callbacks of jobs go that do not say it themselves.
    pub notify: Notify,
    /// How many jobs may wait.
    pub jobs_waiting_max: u64,
    /// How many jobs may run at once.
    pub jobs_running_max: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl Queue {
    /// The name of a bucket's first queue (spec section 4).
    pub const FIRST_NAME: &'static str = "queue-file-process-1";
}

/// The NotifyConfig of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// Whether it is switched on. When off, the rest is kept and shown but not used.
    pub on: bool,
    /// Whether its events contain `TaskFinish`, the only event that a hash job can raise.
    pub on_task_finish: bool,
    /// Whether its events contain `WorkflowFinish`: kept for the echo, never raised here.
    pub on_workflow_finish: bool,
    /// The body's format.
    pub format: CallbackFormat,
    /// The address; `None` as long as none was ever set.
    pub address: Option<NotifyAddress>,
}

/// The address of a queue's callbacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyAddress {
    /// `Type=Url`.
    Url(String),
    /// `Type=TDMQ`.
    Mq(MqTarget),
}

/// The file processing service of a bucket (`FileBucket`): while there is none, the bucket takes no jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The bucket.
    pub bucket: BucketName,
    /// When it was opened.
    pub created: Timestamp,
}
