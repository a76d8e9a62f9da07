//! `GET /` of a bucket: its keys by page.

use hashlane_engine::ListRequest;
use hashlane_wire::storage::{ListObjectsQuery, ObjectEntry};

use super::Ask;
use crate::answer::Answer;
use crate::refusal::Refusal;

pub(super) async fn answer(ask: Ask<'_>) -> Result<Answer, Refusal> {
    let query = ListObjectsQuery::parse(&ask.query()?)?;
    let request = ListRequest {
        prefix: query.prefix.clone(),
        delimiter: query.delimiter.clone(),
        marker: query.marker.clone(),
        entries_max: query.entries_max,
    };
    let page = ask.api.engine.list_objects(ask.bucket.name, request).await?;
    let objects: Vec<ObjectEntry<'_>> = page
        .objects
        .iter()
        .map(|listed| ObjectEntry {
            key: &listed.key,
            modified: listed.head.modified,
            etag: &listed.head.etag,
            size_bytes: listed.head.size_bytes,
        })
        .collect();
    let xml = query.print(ask.bucket.name.as_str(), &objects, &page.prefixes, page.next_marker.as_deref());
    Ok(Answer::xml(xml))
}
