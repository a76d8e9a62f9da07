//! `POST /?delete`: many objects at once; what became of each is told.

use hashlane_engine::StorageError;
use hashlane_job::ObjectRef;
use hashlane_wire::storage::{DeleteRefusal, DeleteRequest, print_deleted};
use hashlane_wire::{WireError, check_content_md5};

use super::{Ask, XML_BYTES_MAX};
use crate::answer::Answer;
use crate::body::RequestBody;
use crate::refusal::Refusal;

pub(super) async fn answer(ask: Ask<'_>, body: &mut RequestBody) -> Result<Answer, Refusal> {
    let body = body.read_at_most(XML_BYTES_MAX).await?;
    check_content_md5(ask.head.header("content-md5").as_deref(), &body)?;
    let request = DeleteRequest::parse(&body)?;
    let (mut deleted, mut refused) = (Vec::new(), Vec::new());
    for key in request.keys {
        let object = ObjectRef { bucket: ask.bucket.name.clone(), key };
        match ask.api.engine.delete_object(&object).await {
            Ok(()) => deleted.push(object.key),
            Err(error) => refused.push(DeleteRefusal { key: object.key, error: told(error)? }),
        }
    }
    if request.quiet {
        deleted.clear();
    }
    Ok(Answer::xml(print_deleted(&deleted, &refused)))
}

/// What the list tells of a failure; a storage that does not answer fails the whole call, which can be repeated.
fn told(error: StorageError) -> Result<WireError, Refusal> {
    let refusal = Refusal::from(error);
    if refusal.error.code.status() < 500 { Ok(refusal.error) } else { Err(refusal) }
}
