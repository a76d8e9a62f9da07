//! The body of an answer: at hand as a whole, or an object on its way.
//!
//! It promises that an object that fails midway never looks complete: the connection is closed before the announced length.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::unfold;
use hashlane_engine::{ObjectStream, StorageError};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, SizeHint};

/// What hyper sends.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, StorageError>;

/// Bytes that are at hand.
pub(crate) fn whole(bytes: Bytes) -> AnswerBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// No bytes, of an object of that length: hyper writes the length header of a 304 only when its body seems to
/// have that length.
pub(crate) fn announced(bytes: u64) -> AnswerBody {
    Announced(bytes).map_err(|never| match never {}).boxed_unsync()
}

struct Announced(u64);

impl Body for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
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
