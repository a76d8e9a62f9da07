//! `GET /?uploads`: the multipart uploads on their way to a bucket.

use hashlane_engine::ListUploadsRequest;
use hashlane_wire::storage::{ListUploadsQuery, UploadEntry};

use super::Ask;
use crate::answer::Answer;
use crate::refusal::Refusal;

pub(super) async fn answer(ask: Ask<'_>) -> Result<Answer, Refusal> {
    let query = ListUploadsQuery::parse(&ask.query()?)?;
    let request = ListUploadsRequest {
        prefix: query.prefix.clone(),
        delimiter: query.delimiter.clone(),
        key_marker: query.key_marker.clone(),
        upload_id_marker: query.upload_id_marker.clone(),
        entries_max: query.entries_max,
    };
    let page = ask.api.engine.list_multiparts(ask.bucket.name, request).await?;
    let uploads: Vec<UploadEntry<'_>> = page
        .uploads
        .iter()
        .map(|upload| UploadEntry { key: &upload.key, upload_id: &upload.upload_id, initiated: upload.initiated })
        .collect();
    let next = page.next.as_ref().map(|(key, id)| (key.as_str(), id.as_str()));
    Ok(Answer::xml(query.print(ask.bucket.name.as_str(), &uploads, &page.prefixes, next)))
}
