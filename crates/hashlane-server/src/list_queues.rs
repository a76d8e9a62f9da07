//! `GET /file_queue`: the queues of a bucket, by page (spec section 4).

use hashlane_wire::queue::{QueueDetail, QueueList, QueueListQuery};
use hashlane_wire::{Query, RequestHead};

use crate::answer::Answer;
use crate::api::Api;
use crate::refusal::Refusal;
use crate::routes::Bucket;
use crate::service;

/// The queues that are asked for, oldest first, and the ids that no queue has. An id of a queue in another state exists, so
/// that it is neither listed nor missing.
pub(crate) async fn answer(
    api: &Api,
    bucket: Bucket<'_>,
    head: &RequestHead<'_>,
    request_id: &str,
) -> Result<Answer, Refusal> {
    let queues = service::open_queues(api, bucket.name).await?;
    let query = QueueListQuery::parse(&Query::parse(head.query)?)?;
    let known: Vec<String> = queues.iter().map(|queue| queue.id.to_string()).collect();
    let missing = query.ids.iter().filter(|id| !known.contains(id)).cloned().collect();
    let found: Vec<QueueDetail> = queues
        .iter()
        .zip(&known)
        .filter(|(_, id)| query.ids.is_empty() || query.ids.contains(id))
        .filter(|(queue, _)| query.paused.is_none_or(|paused| paused == queue.paused))
        .map(|(queue, _)| QueueDetail::of(queue, api.time_offset))
        .collect();
    let list = QueueList { total: found.len(), page: query.page, queues: query.page.of(&found).to_vec(), missing };
    Ok(Answer::xml(list.print(request_id)))
}
