//! A queue as `hashlane queue` prints it: one line for people, one JSON object for programs.
//!
//! The JSON is stable, as that of jobs is: fields may be added, none is renamed or changes its type.

use hashlane_wire::queue::QueueDetail;
use serde::Serialize;

use crate::commands::job::one_line;

/// One queue as JSON.
#[derive(Debug, Serialize)]
pub(super) struct QueueRecord {
    queue_id: String,
    name: String,
    /// Active or Paused.
    state: String,
    max_size: u64,
    max_concurrent: u64,
    notify: NotifyRecord,
    created: String,
    updated: String,
}

/// Its NotifyConfig as JSON. Texts that were never set are absent.
#[derive(Debug, Serialize)]
struct NotifyRecord {
    /// On or Off.
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    event: String,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    format: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    mq_mode: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    mq_region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    mq_name: String,
}

impl QueueRecord {
    pub(super) fn new(queue: QueueDetail) -> QueueRecord {
        let notify = queue.notify;
        QueueRecord {
            queue_id: queue.queue_id,
            name: queue.name,
            state: queue.state,
            max_size: queue.max_size,
            max_concurrent: queue.max_concurrent,
            notify: NotifyRecord {
                state: notify.state,
                event: notify.event,
                kind: notify.kind,
                format: notify.format,
                url: notify.url,
                mq_mode: notify.mq_mode,
                mq_region: notify.mq_region,
                mq_name: notify.mq_name,
            },
            created: queue.created,
            updated: queue.updated,
        }
    }

    /// The JSON line.
    pub(super) fn json(&self) -> String {
        let mut line = serde_json::to_string(self).expect("a record of texts and numbers is always JSON");
        line.push('\n');
        line
    }

    /// The line for people: id, state, bounds, where callbacks go, and the name.
    pub(super) fn line(&self) -> String {
        let notify = &self.notify;
        let told = match (notify.state.as_str(), notify.kind.as_str()) {
            ("On", "TDMQ") => format!("{} {}/{}", notify.mq_mode, notify.mq_region, notify.mq_name),
            ("On", _) => notify.url.clone(),
            _ => "no callback".to_owned(),
        };
        format!(
            "{}  {:6}  {} waiting  {} running  {}  {}\n",
            self.queue_id,
            self.state,
            self.max_size,
            self.max_concurrent,
            one_line(&told),
            one_line(&self.name)
        )
    }
}
