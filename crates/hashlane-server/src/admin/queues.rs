//! `/api/queues`: what the wire cannot say of queues: a new one, and how many jobs may wait and run in one.
//!
//! Times are UTC. The address of callbacks is left out, as it is for jobs: it may hold a secret of its receiver.

use bytes::Bytes;
use hashlane_engine::Engine;
use hashlane_job::{NotifyAddress, Queue, QueueId};
use hashlane_store::{JobStore, QueueChange};
use hashlane_wire::TimeOffset;
use hashlane_wire::queue::{NotifyDetail, QueueUpdate};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{self, Problem};

/// Queues of one bucket: each is looked at with every claim, so that there is a bound.
const QUEUES_PER_BUCKET_MAX: usize = 1000;
/// The largest bounds that can be asked for: those of the configuration.
const WAITING_MAX: u64 = 1_000_000_000_000;
const RUNNING_MAX: u64 = 1_000_000_000;

/// The body of `POST /api/queues`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewQueue {
    bucket: String,
    name: String,
    max_size: Option<u64>,
    max_concurrent: Option<u64>,
}

/// The body of `PATCH /api/queues/<id>`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    max_size: Option<u64>,
    max_concurrent: Option<u64>,
}

/// `GET /api/queues`: all queues of all buckets, oldest first within each.
pub(super) async fn list(store: &JobStore, engine: &Engine) -> Result<Response<Full<Bytes>>, Problem> {
    let mut listed = Vec::new();
    for bucket in engine.buckets() {
        let queues = store.queues(&bucket.name).await?;
        listed.extend(queues.iter().map(|queue| queue_json(queue, &bucket.region)));
    }
    Ok(json::answer(StatusCode::OK, &json!({ "queues": listed })))
}

/// `POST /api/queues`: makes a queue. The service of its bucket is opened when it is closed.
pub(super) async fn create(store: &JobStore, engine: &Engine, body: &[u8]) -> Result<Response<Full<Bytes>>, Problem> {
    let asked: NewQueue = json::read(body)?;
    let bucket = engine.buckets().iter().find(|bucket| bucket.name.as_str() == asked.bucket);
    let bucket = bucket.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such bucket"))?;
    QueueUpdate::check_name(&asked.name).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.message))?;
    let bounds = Bounds { max_size: asked.max_size, max_concurrent: asked.max_concurrent };
    let settings = QueueChange { name: Some(asked.name), ..bounds.check()? };

    store.open_service(&bucket.name).await?;
    if store.queues(&bucket.name).await?.len() >= QUEUES_PER_BUCKET_MAX {
        return Err(Problem::new(StatusCode::CONFLICT, "the bucket has as many queues as it may"));
    }
    let made = store.create_queue(&bucket.name, settings).await?;
    let closed = || Problem::new(StatusCode::CONFLICT, "the service of the bucket was closed at the same time");
    let queue = made.ok_or_else(closed)?;
    tracing::info!(queue = %queue.id, bucket = %bucket.name, "queue made");
    Ok(json::answer(StatusCode::CREATED, &queue_json(&queue, &bucket.region)))
}

/// `PATCH /api/queues/<id>`: changes how many jobs may wait and run.
pub(super) async fn change(
    store: &JobStore,
    engine: &Engine,
    id: &str,
    body: &[u8],
) -> Result<Response<Full<Bytes>>, Problem> {
    let change = json::read::<Bounds>(body)?.check()?;
    if change == QueueChange::default() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "give max_size, max_concurrent, or both"));
    }
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "no such queue");
    let id = QueueId::parse(id).ok_or_else(unknown)?;
    for bucket in engine.buckets() {
        if let Some(queue) = store.change_queue(&bucket.name, id, change.clone()).await? {
            tracing::info!(queue = %queue.id, bucket = %bucket.name, "queue changed");
            return Ok(json::answer(StatusCode::OK, &queue_json(&queue, &bucket.region)));
        }
    }
    Err(unknown())
}

impl Bounds {
    fn check(self) -> Result<QueueChange, Problem> {
        for (name, bound, most) in
            [("max_size", self.max_size, WAITING_MAX), ("max_concurrent", self.max_concurrent, RUNNING_MAX)]
        {
            if bound.is_some_and(|bound| !(1..=most).contains(&bound)) {
                return Err(Problem::new(StatusCode::BAD_REQUEST, format!("{name} must be from 1 to {most}")));
            }
        }
        Ok(QueueChange {
            jobs_waiting_max: self.max_size,
            jobs_running_max: self.max_concurrent,
            ..QueueChange::default()
        })
    }
}

fn queue_json(queue: &Queue, region: &str) -> Value {
    let said = NotifyDetail::of(&queue.notify);
    let kind = queue.notify.address.as_ref().map(|address| match address {
        NotifyAddress::Url(_) => "url",
        NotifyAddress::Mq(_) => "tdmq",
    });
    json!({
        "id": queue.id.to_string(),
        "bucket": queue.bucket.as_str(),
        "region": region,
        "name": queue.name,
        "state": if queue.paused { "Paused" } else { "Active" },
        "max_size": queue.jobs_waiting_max,
        "max_concurrent": queue.jobs_running_max,
        "notify": {
            "state": said.state,
            "event": said.event,
            "kind": kind,
            "format": said.format.to_ascii_lowercase(),
        },
        "created": TimeOffset::UTC.print(queue.created),
        "updated": TimeOffset::UTC.print(queue.updated),
    })
}
