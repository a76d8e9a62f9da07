//! The hash step: one object to its digest, and the decision what that means for the job.

use std::sync::Arc;

use hashlane_engine::{Engine, HashRequest, ReadProgress};
use hashlane_job::{
    FailureCode, FileFacts, HASH_ATTEMPTS_MAX, HASH_CHANGES_MAX, JobError, Lease, Outcome, failpoint, hash_delay,
};

use crate::Permission;
use crate::chance::chance;
use crate::finished;
use crate::stage::Stepper;

/// The stepper of the hash stage.
#[derive(Clone)]
pub(crate) struct HashStep {
    pub(crate) engine: Engine,
    pub(crate) permission: Permission,
}

impl Stepper for HashStep {
    async fn step(&self, lease: &Lease, progress: &Arc<ReadProgress>) -> Outcome {
        if !self.permission.allows(&lease.job.request) {
            let message = "the key that submitted the job may not use the object any more";
            return Outcome::Failed(JobError::permanent(FailureCode::Denied, message));
        }
        failpoint::reach("claim");
        let hashed = hash(&self.engine, lease, progress.clone()).await;
        failpoint::reach("digest");
        match hashed {
            Ok(facts) => Outcome::Hashed(facts),
            Err(error) => failed(lease, error),
        }
    }

    fn panicked(&self, lease: &Lease) -> Outcome {
        tracing::error!(job = %lease.token.job, attempt = lease.attempt, "hashing panicked");
        failed(lease, JobError::temporary(FailureCode::Internal, "the server failed while hashing the object"))
    }

    fn settled(&self, lease: &Lease, outcome: &Outcome) {
        let (job, attempt) = (lease.token.job, lease.attempt);
        match outcome {
            Outcome::Hashed(facts) => {
                finished::count_job(finished::SUCCESS);
                // Thousands a second: the counter tells of them, and a line each costs more than the hashing.
                tracing::debug!(%job, attempt, bytes = facts.size_bytes, "hashed");
            }
            Outcome::Failed(error) => {
                finished::count_job(finished::FAILED);
                tracing::info!(%job, attempt, code = error.code.word(), reason = %error.message, "failed");
            }
            Outcome::Again { delay, error } => {
                let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(%job, attempt, delay_ms, code = error.code.word(), reason = %error.message, "to be hashed again");
            }
            Outcome::GivenBack => tracing::info!(%job, attempt, "given back"),
            // Outcomes of the other stage.
            Outcome::Delivered(_)
            | Outcome::DeliverAgain { .. }
            | Outcome::DeliveryFailed(_)
            | Outcome::Postponed { .. } => {}
        }
    }
}

/// The digest is stored at the object before the job succeeds: a client that sees Success finds it there.
async fn hash(engine: &Engine, lease: &Lease, progress: Arc<ReadProgress>) -> Result<FileFacts, JobError> {
    let job = &lease.job.request;
    let request = HashRequest {
        object: job.object.clone(),
        algorithms: vec![job.algorithm],
        checkpoint: lease.checkpoint.clone(),
        progress,
    };
    // Identical jobs read the object once; each is held to its own permission, lease and outcome.
    let hashed = engine.join(request).hashed().await?;
    if job.add_to_header {
        let Some(digest) = hashed.facts.digests.first() else {
            return Err(JobError::permanent(FailureCode::Internal, "no digest was computed"));
        };
        engine.add_to_header(&job.object, &hashed, *digest).await?;
    }
    Ok(hashed.facts)
}

/// What a failure means: another attempt while it may help and attempts are left, else the end.
fn failed(lease: &Lease, error: JobError) -> Outcome {
    let changed_before = lease.job.error.as_ref().is_some_and(|last| last.code == FailureCode::Changed);
    let attempts_max = match error.code {
        FailureCode::Changed if changed_before => HASH_CHANGES_MAX,
        _ => HASH_ATTEMPTS_MAX,
    };
    if error.may_retry && lease.attempt < attempts_max {
        Outcome::Again { delay: hash_delay(lease.attempt, chance()), error }
    } else {
        Outcome::Failed(error)
    }
}

#[cfg(test)]
mod tests {
    use hashlane_job::{JobIds, Stage};

    use super::*;
    use crate::fake_leases::lease;

    /// The attempt at which a job fails whose attempts end with these errors, one after the other.
    fn fails_at(errors: &[FailureCode]) -> Option<u32> {
        let mut lease = lease(&JobIds::random(), Stage::Hash, "");
        for code in errors {
            if matches!(failed(&lease, JobError::temporary(*code, "for a test")), Outcome::Failed(_)) {
                return Some(lease.attempt);
            }
            lease.attempt += 1;
            lease.job.error = Some(JobError::temporary(*code, "for a test"));
        }
        None
    }

    /// Failure rule B2: an object that changes under every read is given up after three.
    #[test]
    fn an_object_that_keeps_changing_fails_at_the_third_attempt() {
        use FailureCode::{Changed, Unreadable};
        assert_eq!(fails_at(&[Changed, Changed, Changed]), Some(3));
        assert_eq!(fails_at(&[Changed, Changed]), None);
        assert_eq!(fails_at(&[Unreadable, Unreadable, Changed]), None, "it changed once");
        assert_eq!(fails_at(&[Unreadable; 5]), Some(5));
    }

    #[test]
    fn what_no_attempt_can_help_fails_at_once() {
        let lease = lease(&JobIds::random(), Stage::Hash, "");
        let missing = JobError::permanent(FailureCode::NotFound, "the object does not exist");
        assert_eq!(failed(&lease, missing.clone()), Outcome::Failed(missing));
    }

    /// Failure rule A21: a thousand jobs that failed at the same moment come back over the whole window, and no tenth of it
    /// gets twice its share.
    #[test]
    fn jobs_that_failed_together_do_not_come_back_together() {
        for attempt in 1..HASH_ATTEMPTS_MAX {
            let window_ms = 1_000_u128 << (attempt - 1);
            let mut tenths = [0; 10];
            for _ in 0..1_000 {
                let lease = Lease { attempt, ..lease(&JobIds::random(), Stage::Hash, "") };
                let error = JobError::temporary(FailureCode::Unreadable, "the disk did not answer");
                let Outcome::Again { delay, .. } = failed(&lease, error) else { panic!("it is tried again") };
                assert!(delay.as_millis() <= window_ms);
                tenths[((delay.as_millis() * 10 / window_ms) as usize).min(9)] += 1;
            }
            // Pauses of less than a tenth of a second are a tenth long, and stand in the second tenth of the first window.
            let most = if attempt == 1 { 300 } else { 200 };
            assert!(tenths.iter().all(|jobs| *jobs < most), "attempt {attempt}: {tenths:?}");
            assert!(tenths[2..].iter().all(|jobs| *jobs > 30), "attempt {attempt}: {tenths:?}");
        }
    }
}
