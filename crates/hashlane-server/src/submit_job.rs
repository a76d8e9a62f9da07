//! `POST /file_jobs` and its alias `POST /jobs`: a job is accepted (spec section 5).
//!
//! Answered only after the job is durable. The object is not looked at: what is wrong with it fails the job.

use hashlane_job::{NewJob, Queue, QueueId};
use hashlane_store::SubmitError;
use hashlane_wire::{RequestHead, SubmitDraft, asks_fresh, check_content_md5, check_content_type, job_detail};

use crate::access::{self, AccessKey};
use crate::answer::Answer;
use crate::api::Api;
use crate::body::RequestBody;
use crate::refusal::Refusal;
use crate::routes::Bucket;
use crate::service;

/// Marks a request that an SDK sends again because it had no answer to the first (spec section 5).
const SDK_RETRY: &str = "x-cos-sdk-retry";

/// Checks in the order of spec section 5, then stores.
pub(crate) async fn answer(
    api: &Api,
    bucket: Bucket<'_>,
    key: &AccessKey,
    head: &RequestHead<'_>,
    body: &mut RequestBody,
) -> Result<Answer, Refusal> {
    // Whoever submits learns the object's digest, and writes to it when the digest is to be stored there (spec section 12).
    key.require(access::READ)?;
    api.room.ask()?;
    let is_repeat = head.header(SDK_RETRY).is_some_and(|mark| mark.eq_ignore_ascii_case("true"));
    // Told before the body is looked at: when clients ask for far more than is done, most of what they send ends here.
    if !is_repeat && api.store.all_full(bucket.name) {
        return Err(queue_full());
    }
    let fresh = asks_fresh(head)?;
    let queues = service::open_queues(api, bucket.name).await?;
    let body = body.read().await?;
    check_content_type(head.header("content-type").as_deref())?;
    check_content_md5(head.header("content-md5").as_deref(), &body)?;
    let draft = SubmitDraft::parse(&body)?;
    let queue = choose(&queues, draft.queue())?;
    let id = api.job_ids.next(api.clock.now());
    let job = draft.finish()?.into_job(id, bucket.name.clone(), queue);
    let job = NewJob { fresh, submitter: Some(key.id.clone()), ..job };
    if job.add_to_header {
        key.require(access::WRITE)?;
    }
    let print = |job: &NewJob| job_detail::print_submitted(job, bucket.region, api.time_offset);
    let (id, accepted) = if is_repeat {
        let id = api.store.submit_once(job.clone()).await.map_err(refusal)?;
        (id, print(&NewJob { id, ..job }))
    } else {
        // Printed before it is handed over, told after the commit.
        let accepted = print(&job);
        api.store.submit(job).await.map_err(refusal)?;
        hashlane_job::failpoint::reach("submit-before-answer");
        (id, accepted)
    };
    tracing::debug!(job = %id, bucket = %bucket.name, %queue, "job accepted");
    Ok(Answer::xml(accepted))
}

/// The queue that a job asks for; when it asks for none the first active one, and if all are paused the first.
fn choose(queues: &[Queue], wanted: Option<&str>) -> Result<QueueId, Refusal> {
    let chosen = match wanted {
        Some(wanted) => {
            let id = QueueId::parse(wanted);
            queues.iter().find(|queue| Some(queue.id) == id)
        }
        None => queues.iter().find(|queue| !queue.paused).or(queues.first()),
    };
    chosen.map(|queue| queue.id).ok_or_else(service::queue_not_found)
}

fn refusal(error: SubmitError) -> Refusal {
    match error {
        // These two were checked above: the queue went away, or the service was closed, in between.
        SubmitError::QueueNotFound => service::queue_not_found(),
        SubmitError::ServiceClosed => service::closed(),
        SubmitError::QueueFull => queue_full(),
        SubmitError::Store(error) => error.into(),
    }
}

fn queue_full() -> Refusal {
    Refusal::slow_down("too many jobs wait in this queue, please try again later", None)
}
