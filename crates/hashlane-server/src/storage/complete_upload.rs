//! `POST /<key>?uploadId`: the parts become one object.

use hashlane_engine::{Ending, PartChoice};
use hashlane_wire::check_content_md5;
use hashlane_wire::storage::{GivenHeaders, parse_complete, print_completed};

use super::uploads::upload_id;
use super::{Ask, XML_BYTES_MAX};
use crate::answer::Answer;
use crate::body::RequestBody;
use crate::refusal::Refusal;

pub(super) async fn answer(ask: Ask<'_>, body: &mut RequestBody) -> Result<Answer, Refusal> {
    let body = body.read_at_most(XML_BYTES_MAX).await?;
    check_content_md5(ask.head.header("content-md5").as_deref(), &body)?;
    let parts = parse_complete(&body)?.into_iter();
    let parts: Vec<PartChoice> = parts.map(|part| PartChoice { number: part.number, etag: part.etag }).collect();
    let keep_existing = GivenHeaders::of(ask.head)?.keep_existing;
    let ending = Ending { keep_existing, precondition: ask.precondition(), ..Ending::default() };
    let query = ask.query()?;
    let stored = ask.api.engine.complete_multipart(&ask.object(), upload_id(&query), &parts, ending).await?;
    let location = format!("http://{}{}", ask.head.header("host").unwrap_or_default(), ask.head.path);
    let xml = print_completed(&location, ask.bucket.name.as_str(), ask.key, &stored.etag);
    Ok(Answer::xml(xml).header("x-cos-hash-crc64ecma", &stored.crc64.to_string()))
}
