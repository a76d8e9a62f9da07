//! `GET /file_queue`: the query (spec section 4). `category` and everything unknown is passed over.

use percent_encoding::utf8_percent_encode;

use crate::query::VALUE;
use crate::{Page, Query, WireError, job_ids};

/// Which queues are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueListQuery {
    /// Only these, repeats dropped; empty is all. Opaque: an id that no queue can have is one that does not exist.
    pub ids: Vec<String>,
    /// Only paused ones, or only active ones.
    pub paused: Option<bool>,
    /// Which page of them.
    pub page: Page,
}

impl QueueListQuery {
    /// How many ids one query may name: as many as a page can hold.
    pub const IDS_MAX: usize = Page::SIZE_MAX;

    /// Reads a query.
    ///
    /// # Errors
    /// `InvalidArgument` when a value is not allowed.
    pub fn parse(query: &Query) -> Result<QueueListQuery, WireError> {
        let ids = query.value("queueIds").map(job_ids::split).unwrap_or_default();
        if ids.len() > QueueListQuery::IDS_MAX {
            return Err(WireError::argument(format!("queueIds must be at most {} ids", QueueListQuery::IDS_MAX)));
        }
        let paused = match query.value("state").map(str::to_ascii_lowercase).as_deref() {
            None | Some("all") => None,
            Some("active") => Some(false),
            Some("paused") => Some(true),
            Some(_) => return Err(WireError::argument("state must be Active, Paused or All")),
        };
        Ok(QueueListQuery { ids, paused, page: Page::parse(query)? })
    }

    /// The query without its `?`, as a client sends it.
    pub fn print(&self) -> String {
        let ids = utf8_percent_encode(&self.ids.join(","), VALUE).to_string();
        let state = match self.paused {
            None => "All",
            Some(false) => "Active",
            Some(true) => "Paused",
        };
        format!("queueIds={ids}&state={state}&pageNumber={}&pageSize={}", self.page.number, self.page.size)
    }
}
