//! `GET /<key>?uploadId`: the parts that an upload has.

use hashlane_wire::storage::{ListPartsQuery, PartEntry};

use super::Ask;
use crate::answer::Answer;
use crate::refusal::Refusal;

pub(super) async fn answer(ask: Ask<'_>) -> Result<Answer, Refusal> {
    let query = ListPartsQuery::parse(&ask.query()?)?;
    let object = ask.object();
    let page = ask.api.engine.list_parts(&object, &query.upload_id, query.after, query.entries_max).await?;
    let parts: Vec<PartEntry<'_>> = page
        .parts
        .iter()
        .map(|part| PartEntry {
            number: part.number,
            modified: part.stored.modified,
            etag: &part.stored.etag,
            size_bytes: part.stored.size_bytes,
        })
        .collect();
    Ok(Answer::xml(query.print(ask.bucket.name.as_str(), ask.key, &parts, page.is_truncated)))
}
