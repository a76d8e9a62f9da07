//! Renew: leases run on.

use std::time::Duration;

use hashlane_job::Checkpoint;

use super::Writer;
use crate::batch::{Fault, Verb};
use crate::{Renewal, Renewed};

/// The most that a job's progress shows before it has succeeded.
const PROGRESS_MAX: u8 = 99;

/// Extends leases to `lease` from now; one answer for each.
pub(super) struct Renew {
    pub(super) renewals: Vec<Renewal>,
    pub(super) lease: Duration,
}

impl Verb<Writer> for Renew {
    type Answer = Vec<Renewed>;

    fn apply(&self, writer: &mut Writer) -> Result<Vec<Renewed>, Fault> {
        let lapses = writer.steady_now().plus(self.lease).unix_millis();
        let mut statement = writer.connection.prepare_cached(include_str!("renew.sql"))?;
        let mut answers = Vec::with_capacity(self.renewals.len());
        let mut advanced = Vec::new();
        for Renewal { token, progress, checkpoint } in &self.renewals {
            let changed = statement.execute((
                token.job.to_bytes(),
                token.secret.cast_signed(),
                lapses,
                (*progress).min(PROGRESS_MAX),
                checkpoint.as_ref().map(Checkpoint::as_bytes),
            ))?;
            if changed == 1 && checkpoint.is_some() {
                advanced.push(token.job);
            }
            answers.push(if changed == 1 { Renewed::Kept } else { Renewed::Lost });
        }
        drop(statement);
        for job in advanced {
            writer.clear_suspicion(job)?;
        }
        Ok(answers)
    }
}
