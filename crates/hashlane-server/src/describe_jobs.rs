//! `GET /file_jobs/<id>[,<id>...]` and its alias under `/jobs`: how far jobs are (spec section 6).
//!
//! A job of another bucket is as absent as one that never was.

use std::collections::HashMap;

use hashlane_job::JobId;
use hashlane_wire::{check_job_ids, job_detail};

use crate::answer::Answer;
use crate::api::Api;
use crate::refusal::Refusal;
use crate::routes::Bucket;
use crate::service;

/// The existing jobs in the order of the request, then the missing ids in that order. The wire dropped repeats already.
pub(crate) async fn answer(api: &Api, bucket: Bucket<'_>, ids: &[String]) -> Result<Answer, Refusal> {
    service::check_open(api, bucket.name).await?;
    check_job_ids(ids)?;
    let parsed: Vec<JobId> = ids.iter().filter_map(|id| JobId::parse(id)).collect();
    let found = api.store.get(bucket.name, &parsed).await?;
    let mut by_id: HashMap<JobId, _> = found.into_iter().map(|job| (job.request.id, job)).collect();
    let (mut jobs, mut missing) = (Vec::new(), Vec::new());
    for id in ids {
        match JobId::parse(id).and_then(|id| by_id.remove(&id)) {
            Some(job) => jobs.push(job),
            None => missing.push(id.clone()),
        }
    }
    Ok(Answer::xml(job_detail::print_described(&jobs, &missing, bucket.region, api.time_offset)))
}
