//! Claiming callbacks: in the order in which they became due, and where more are due than are asked for, half of them from
//! the other end.
//!
//! The worker passes over the callbacks of receivers that do not answer. While it has a hundred thousand of them in front
//! of it, a callback that became due just now is claimed at once all the same, and one in the middle in its turn.

use hashlane_job::{Stage, Timestamp};

use super::Writer;
use super::claim::{Due, due_rows, limit, read_due};
use crate::batch::Fault;

/// At most `slots` due callbacks: those that became due first, in order, and when there are more, in the second half those
/// that became due last, the latest first.
pub(super) fn due_callbacks(writer: &Writer, now: Timestamp, slots: usize) -> Result<Vec<Due>, Fault> {
    let mut due = due_rows(writer, Stage::Deliver, now, limit(slots))?;
    if due.len() < slots || slots < 2 {
        return Ok(due);
    }
    let from_front = slots.div_ceil(2);
    let mut statement = writer.connection.prepare_cached(include_str!("claim_due_last.sql"))?;
    let rows = statement.query_map((Stage::Deliver.word(), now.unix_millis(), limit(slots)), read_due)?;
    let last: Vec<Due> = rows.collect::<Result<_, _>>()?;
    // When no more are due than are asked for, both ends are the same rows.
    if last.iter().any(|row| row.id == due[0].id) {
        return Ok(due);
    }
    due.truncate(from_front);
    let fresh = last.into_iter().filter(|row| due.iter().all(|first| first.id != row.id));
    let back: Vec<Due> = fresh.take(slots - from_front).collect();
    due.extend(back);
    Ok(due)
}
