//! Multipart uploads on their way: beginning, parts, abort.

use hashlane_engine::Ending;
use hashlane_wire::storage::{GivenHeaders, check_key, content_md5, print_initiated};
use hashlane_wire::{ErrorCode, Query};
use http::StatusCode;

use super::put_object::{receive, stored};
use super::{Ask, attributes};
use crate::answer::Answer;
use crate::body::RequestBody;
use crate::refusal::Refusal;

/// `POST /<key>?uploads`.
pub(super) async fn initiate(ask: Ask<'_>) -> Result<Answer, Refusal> {
    check_key(ask.key)?;
    let given = GivenHeaders::of(ask.head)?;
    let id = ask.api.engine.initiate_multipart(&ask.object(), attributes(given)).await?;
    Ok(Answer::xml(print_initiated(ask.bucket.name.as_str(), ask.key, &id)))
}

/// `PUT /<key>?partNumber&uploadId`.
pub(super) async fn put_part(ask: Ask<'_>, body: &mut RequestBody) -> Result<Answer, Refusal> {
    let query = ask.query()?;
    let number = part_number(&query)?;
    let ending = Ending { content_md5: content_md5(ask.head)?, ..Ending::default() };
    let (object, id) = (ask.object(), upload_id(&query));
    ask.check_length()?;
    let mut part = ask.api.engine.begin_part(&object, id, number, body.declared()).await?;
    receive(body, &mut part).await?;
    Ok(stored(&ask.api.engine.finish_part(&object, id, part, ending).await?))
}

/// `DELETE /<key>?uploadId`.
pub(super) async fn abort(ask: Ask<'_>) -> Result<Answer, Refusal> {
    ask.api.engine.abort_multipart(&ask.object(), upload_id(&ask.query()?)).await?;
    Ok(Answer::with_status(StatusCode::NO_CONTENT))
}

pub(super) fn part_number(query: &Query) -> Result<u32, Refusal> {
    let number = query.value("partNumber").and_then(|text| text.parse().ok());
    number.ok_or_else(|| Refusal::new(ErrorCode::InvalidArgument, "partNumber must be a whole number"))
}

/// An empty one belongs to no upload.
pub(super) fn upload_id(query: &Query) -> &str {
    query.value("uploadId").unwrap_or_default()
}
