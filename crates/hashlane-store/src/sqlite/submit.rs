//! Submit: a job becomes durable.

use hashlane_job::{JobId, NewJob, Stage};

use super::recent::Fingerprint;
use super::tally::{Place, QueueKey};
use super::{Writer, address};
use crate::batch::{Fault, Verb};
use crate::{StoreError, SubmitError};

/// Stores one job, ready at once.
pub(super) struct Submit {
    pub(super) job: NewJob,
    /// Whether a job of the window that asks for the same stands for it.
    pub(super) repeat: bool,
}

impl Verb<Writer> for Submit {
    type Answer = Result<JobId, SubmitError>;

    fn apply(&self, writer: &mut Writer) -> Result<Self::Answer, Fault> {
        let Submit { job, repeat } = self;
        let fingerprint = writer.recent.is_on().then(|| Fingerprint::of(job));
        let now = writer.steady_now();
        if let Some(fingerprint) = fingerprint.filter(|_| *repeat)
            && let Some(id) = writer.recent.find(fingerprint, now)
        {
            return Ok(Ok(id));
        }
        let key = match admit(writer, job) {
            Ok(key) => key,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut statement = writer.connection.prepare_cached(include_str!("submit.sql"))?;
        let inserted = statement.execute((
            key.bucket,
            job.id.to_bytes(),
            key.queue,
            &job.object.key,
            job.algorithm.name(),
            &job.algorithm_as_given,
            job.add_to_header,
            job.level,
            &job.user_data,
            address::print_request(&job.callback.address),
            job.callback.format.map(address::print_format),
            &job.submitter,
            job.fresh,
        ))?;
        drop(statement);
        if inserted == 0 {
            return Err(
                StoreError::corrupt(format!("job {} exists already, ids must never be used twice", job.id)).into()
            );
        }
        let mut statement = writer.connection.prepare_cached(include_str!("submit_live.sql"))?;
        statement.execute((job.id.to_bytes(), key.bucket, key.queue, job.level))?;
        drop(statement);
        hashlane_job::failpoint::reach("submit-before-commit");
        writer.tally.enter(key, Place::Ready);
        writer.wake(Stage::Hash);
        if let Some(fingerprint) = fingerprint {
            writer.recent.remember(fingerprint, job.id, now);
        }
        Ok(Ok(job.id))
    }
}

fn admit(writer: &Writer, job: &NewJob) -> Result<QueueKey, SubmitError> {
    let bucket = writer.directory.bucket(job.bucket()).filter(|bucket| bucket.service_created.is_some());
    let bucket = bucket.ok_or(SubmitError::ServiceClosed)?;
    let queue = writer.directory.queue_by_id(job.queue).filter(|queue| queue.open && queue.bucket == bucket.number);
    let queue = queue.ok_or(SubmitError::QueueNotFound)?;
    let key = QueueKey { bucket: bucket.number, queue: queue.number };
    if writer.tally.queue(key).waiting() >= queue.queue.jobs_waiting_max {
        return Err(SubmitError::QueueFull);
    }
    Ok(key)
}
