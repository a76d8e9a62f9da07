//! `hashlane job deliveries`: the attempts at the callback of one job.

use std::process::ExitCode;

use serde_json::Value;

use super::record::one_line;
use crate::cli::deliveries::JobDeliveriesArgs;
use crate::commands::connection;
use crate::failure::Failure;
use crate::runtime;

/// Prints the record.
pub(crate) fn run(args: &JobDeliveriesArgs) -> Result<ExitCode, Failure> {
    if !args.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Failure::no(format!("there is no job {}", one_line(&args.id))));
    }
    let admin = connection::open_admin(&args.admin)?;
    runtime::of_client()?.block_on(async {
        let job = admin.show(&format!("/api/jobs/{}", args.id)).await?;
        let delivery = &job["delivery"];
        crate::commands::print(&if args.json { format!("{delivery}\n") } else { lines(delivery) })?;
        Ok(ExitCode::SUCCESS)
    })
}

/// One line for each attempt, and one for where the callback stands.
fn lines(delivery: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => one_line(text),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let mut lines = String::new();
    for attempt in delivery["record"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let took = attempt["duration_ms"].as_u64().map_or("-".to_owned(), |took| format!("{took} ms"));
        lines += &format!(
            "{}  attempt {}  {:9}  {}  {took}  {}\n",
            text(&attempt["time"]),
            attempt["attempt"],
            text(&attempt["outcome"]),
            text(&attempt["status"]),
            text(&attempt["said"]),
        );
    }
    let state = match (delivery["state"].as_str().unwrap_or_default(), delivery["due_in_ms"].as_u64()) {
        ("due", Some(due)) => format!("due in {} s", due.div_ceil(1000)),
        ("due", None) => "being sent".to_owned(),
        ("failed", _) => "callback_failed: given up; `hashlane deliveries replay --job` sends it again".to_owned(),
        ("none", _) => "none: no callback is wanted, or the job has not ended".to_owned(),
        (state, _) => one_line(state),
    };
    let event = match delivery["event_id"].as_str() {
        Some(event) => format!("  event {}", one_line(event)),
        None => String::new(),
    };
    let kind = match delivery["target"]["kind"].as_str() {
        Some(kind) => format!("  to {}", one_line(kind)),
        None => String::new(),
    };
    lines + &format!("{state}{kind}{event}\n")
}
