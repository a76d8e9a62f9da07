//! `PUT /file_queue/<id>`, and `POST` as the official Node sample has it: name, state and NotifyConfig of a queue (spec
//! section 4).
//!
//! Everything is checked before anything is changed. The bounds of the queue are no part of the wire: they stay.

use hashlane_job::QueueId;
use hashlane_store::QueueChange;
use hashlane_wire::queue::{QueueDetail, QueueUpdate};
use hashlane_wire::{RequestHead, check_content_md5, check_content_type};

use crate::answer::Answer;
use crate::api::Api;
use crate::body::RequestBody;
use crate::refusal::Refusal;
use crate::routes::Bucket;
use crate::service;

/// Changes the queue and shows it as it is then. Pausing turns its waiting jobs to Pause, reactivating turns them back in
/// their old order; what runs is not touched.
pub(crate) async fn answer(
    api: &Api,
    bucket: Bucket<'_>,
    id: &str,
    head: &RequestHead<'_>,
    body: &mut RequestBody,
    request_id: &str,
) -> Result<Answer, Refusal> {
    service::check_open(api, bucket.name).await?;
    let body = body.read().await?;
    check_content_type(head.header("content-type").as_deref())?;
    check_content_md5(head.header("content-md5").as_deref(), &body)?;
    let update = QueueUpdate::parse(&body)?;
    let change = QueueChange {
        name: Some(update.name),
        paused: Some(update.paused),
        notify: Some(update.notify),
        ..QueueChange::default()
    };
    let changed = match QueueId::parse(id) {
        Some(id) => api.store.change_queue(bucket.name, id, change).await?,
        None => None,
    };
    let queue = changed.ok_or_else(service::queue_not_found)?;
    tracing::info!(queue = %queue.id, bucket = %bucket.name, paused = queue.paused, "queue updated");
    Ok(Answer::xml(QueueDetail::of(&queue, api.time_offset).print_updated(request_id)))
}
