//! Queues on the wire: `GET /file_queue` and `PUT /file_queue/<id>`, requests and answers (spec section 4).
//!
//! One shape for both sides: a server fills a [`QueueDetail`] from a queue and prints it, a client parses it. Missing ids
//! are flat, repeated `NonExistPIDs` elements; the page is told in every list, also in one by ids.

mod notify;
mod query;
mod update;

use hashlane_job::Queue;

use crate::xml::{self, Element, Limits, Writer};
use crate::{Page, TimeOffset, WireError};

pub use notify::NotifyDetail;
pub use query::QueueListQuery;
pub use update::QueueUpdate;

/// The Category of every file queue.
const CATEGORY: &str = "FileProcessing";

/// A queue as it stands on the wire. Texts are as they stand there; those that were absent are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueDetail {
    /// `QueueId`.
    pub queue_id: String,
    /// `Name`.
    pub name: String,
    /// `State`: Active or Paused.
    pub state: String,
    /// `NotifyConfig`.
    pub notify: NotifyDetail,
    /// `MaxSize`: how many jobs may wait.
    pub max_size: u64,
    /// `MaxConcurrent`: how many jobs may run at once.
    pub max_concurrent: u64,
    /// `UpdateTime`.
    pub updated: String,
    /// `CreateTime`.
    pub created: String,
    /// `Category`.
    pub category: String,
}

/// An answer to a list of queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueList {
    /// How many queues the query meets, on all pages.
    pub total: usize,
    /// Which of the pages this is.
    pub page: Page,
    /// The queues of the page.
    pub queues: Vec<QueueDetail>,
    /// Ids that were asked for and that no queue has.
    pub missing: Vec<String>,
}

impl QueueDetail {
    /// A queue as it is now. `offset` is that of its times.
    pub fn of(queue: &Queue, offset: TimeOffset) -> QueueDetail {
        QueueDetail {
            queue_id: queue.id.to_string(),
            name: queue.name.clone(),
            state: if queue.paused { "Paused" } else { "Active" }.to_owned(),
            notify: NotifyDetail::of(&queue.notify),
            max_size: queue.jobs_waiting_max,
            max_concurrent: queue.jobs_running_max,
            updated: offset.print(queue.updated),
            created: offset.print(queue.created),
            category: CATEGORY.to_owned(),
        }
    }

    /// The answer to an update.
    pub fn print_updated(&self, request_id: &str) -> Vec<u8> {
        let mut out = Writer::new();
        out.open("Response");
        out.leaf("RequestId", request_id);
        self.write("Queue", &mut out);
        out.close("Response");
        out.finish()
    }

    /// Reads the answer to an update.
    ///
    /// # Errors
    /// `InvalidContent` when it is none.
    pub fn parse_updated(body: &[u8]) -> Result<QueueDetail, WireError> {
        let root = response(body)?;
        let queue = root.children_named("Queue").next();
        QueueDetail::read(queue.ok_or_else(|| WireError::content("the answer has no Queue"))?)
    }

    fn write(&self, name: &str, out: &mut Writer) {
        out.open(name);
        out.leaf("QueueId", &self.queue_id);
        out.leaf("Name", &self.name);
        out.leaf("State", &self.state);
        self.notify.write(out);
        out.leaf("MaxSize", &self.max_size.to_string());
        out.leaf("MaxConcurrent", &self.max_concurrent.to_string());
        out.leaf("UpdateTime", &self.updated);
        out.leaf("CreateTime", &self.created);
        out.leaf("Category", &self.category);
        out.close(name);
    }

    fn read(queue: &Element) -> Result<QueueDetail, WireError> {
        let text = |name| first_text(queue, name);
        Ok(QueueDetail {
            queue_id: text("QueueId"),
            name: text("Name"),
            state: text("State"),
            notify: queue.children_named("NotifyConfig").next().map(NotifyDetail::read_answer).unwrap_or_default(),
            max_size: number("MaxSize", queue)?,
            max_concurrent: number("MaxConcurrent", queue)?,
            updated: text("UpdateTime"),
            created: text("CreateTime"),
            category: text("Category"),
        })
    }
}

impl QueueList {
    /// The answer.
    pub fn print(&self, request_id: &str) -> Vec<u8> {
        let mut out = Writer::new();
        out.open("Response");
        out.leaf("RequestId", request_id);
        out.leaf("TotalCount", &self.total.to_string());
        out.leaf("PageNumber", &self.page.number.to_string());
        out.leaf("PageSize", &self.page.size.to_string());
        for queue in &self.queues {
            queue.write("QueueList", &mut out);
        }
        for id in &self.missing {
            out.leaf("NonExistPIDs", id);
        }
        out.close("Response");
        out.finish()
    }

    /// Reads an answer. Without the numbers of the page, which the original leaves out of lists by ids, it is the only one.
    ///
    /// # Errors
    /// `InvalidContent` when it is none.
    pub fn parse(body: &[u8]) -> Result<QueueList, WireError> {
        let root = response(body)?;
        let queues: Vec<QueueDetail> = root
            .children_named("QueueList")
            .filter(|queue| !queue.children().is_empty())
            .map(QueueDetail::read)
            .collect::<Result<_, _>>()?;
        let missing = root.children_named("NonExistPIDs").map(|id| id.raw_text().to_owned());
        let or = |name, otherwise| match number(name, &root)? {
            0 => Ok(otherwise),
            given => Ok::<_, WireError>(usize::try_from(given).unwrap_or(usize::MAX)),
        };
        let first = Page::default();
        Ok(QueueList {
            total: or("TotalCount", queues.len())?,
            page: Page { number: or("PageNumber", first.number)?, size: or("PageSize", first.size)? },
            missing: missing.filter(|id| !id.is_empty()).collect(),
            queues,
        })
    }
}

fn response(body: &[u8]) -> Result<Element, WireError> {
    let root = xml::parse(body, Limits::ANSWER)?;
    if root.name() != "Response" {
        return Err(WireError::content("the root of the answer is not Response"));
    }
    Ok(root)
}

fn first_text(parent: &Element, name: &str) -> String {
    parent.children_named(name).next().map(|child| child.raw_text().to_owned()).unwrap_or_default()
}

/// A number of an answer; absent and empty are zero.
fn number(name: &str, parent: &Element) -> Result<u64, WireError> {
    match first_text(parent, name).trim() {
        "" => Ok(0),
        digits => digits.parse().map_err(|_| WireError::content(format!("{name} of the answer is not a number"))),
    }
}
