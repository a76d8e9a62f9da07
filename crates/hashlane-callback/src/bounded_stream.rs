//! A connection to a receiver that ends when the receiver sends without end.
//!
//! The HTTP client bounds the head of an answer, and of its body little is read. But a receiver may send interim answers
//! (`100 Continue`, RFC 9110 section 15.2) for ever, each of which is small, is parsed and means nothing: that holds a core
//! until the attempt's time is over. So what arrives is counted beneath the client.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// So much may arrive after the last byte that was sent. Honest answers stay far below it: over HTTP/1.1 the largest head and
/// the part of a body that is read, over HTTP/2 four streams with full windows (256 KiB).
pub(crate) const UNASKED_BYTES_MAX: usize = 512 * 1024;

/// A connection of which no more is read than [`UNASKED_BYTES_MAX`] without anything being sent in between.
#[derive(Debug)]
pub(crate) struct BoundedStream {
    stream: TcpStream,
    unasked_bytes: usize,
}

impl BoundedStream {
    /// The connection, new.
    pub(crate) fn new(stream: TcpStream) -> BoundedStream {
        BoundedStream { stream, unasked_bytes: 0 }
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.unasked_bytes > UNASKED_BYTES_MAX {
            let said = format!("the receiver sent more than {} KiB instead of an answer", UNASKED_BYTES_MAX / 1024);
            return Poll::Ready(Err(io::Error::other(said)));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        self.unasked_bytes += into.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.unasked_bytes = 0;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unasked_bytes = 0;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connection for BoundedStream {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}
