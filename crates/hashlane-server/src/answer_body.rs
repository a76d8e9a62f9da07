//! The body of an answer: at hand as a whole, or an object on its way.
//!
//! It promises that an object that fails midway never looks complete: the connection is closed before the announced length.

use bytes::Bytes;
use futures_util::stream::unfold;
use hashlane_engine::{ObjectStream, StorageError};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

/// What hyper sends.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, StorageError>;

/// Bytes that are at hand.
pub(crate) fn whole(bytes: Bytes) -> AnswerBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// An object, piece by piece.
pub(crate) fn object(stream: ObjectStream) -> AnswerBody {
    let pieces = unfold(Some(stream), |stream| async move {
        let mut stream = stream?;
        match stream.next().await {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(Frame::data(piece)), Some(stream))),
            Err(error) => {
                tracing::warn!(%error, "an object could not be sent to its end");
                Some((Err(error), None))
            }
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}
