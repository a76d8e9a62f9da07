//! Results of earlier jobs that stand for a reading, where the operator allows that (`[cache] results`).
//!
//! It promises that a job is answered so only when its object is, at a look after the submit, the very version that an earlier
//! job has read; the argument is at the head of the engine's `identify.rs`. Whatever is in doubt is read: a storage that cannot
//! tell versions apart, an object that cannot be looked at, a store that fails, a result that is damaged.

use hashlane_engine::{Engine, Hashed};
use hashlane_job::{NewJob, ObjectVersion};
use hashlane_store::{JobStore, StoreErrorKind};
use metrics::counter;

use crate::complaint::Complaint;

const HITS: &str = "hashlane_cache_hits_total";
const MISSES: &str = "hashlane_cache_misses_total";

/// The results that may stand for a reading; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Results(Option<JobStore>);

impl Results {
    /// Those of a store; or none, which costs nothing.
    pub(crate) fn of(store: &JobStore, allowed: bool) -> Results {
        for (name, what) in [
            (HITS, "Jobs that were answered with the result of an earlier job, without reading the object."),
            (MISSES, "Jobs for which no result of an earlier job was found, so that the object was read."),
        ] {
            metrics::describe_counter!(name, what);
            counter!(name).increment(0);
        }
        Results(allowed.then(|| store.clone()))
    }

    /// What reading the job's object would give, as far as it is known.
    pub(crate) async fn find(&self, engine: &Engine, job: &NewJob) -> Option<Hashed> {
        let store = self.0.as_ref().filter(|_| !job.fresh)?;
        let found = recall(store, engine, job).await;
        match &found {
            Some(_) => {
                counter!(HITS).increment(1);
                tracing::debug!(job = %job.id, "answered with the result of an earlier job, without reading");
            }
            None => counter!(MISSES).increment(1),
        }
        found
    }

    /// By which version the result of a reading is to be found later.
    pub(crate) fn version_of(&self, hashed: &Hashed) -> Option<ObjectVersion> {
        self.0.as_ref().and_then(|_| hashed.version())
    }
}

async fn recall(store: &JobStore, engine: &Engine, job: &NewJob) -> Option<Hashed> {
    static COMPLAINT: Complaint = Complaint::about("could not look for a result, the object is read");
    let identified = engine.identify(&job.object).await?;
    match store.recall(&job.object, job.algorithm, &identified.version).await {
        Ok(facts) => facts.map(|facts| identified.hashed(facts)),
        // The damage is told to whoever asks for that job.
        Err(error) if matches!(error.kind, StoreErrorKind::DamagedJob(_)) => None,
        Err(error) => {
            COMPLAINT.raise(&error);
            None
        }
    }
}
