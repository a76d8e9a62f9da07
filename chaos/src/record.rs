//! The record of a run, in Markdown.

use std::fmt::Write;

use crate::run::{Outcome, Plan};

/// So many violations are printed.
const VIOLATIONS_SHOWN: usize = 30;

/// The whole record.
pub fn print(plan: &Plan, outcome: &Outcome) -> String {
    let Outcome { totals, compared, .. } = outcome;
    let seconds = |it: std::time::Duration| format!("{:.1} s", it.as_secs_f64());
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let faults: Vec<String> = plan.faults.iter().map(|it| format!("{it:?}").to_lowercase()).collect();
    let disk = if outcome.is_mounted { format!("tmpfs of {} MiB", plan.disk_mebibytes) } else { "a folder".to_owned() };
    let rows = [
        ("seed", plan.seed.to_string()),
        ("faults of a round", faults.join(",")),
        ("data directory", disk),
        ("finished jobs kept", plan.retention.map_or_else(|| "all".to_owned(), seconds)),
        ("answered with earlier results", if plan.is_caching { "where they are known" } else { "never" }.to_owned()),
        ("length", seconds(outcome.length)),
        ("kills (SIGKILL)", totals.kills.to_string()),
        ("orderly stops (SIGTERM)", totals.terms.to_string()),
        ("stops past the lease (SIGSTOP)", totals.stops.to_string()),
        ("leases held at those", totals.leases_stopped.to_string()),
        ("second starts refused meanwhile", totals.second_starts_refused.to_string()),
        ("disk-full cycles, file system", totals.full_disks.to_string()),
        ("disk-full cycles, file size limit", totals.full_limits.to_string()),
        ("injected errors of system calls", totals.injected_errors.to_string()),
        ("torn images opened", totals.images.to_string()),
        ("processes whose writes were recorded", totals.recorded.to_string()),
        ("images without writes that were not fsynced, opened", totals.forgetful_images.to_string()),
        ("writes, lengths and names not fsynced at their moments", totals.unsynced.to_string()),
        ("jobs that had to be in them, told before", totals.told.to_string()),
        ("images without fsynced writes too, each lacking jobs", totals.false_images.to_string()),
        ("jobs whose object ended every process that read it", totals.deadly.to_string()),
        ("processes that died of them", totals.deaths.to_string()),
        ("longest log of the store before a fault, MiB", mebibytes(totals.log_longest)),
        ("most memory of the service, MiB", mebibytes(totals.memory_most << 10)),
        ("longest from the end of a fault to an accepted job", seconds(totals.recovery_longest)),
        ("submits sent", compared.sent.to_string()),
        ("accepted (200)", compared.accepted.to_string()),
        ("refused (503)", outcome.refused.to_string()),
        ("unanswered", outcome.unanswered.to_string()),
        ("rows in the store", compared.rows.to_string()),
        ("of these without an answer", compared.rows_unanswered.to_string()),
        ("succeeded with the right digest", compared.succeeded.to_string()),
        ("failed as they had to", compared.failed.to_string()),
        ("cancelled", compared.cancelled.to_string()),
        ("accepted, ended and pruned", compared.pruned.to_string()),
        ("jobs called back", compared.called_back.to_string()),
        ("callbacks repeated", compared.callbacks_repeated.to_string()),
        ("jobs that joined the reading of another, at least", outcome.reads_joined.to_string()),
        ("callbacks that receivers did not take", outcome.not_taken.to_string()),
        ("violations", outcome.violations.len().to_string()),
    ];
    let mut text = String::from("| | |\n|---|---:|\n");
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    for violation in outcome.violations.iter().take(VIOLATIONS_SHOWN) {
        let _ = write!(text, "\n- {violation}");
    }
    if !outcome.violations.is_empty() {
        text.push('\n');
    }
    text
}
