//! `hashlane queue list`: the bucket's queues, oldest first.

use std::process::ExitCode;

use hashlane_wire::Page;
use hashlane_wire::queue::QueueListQuery;

use super::record::QueueRecord;
use crate::cli::queues::ListArgs;
use crate::commands::connection;
use crate::commands::job::call_failure;
use crate::failure::Failure;
use crate::runtime;

/// Prints the queues.
pub(crate) fn run(args: &ListArgs) -> Result<ExitCode, Failure> {
    let connection = connection::open(&args.connection)?;
    runtime::of_client()?.block_on(async {
        let mut page = Page { number: 1, size: Page::SIZE_MAX };
        loop {
            let query = QueueListQuery { page, ..QueueListQuery::default() };
            let answered = connection.client.list_queues(&query).await;
            let (list, _) = answered.map_err(|error| call_failure("list queues", &error))?;
            let is_last = list.queues.is_empty() || list.total <= page.number.saturating_mul(page.size);
            let lines = list.queues.into_iter().map(|queue| {
                let record = QueueRecord::new(queue);
                if args.json { record.json() } else { record.line() }
            });
            crate::commands::print(&lines.collect::<String>())?;
            if is_last {
                return Ok(ExitCode::SUCCESS);
            }
            page.number += 1;
        }
    })
}
