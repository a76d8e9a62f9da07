//! `hashlane deliveries list`: callbacks by their state.
//!
//! Promises: pages are asked for one after the other and printed as they come.

use std::process::ExitCode;

use serde_json::Value;

use super::{check_time, query};
use crate::cli::deliveries::{DeliveryStateArg, ListArgs};
use crate::commands::connection;
use crate::commands::job::one_line;
use crate::failure::Failure;
use crate::runtime;

/// Callbacks of one page: the most that a server gives.
const PAGE_MAX: u64 = 500;

/// Prints the callbacks.
pub(crate) fn run(args: &ListArgs) -> Result<ExitCode, Failure> {
    check_time("--since", args.since.as_ref())?;
    check_time("--until", args.until.as_ref())?;
    let admin = connection::open_admin(&args.admin)?;
    let state = match args.state {
        DeliveryStateArg::Failed => "failed",
        DeliveryStateArg::Delivered => "delivered",
        DeliveryStateArg::Pending => "pending",
    };
    runtime::of_client()?.block_on(async {
        let mut left = if args.all { u64::MAX } else { args.limit };
        let mut after: Option<String> = None;
        loop {
            let limit = left.min(PAGE_MAX).to_string();
            let query = query(&[
                ("state", Some(state)),
                ("bucket", args.bucket.as_deref()),
                ("since", args.since.as_deref()),
                ("until", args.until.as_deref()),
                ("after", after.as_deref()),
                ("limit", Some(&limit)),
            ]);
            let page = admin.show(&format!("/api/deliveries{query}")).await?;
            let listed = page["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default();
            left = left.saturating_sub(listed.len() as u64);
            let lines = listed.iter().map(|it| if args.json { format!("{it}\n") } else { line(it) });
            crate::commands::print(&lines.collect::<String>())?;
            after = match page["next"].as_str() {
                None => return Ok(ExitCode::SUCCESS),
                Some(_) if left == 0 => {
                    eprintln!("hashlane: there may be more; ask for them with --limit or --all");
                    return Ok(ExitCode::SUCCESS);
                }
                Some(next) => Some(next.to_owned()),
            };
        }
    })
}

/// Job, when it ended, attempts, the last answer, and the object.
fn line(listed: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or("-".to_owned(), one_line);
    let delivery = &listed["delivery"];
    let due = match delivery["due_in_ms"].as_u64() {
        Some(due) => format!("  due in {} s", due.div_ceil(1000)),
        None => String::new(),
    };
    format!(
        "{}  {}  attempts {}  {}{due}  {}/{}\n",
        text(&listed["id"]),
        text(&listed["ended"]),
        delivery["attempts"],
        text(&delivery["last"]),
        text(&listed["bucket"]),
        text(&listed["object"]),
    )
}
