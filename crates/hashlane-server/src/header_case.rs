//! The capitals of header names in answers.
//!
//! SDKs look names up as they were written (`ETag`, spec section 2), while hyper prints lower case, or title case. It prints
//! other capitals only when the answer's extensions hold a map of a private type. Such a map is made by parsing one canned
//! response with hyper's own client; answers carry a clone of the extensions that came of it. Names that are not in
//! [`NAMES`] come out in lower case, which is right for `x-ci-*` and `x-cos-*`. Nothing here can fail on input: the
//! response is ours.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Response};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

/// Every name that an answer may carry and that is not all lower-case.
const NAMES: [&str; 17] = [
    "Accept-Ranges",
    "Allow",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-MD5",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Retry-After",
    "Server",
];

/// Those that nearly every answer of the API has, and no other of [`NAMES`]: a map is copied for each answer, and a small one is
/// copied faster.
const USUAL: [&str; 4] = ["Connection", "Content-Type", "Date", "Server"];

/// The maps of capitals, inside the extensions in which hyper looks for them.
#[derive(Clone)]
pub(crate) struct HeaderCase(Arc<Maps>);

struct Maps {
    usual: Extensions,
    all: Extensions,
}

impl HeaderCase {
    /// Parses the canned responses.
    ///
    /// # Errors
    /// When hyper's client does not take its own server's dialect: never, unless hyper changes.
    pub(crate) async fn learn() -> io::Result<HeaderCase> {
        Ok(HeaderCase(Arc::new(Maps { usual: map_of(&USUAL).await?, all: map_of(&NAMES).await? })))
    }

    /// Gives an answer its capitals.
    pub(crate) fn apply<B>(&self, response: &mut Response<B>) {
        let is_usual =
            |name: &str| name.starts_with("x-") || USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(name));
        let all_usual = response.headers().keys().all(|name| is_usual(name.as_str()));
        let map = if all_usual { &self.0.usual } else { &self.0.all };
        response.extensions_mut().extend(map.clone());
    }
}

/// The map of these names.
async fn map_of(names: &[&str]) -> io::Result<Extensions> {
    let mut canned = String::from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for name in names {
        // A connection must not be told to close or to upgrade, and no other value matters.
        let value = if *name == "Connection" { "keep-alive" } else { "x" };
        canned.push_str(&format!("{name}: {value}\r\n"));
    }
    canned.push_str("\r\n");

    let (near, mut far) = tokio::io::duplex(4096);
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .preserve_header_case(true)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(near))
        .await
        .map_err(io::Error::other)?;
    let request = http::Request::get("/").body(Empty::new()).map_err(io::Error::other)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        Ok::<_, io::Error>(response.extensions().clone())
    };
    let script = async {
        // Answered only once the request has come: hyper refuses bytes that answer nothing.
        tokio::io::AsyncReadExt::read_u8(&mut far).await?;
        far.write_all(canned.as_bytes()).await
    };
    let exchange = async { tokio::try_join!(answer, script) };
    let (extensions, ()) = tokio::select! {
        result = exchange => result?,
        ended = connection => return Err(io::Error::other(format!("the canned response ended early: {ended:?}"))),
    };
    Ok(extensions)
}
