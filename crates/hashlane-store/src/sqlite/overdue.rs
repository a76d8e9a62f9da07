//! Overdue: leases that lapsed long ago and that nobody took up. There are none unless something is wrong.

use hashlane_job::{Stage, Timestamp};

use super::readers::Readers;
use crate::StoreError;

/// How many leases lapsed before `before`.
pub(super) async fn overdue(readers: &std::sync::Arc<Readers>, before: Timestamp) -> Result<u64, StoreError> {
    readers
        .read(move |connection| {
            let mut statement = connection.prepare_cached(include_str!("overdue.sql"))?;
            let mut all = 0;
            for stage in [Stage::Hash, Stage::Deliver] {
                let leases: i64 = statement.query_row((stage.word(), before.unix_millis()), |row| row.get(0))?;
                all += leases.unsigned_abs();
            }
            Ok(all)
        })
        .await
}
