//! SIGSTOP for longer than the lease: what it held lapses, and what it says afterwards must not count twice.
//!
//! While it is stopped it lives: a second service on the same data directory must be refused.

use std::path::PathBuf;
use std::time::Instant;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::fault::Victim;
use crate::server::LEASE;

pub(super) async fn suffer(victim: &mut Victim, chance: &mut Chance) -> Result<(), Failure> {
    victim.freeze().await?;
    let stopped = Instant::now();
    let length = chance.between(LEASE * 3, LEASE * 3 + LEASE / 2);
    let database = victim.server.database();
    // A process that was stopped in the middle of a checkpoint may hold a lock that readers need.
    let held = tokio::task::spawn_blocking(move || leases_held(database)).await;
    victim.totals.leases_stopped += held.ok().and_then(Result::ok).unwrap_or(0);
    if victim.server.is_second_refused().await? {
        victim.totals.second_starts_refused += 1;
    } else {
        victim.violations.push("a second service on the data directory of a stopped one was not refused".to_owned());
    }
    tokio::time::sleep(length.saturating_sub(stopped.elapsed())).await;
    victim.server.signal(Signal::CONT)?;
    victim.totals.stops += 1;
    victim.recovers_from("a stop").await
}

fn leases_held(database: PathBuf) -> Result<u64, Failure> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let held: i64 = connection.query_row("select count(*) from live where secret is not null", [], |row| row.get(0))?;
    Ok(held.unsigned_abs())
}
