//! `PUT /<key>?partNumber&uploadId` with `x-cos-copy-source`: a range of another object becomes a part.
//!
//! So SDKs copy objects that are too large for a single copy. The source may be in any bucket that the key may use and read.

use hashlane_engine::{Ending, StorageFault};
use hashlane_wire::ErrorCode;
use hashlane_wire::storage::{ByteRange, Conditions, CopySource, RangeAnswer, Verdict, print_part_copied};

use super::uploads::{part_number, upload_id};
use super::{Ask, CHANGED_ATTEMPTS, absent, copy_object, get_object};
use crate::answer::Answer;
use crate::refusal::Refusal;

pub(super) async fn answer(ask: Ask<'_>) -> Result<Answer, Refusal> {
    let header = ask.head.header("x-cos-copy-source").unwrap_or_default();
    let source = copy_object::source(ask, &CopySource::parse(&header)?)?;
    let conditions = Conditions::of_copy_source(ask.head);
    let query = ask.query()?;
    let (object, id, number) = (ask.object(), upload_id(&query), part_number(&query)?);
    for _ in 0..CHANGED_ATTEMPTS {
        let open = ask.api.engine.open_object(&source).await.map_err(absent)?;
        if conditions.check(&open.head().etag, open.head().modified) != Verdict::Met {
            return Err(get_object::failed());
        }
        let range = range(ask, open.head().size_bytes)?;
        let announced = Some(range.end - range.start);
        let mut part = ask.api.engine.begin_part(&object, id, number, announced).await?;
        let copied = async {
            let mut bytes = open.read(range).await?;
            while let Some(piece) = bytes.next().await? {
                part.write(piece).await?;
            }
            ask.api.engine.finish_part(&object, id, part, Ending::default()).await
        };
        match copied.await {
            Ok(stored) => return Ok(Answer::xml(print_part_copied(&stored.etag, stored.crc64, stored.modified))),
            Err(error) if error.fault == StorageFault::Changed => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::slow_down("the source of the copy changes all the time", None))
}

/// The bytes that are wanted of a source of that size: all of them, or those of `x-cos-copy-source-range`, which it must have.
fn range(ask: Ask<'_>, size_bytes: u64) -> Result<std::ops::Range<u64>, Refusal> {
    let Some(header) = ask.head.header("x-cos-copy-source-range").filter(|header| !header.is_empty()) else {
        return Ok(0..size_bytes);
    };
    let refuse = |message: &str| Refusal::new(ErrorCode::InvalidArgument, message);
    let wanted =
        ByteRange::parse(&header).ok_or_else(|| refuse("x-cos-copy-source-range must be bytes=<first>-<last>"))?;
    match wanted.of(size_bytes) {
        RangeAnswer::Partial(bytes) => Ok(bytes),
        RangeAnswer::Unsatisfiable => Err(refuse("x-cos-copy-source-range has no byte of the source")),
    }
}
