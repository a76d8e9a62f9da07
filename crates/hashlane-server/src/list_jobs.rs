//! `GET /file_jobs` and its alias `GET /jobs`: a bucket's jobs, page by page (spec section 6).
//!
//! A page begins after the last job of the one before, so that jobs that come, move and end meanwhile are neither shown
//! twice nor left out.

use hashlane_job::QueueId;
use hashlane_store::{ListQuery, ListState};
use hashlane_wire::{JobListQuery, ListOrder, Query, RequestHead, StateFilter, job_detail};

use crate::answer::Answer;
use crate::api::Api;
use crate::refusal::Refusal;
use crate::routes::Bucket;
use crate::service;

/// A page, and the token of the next one.
pub(crate) async fn answer(
    api: &Api,
    bucket: Bucket<'_>,
    head: &RequestHead<'_>,
    request_id: &str,
) -> Result<Answer, Refusal> {
    service::check_open(api, bucket.name).await?;
    let query = JobListQuery::parse(&Query::parse(head.query)?)?;
    let queue = match &query.queue {
        None => None,
        Some(wanted) => Some(queue_of(api, bucket, wanted).await?),
    };
    let states = query.states.iter().map(|state| match state {
        StateFilter::Is(state) => ListState::Is(*state),
        StateFilter::Paused => ListState::Paused,
    });
    let page = api
        .store
        .list(ListQuery {
            bucket: bucket.name.clone(),
            queue,
            states: states.collect(),
            newest_first: query.order == ListOrder::NewestFirst,
            created_from: query.created_from,
            created_to: query.created_to,
            after: query.after,
            limit: query.size,
        })
        .await?;
    let next = page.next_after.map(|last| query.token_after(last));
    Ok(Answer::xml(job_detail::print_listed(&page.jobs, next.as_deref(), request_id, bucket.region, api.time_offset)))
}

async fn queue_of(api: &Api, bucket: Bucket<'_>, wanted: &str) -> Result<QueueId, Refusal> {
    let queues = api.store.queues(bucket.name).await?;
    let id = QueueId::parse(wanted).filter(|id| queues.iter().any(|queue| queue.id == *id));
    id.ok_or_else(service::queue_not_found)
}
