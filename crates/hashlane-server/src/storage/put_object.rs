//! `PUT /<key>`: an object is stored, whole or not at all.
//!
//! The body goes to the engine piece by piece, and nothing of it is asked for before the key and the headers are known to be
//! right.

use hashlane_engine::{Ending, Stored, Upload};
use hashlane_wire::storage::{GivenHeaders, check_key, content_md5};
use http::StatusCode;

use super::{Ask, attributes};
use crate::answer::Answer;
use crate::body::RequestBody;
use crate::refusal::Refusal;

pub(super) async fn answer(ask: Ask<'_>, body: &mut RequestBody) -> Result<Answer, Refusal> {
    check_key(ask.key)?;
    ask.check_length()?;
    let given = GivenHeaders::of(ask.head)?;
    let ending = Ending {
        content_md5: content_md5(ask.head)?,
        keep_existing: given.keep_existing,
        precondition: ask.precondition(),
        etag: None,
    };
    // Asked again in the moment of publication; a body that cannot be stored need not come at all.
    ask.api.engine.check_ending(&ask.object(), &ending).await?;
    let mut upload = ask.api.engine.begin_upload(&ask.object(), attributes(given)).await?;
    receive(body, &mut upload).await?;
    Ok(stored(&upload.finish(ending).await?))
}

/// Takes the whole body.
pub(super) async fn receive(body: &mut RequestBody, upload: &mut Upload) -> Result<(), Refusal> {
    while let Some(piece) = body.piece().await? {
        upload.write(piece).await?;
    }
    Ok(())
}

/// What is told of an object or part that was stored.
pub(super) fn stored(stored: &Stored) -> Answer {
    let crc64 = stored.crc64.to_string();
    Answer::with_status(StatusCode::OK).header("etag", &stored.etag).header("x-cos-hash-crc64ecma", &crc64)
}
