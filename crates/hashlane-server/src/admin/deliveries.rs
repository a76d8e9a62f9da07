//! `/api/deliveries`: the callbacks of jobs by their state, and the replay of those that are settled.
//!
//! Times are UTC. The address of a callback is left out: it may hold a secret of its receiver.

use bytes::Bytes;
use hashlane_engine::Engine;
use hashlane_job::{BucketName, DeliveryState, JobId, Timestamp};
use hashlane_store::{DeliveryCursor, DeliveryPage, DeliveryQuery, JobStore, Replayed};
use hashlane_wire::{Query, TimeOffset};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use super::jobs::{delivery_json, state_word};
use super::json::{self, Problem};

/// Deliveries of one page; each is a job to be read.
const PAGE_MAX: usize = 500;
/// Without a limit.
const PAGE_DEFAULT: usize = 100;

/// What `GET /api/deliveries` selects by, and the body of `POST /api/deliveries/replay`: one job, or a state and what narrows
/// it down.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    job: Option<String>,
    state: Option<String>,
    bucket: Option<String>,
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/deliveries?state=failed|delivered|pending`: a page; `next` is the `after` of the next one.
pub(super) async fn list(
    store: &JobStore,
    engine: &Engine,
    query: Option<&str>,
) -> Result<Response<Full<Bytes>>, Problem> {
    let selection = Selection::of_query(query.unwrap_or_default())?;
    let page = selection.page(store, engine).await?;
    let listed: Vec<Value> = page.deliveries.iter().map(listed_json).collect();
    let next = page.next_after.map(|next| next.to_string());
    Ok(json::answer(StatusCode::OK, &json!({ "deliveries": listed, "next": next })))
}

/// `POST /api/deliveries/replay`: makes callbacks due again, with the same event id. Of many, one page at a time: `next` is the
/// `after` of the next request.
pub(super) async fn replay(store: &JobStore, engine: &Engine, body: &[u8]) -> Result<Response<Full<Bytes>>, Problem> {
    let selection: Selection = json::read(body)?;
    match (&selection.job, &selection.state) {
        (Some(job), None) => replay_one(store, engine, job).await,
        (None, Some(_)) => replay_many(store, engine, selection).await,
        _ => Err(Problem::new(StatusCode::BAD_REQUEST, "give either job or state")),
    }
}

async fn replay_one(store: &JobStore, engine: &Engine, id: &str) -> Result<Response<Full<Bytes>>, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "no such job");
    let id = JobId::parse(id).ok_or_else(unknown)?;
    for bucket in engine.buckets() {
        let replayed = match store.replay(vec![(bucket.name.clone(), id)], None).await?.first() {
            None | Some(Replayed::NotFound) => continue,
            Some(Replayed::Due) => "due",
            Some(Replayed::AlreadyDue | Replayed::OtherState) => "already-due",
            Some(Replayed::NotEnded) => {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "the job has not ended: its callback is sent when it does",
                ));
            }
            Some(Replayed::NoCallback) => {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "the job has no callback: none was asked for when it ended, or it was cancelled",
                ));
            }
        };
        tracing::info!(job = %id, replayed, "callback replayed");
        return Ok(json::answer(StatusCode::OK, &json!({ "job": id.to_string(), "replayed": replayed })));
    }
    Err(unknown())
}

async fn replay_many(
    store: &JobStore,
    engine: &Engine,
    selection: Selection,
) -> Result<Response<Full<Bytes>>, Problem> {
    let state = selection.state()?;
    if state == DeliveryState::Due {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "pending callbacks are due already"));
    }
    let page = selection.page(store, engine).await?;
    let jobs: Vec<(BucketName, JobId)> = page
        .deliveries
        .iter()
        .map(|delivery| (delivery.job.request.bucket().clone(), delivery.job.request.id))
        .collect();
    // What has changed since the page was read is left alone.
    let replayed = if jobs.is_empty() { Vec::new() } else { store.replay(jobs, Some(state)).await? };
    let count = replayed.iter().filter(|replayed| **replayed == Replayed::Due).count();
    if count > 0 {
        tracing::info!(callbacks = count, state = state.word(), "callbacks replayed");
    }
    let next = page.next_after.map(|next| next.to_string());
    Ok(json::answer(StatusCode::OK, &json!({ "replayed": count, "next": next })))
}

impl Selection {
    fn of_query(raw: &str) -> Result<Selection, Problem> {
        let bad = |error: String| Problem::new(StatusCode::BAD_REQUEST, error);
        let query = Query::parse(raw).map_err(|error| bad(error.message))?;
        let known = ["state", "bucket", "since", "until", "after", "limit"];
        if let Some(name) = query.names().find(|name| !known.contains(name)) {
            return Err(bad(format!("{name} is not known here: {}", known.join(", "))));
        }
        let text = |name| query.value(name).map(str::to_owned);
        let limit = query.value("limit").map(str::parse).transpose();
        Ok(Selection {
            job: None,
            state: text("state"),
            bucket: text("bucket"),
            since: text("since"),
            until: text("until"),
            after: text("after"),
            limit: limit.map_err(|_| bad("limit is not a number".into()))?,
        })
    }

    fn state(&self) -> Result<DeliveryState, Problem> {
        match self.state.as_deref() {
            None | Some("failed") => Ok(DeliveryState::Failed),
            Some("delivered") => Ok(DeliveryState::Delivered),
            Some("pending") => Ok(DeliveryState::Due),
            Some(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "state must be failed, delivered or pending")),
        }
    }

    async fn page(&self, store: &JobStore, engine: &Engine) -> Result<DeliveryPage, Problem> {
        let bad = |error: String| Problem::new(StatusCode::BAD_REQUEST, error);
        let time = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => TimeOffset::read(text)
                .map(Some)
                .ok_or_else(|| bad(format!("{name} is not a time: write it like 2022-07-18T15:16:43+0800"))),
        };
        let bucket = match &self.bucket {
            None => None,
            Some(name) => {
                let found = engine.buckets().iter().find(|bucket| bucket.name.as_str() == name);
                Some(found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such bucket"))?.name.clone())
            }
        };
        let after = match &self.after {
            None => None,
            Some(text) => Some(DeliveryCursor::parse(text).ok_or_else(|| bad("after is none that was given".into()))?),
        };
        // The whole of its second.
        let end = |time: Timestamp| Timestamp::from_unix_millis(time.unix_millis().saturating_add(999));
        let query = DeliveryQuery {
            state: self.state()?,
            bucket,
            created_from: time("since", &self.since)?,
            created_to: time("until", &self.until)?.map(end),
            after,
            limit: self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX),
        };
        Ok(store.list_deliveries(query).await?)
    }
}

fn listed_json(listed: &hashlane_store::ListedDelivery) -> Value {
    let request = &listed.job.request;
    json!({
        "id": request.id.to_string(),
        "bucket": request.object.bucket.as_str(),
        "object": request.object.key,
        "state": state_word(&listed.job),
        "created": TimeOffset::UTC.print(request.created()),
        "ended": listed.job.ended.map(|ended| TimeOffset::UTC.print(ended)),
        "delivery": delivery_json(&listed.job, listed.due_in),
    })
}
