//! `hashlane deliveries replay`: callbacks are sent again.
//!
//! Promises: many are asked for page by page, so that an interrupted replay has replayed whole pages and can be repeated: what
//! is due already is not made due twice.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::check_time;
use crate::cli::deliveries::{ReplayArgs, SettledStateArg};
use crate::commands::connection;
use crate::commands::job::one_line;
use crate::failure::Failure;
use crate::runtime;

const REPLAY: &str = "/api/deliveries/replay";
/// Callbacks of one page: the most that a server takes at once.
const PAGE_MAX: u64 = 500;

/// Makes callbacks due again.
pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    check_time("--since", args.since.as_ref())?;
    check_time("--until", args.until.as_ref())?;
    let admin = connection::open_admin(&args.admin)?;
    runtime::of_client()?.block_on(async {
        if let Some(job) = &args.job {
            let told = admin.ask(REPLAY, &json!({ "job": job })).await?;
            let already = told["replayed"] == "already-due";
            let line = match (args.json, already) {
                (true, _) => format!("{told}\n"),
                (false, true) => format!("{}: its callback is due already\n", one_line(job)),
                (false, false) => format!("{}: its callback is sent again\n", one_line(job)),
            };
            crate::commands::print(&line)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut body = json!({ "limit": PAGE_MAX });
        body["state"] = match args.state {
            SettledStateArg::Failed => "failed".into(),
            SettledStateArg::Delivered => "delivered".into(),
        };
        for (name, value) in [("bucket", &args.bucket), ("since", &args.since), ("until", &args.until)] {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        let mut replayed = 0;
        loop {
            let told = admin.ask(REPLAY, &body).await.inspect_err(|_| {
                if replayed > 0 {
                    eprintln!("hashlane: {replayed} callbacks are sent again; repeat the command for the rest");
                }
            })?;
            replayed += told["replayed"].as_u64().unwrap_or(0);
            match &told["next"] {
                Value::String(next) => body["after"] = next.as_str().into(),
                _ => break,
            }
        }
        crate::commands::print(&if args.json {
            format!("{}\n", json!({ "replayed": replayed }))
        } else {
            format!("{replayed} callbacks are sent again\n")
        })?;
        Ok(ExitCode::SUCCESS)
    })
}
