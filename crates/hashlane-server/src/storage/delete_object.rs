//! `DELETE /<key>`: 204, also when there was nothing.

use hashlane_engine::StorageFault;
use http::StatusCode;

use super::Ask;
use crate::answer::Answer;
use crate::refusal::Refusal;

pub(super) async fn answer(ask: Ask<'_>) -> Result<Answer, Refusal> {
    let deleted = match ask.precondition() {
        None => ask.api.engine.delete_object(&ask.object()).await,
        Some(precondition) => ask.api.engine.delete_object_if(&ask.object(), precondition).await,
    };
    match deleted {
        Ok(()) => {}
        // Under a key that no object can have there is none.
        Err(error) if error.fault == StorageFault::InvalidKey => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Answer::with_status(StatusCode::NO_CONTENT))
}
