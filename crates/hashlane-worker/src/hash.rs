//! The hash step: one object to its digest, and the decision what that means for the job.

use std::sync::Arc;
use std::time::Duration;

use hashlane_engine::{Engine, HashRequest, Hashed, ReadProgress};
use hashlane_job::{
    FailureCode, FileFacts, HASH_CHANGES_MAX, HashRetry, JobError, Lease, ObjectVersion, Outcome, failpoint, hash_delay,
};
use tokio::time::Instant;

use crate::Permission;
use crate::chance::chance;
use crate::finished;
use crate::results::Results;
use crate::stage::Stepper;
use crate::step_slot::StepSlot;

/// The stepper of the hash stage.
#[derive(Clone)]
pub(crate) struct HashStep {
    pub(crate) engine: Engine,
    pub(crate) permission: Permission,
    pub(crate) results: Results,
    pub(crate) retry: HashRetry,
}

impl Stepper for HashStep {
    async fn step(&self, lease: &Lease, progress: &Arc<ReadProgress>, slot: &StepSlot) -> Outcome {
        if !self.permission.allows(&lease.job.request) {
            let message = "the key that submitted the job may not use the object any more";
            return Outcome::Failed(JobError::permanent(FailureCode::Denied, message));
        }
        failpoint::reach("claim");
        let begun = Instant::now();
        let hashed = self.hash(lease, progress.clone(), slot).await;
        failpoint::reach("digest");
        match hashed {
            Ok((facts, version)) => Outcome::Hashed { facts, version },
            Err(error) => failed(lease, begun.elapsed(), self.retry, error),
        }
    }

    fn panicked(&self, lease: &Lease) -> Outcome {
        tracing::error!(job = %lease.token.job, attempt = lease.attempt, "hashing panicked");
        let error = JobError::temporary(FailureCode::Internal, "the server failed while hashing the object");
        failed(lease, Duration::ZERO, self.retry, error)
    }

    fn settled(&self, lease: &Lease, outcome: &Outcome) {
        let (job, attempt) = (lease.token.job, lease.attempt);
        match outcome {
            Outcome::Hashed { facts, .. } => {
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

impl HashStep {
    /// What the job asked for, and by which version of the object later jobs may find it.
    async fn hash(
        &self,
        lease: &Lease,
        progress: Arc<ReadProgress>,
        slot: &StepSlot,
    ) -> Result<(FileFacts, Option<ObjectVersion>), JobError> {
        let job = &lease.job.request;
        let (hashed, version) = match self.results.find(&self.engine, job).await {
            // It is as old as the reading that it comes from, and not found by this job once more.
            Some(hashed) => (hashed, None),
            None => {
                let hashed = self.read(lease, progress, slot).await?;
                let version = self.results.version_of(&hashed);
                (hashed, version)
            }
        };
        if job.add_to_header {
            let Some(digest) = hashed.facts.digests.first() else {
                return Err(JobError::permanent(FailureCode::Internal, "no digest was computed"));
            };
            // The digest is stored at the object before the job succeeds: a client that sees Success finds it there.
            self.engine.add_to_header(&job.object, &hashed, *digest).await?;
        }
        Ok((hashed.facts, version))
    }

    /// Identical jobs read the object once; each is held to its own permission, lease and outcome.
    async fn read(&self, lease: &Lease, progress: Arc<ReadProgress>, slot: &StepSlot) -> Result<Hashed, JobError> {
        let job = &lease.job.request;
        let request = HashRequest {
            object: job.object.clone(),
            algorithms: vec![job.algorithm],
            checkpoint: lease.checkpoint.clone(),
            progress,
        };
        if job.fresh {
            return self.engine.hash(request).await;
        }
        let joined = self.engine.join(request);
        // Should it have to read by itself in the end, it waits for a slot of the engine.
        if joined.is_shared() {
            slot.step_aside();
        }
        joined.hashed().await
    }
}

/// What a failure means: another attempt while it may help, and attempts and time are left, else the end. The lease was held
/// for `held`.
fn failed(lease: &Lease, held: Duration, retry: HashRetry, error: JobError) -> Outcome {
    let changed_before = lease.job.error.as_ref().is_some_and(|last| last.code == FailureCode::Changed);
    let attempts_max = match error.code {
        FailureCode::Changed if changed_before => HASH_CHANGES_MAX.min(retry.attempts_max),
        _ => retry.attempts_max,
    };
    let delay = hash_delay(lease.attempt, chance());
    // The time begins with the first failure: until then nothing was tried again.
    let failing_for = if lease.attempt > 1 { lease.failing_for + held } else { Duration::ZERO };
    if error.may_retry && lease.attempt < attempts_max && failing_for + delay <= retry.time_max {
        Outcome::Again { delay, error }
    } else {
        Outcome::Failed(error)
    }
}

#[cfg(test)]
mod tests {
    use hashlane_job::{JobIds, Stage};

    use super::*;
    use crate::fake_leases::lease;

    fn failed_once(lease: &Lease, error: JobError) -> Outcome {
        failed(lease, Duration::ZERO, HashRetry::default(), error)
    }

    /// The attempt at which a job fails whose attempts end with these errors, one after the other.
    fn fails_at(errors: &[FailureCode]) -> Option<u32> {
        let mut lease = lease(&JobIds::random(), Stage::Hash, "");
        for code in errors {
            if matches!(failed_once(&lease, JobError::temporary(*code, "for a test")), Outcome::Failed(_)) {
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
        assert_eq!(failed_once(&lease, missing.clone()), Outcome::Failed(missing));
    }

    #[test]
    fn nothing_is_tried_again_when_the_attempts_or_the_time_for_it_are_used_up() {
        let retry = HashRetry { attempts_max: 3, time_max: Duration::from_secs(60) };
        let outcome = |attempt: u32, failing_seconds: u64, held_seconds: u64| {
            let failing_for = Duration::from_secs(failing_seconds);
            let lease = Lease { attempt, failing_for, ..lease(&JobIds::random(), Stage::Hash, "") };
            let error = JobError::temporary(FailureCode::Unreadable, "the disk did not answer");
            failed(&lease, Duration::from_secs(held_seconds), retry, error)
        };
        let is_again = |outcome: Outcome| matches!(outcome, Outcome::Again { .. });
        assert!(is_again(outcome(1, 0, 3600)), "nothing had failed until now, however long it took");
        assert!(is_again(outcome(2, 30, 20)));
        assert!(!is_again(outcome(2, 30, 31)), "no attempt begins later than a minute after the first failure");
        assert!(!is_again(outcome(2, 60, 0)), "the pause counts");
        assert!(!is_again(outcome(3, 1, 1)), "three attempts");
        let never = HashRetry { attempts_max: 1_000, time_max: Duration::ZERO };
        let error = JobError::temporary(FailureCode::Unreadable, "the disk did not answer");
        let first = lease(&JobIds::random(), Stage::Hash, "");
        assert_eq!(failed(&first, Duration::ZERO, never, error.clone()), Outcome::Failed(error), "no time at all");
    }

    /// Failure rule A21: a thousand jobs that failed at the same moment come back over the whole window, and no tenth of it
    /// gets twice its share.
    #[test]
    fn jobs_that_failed_together_do_not_come_back_together() {
        for attempt in 1..HashRetry::default().attempts_max {
            let window_ms = 1_000_u128 << (attempt - 1);
            let mut tenths = [0; 10];
            for _ in 0..1_000 {
                let lease = Lease { attempt, ..lease(&JobIds::random(), Stage::Hash, "") };
                let error = JobError::temporary(FailureCode::Unreadable, "the disk did not answer");
                let Outcome::Again { delay, .. } = failed_once(&lease, error) else { panic!("it is tried again") };
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
