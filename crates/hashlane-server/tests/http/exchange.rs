//! One HTTP exchange, byte by byte: a client without a library between test and socket.

use std::net::SocketAddr;
use std::time::Duration;

use hashlane_wire::{ErrorAnswer, RequestHead, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{HOST, KEY_ID, KEY_SECRET, NOW};

/// A server that says nothing for so long has failed its test. Shorter than any time limit of the server that a test has not
/// shortened, far longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A request to be sent.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Host among them; Content-Length only when it is given here.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Ask {
        Ask { method: method.into(), target: target.into(), headers: vec![("Host".into(), HOST.into())], body: vec![] }
    }

    pub(crate) fn get(target: &str) -> Ask {
        Ask::new("GET", target)
    }

    /// A submit with this body, its length and its type.
    pub(crate) fn submit(body: impl Into<Vec<u8>>) -> Ask {
        let body = body.into();
        let ask = Ask::new("POST", "/file_jobs").header("Content-Type", "application/xml");
        Ask { body, ..ask.header("Content-Length", "0") }.with_length()
    }

    fn with_length(mut self) -> Ask {
        let length = self.body.len().to_string();
        self.headers.retain(|(name, _)| name != "Content-Length");
        self.headers.push(("Content-Length".into(), length));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Ask {
        self.headers.retain(|(name, _)| name != "Host");
        self.header("Host", host)
    }

    /// Signed with the test's key, now and for an hour.
    pub(crate) fn signed(self) -> Ask {
        self.signed_by(KEY_ID, KEY_SECRET, NOW, NOW + 3600)
    }

    pub(crate) fn signed_by(self, id: &str, secret: &str, start: i64, end: i64) -> Ask {
        let value = sign::authorization(&self.head(), id, secret, start, end);
        self.header("Authorization", &value)
    }

    /// Signed in the URL.
    pub(crate) fn presigned(mut self) -> Ask {
        let fields = sign::presigned_query(&self.head(), KEY_ID, KEY_SECRET, NOW, NOW + 3600);
        let joint = if self.target.contains('?') { '&' } else { '?' };
        self.target = format!("{}{joint}{fields}", self.target);
        self
    }

    fn head(&self) -> RequestHead<'_> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        RequestHead { method: &self.method, path, query, headers }
    }

    /// The head as it goes over the wire, with its empty line.
    pub(crate) fn head_bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head_bytes(), self.body.clone()].concat()
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(&self, to: SocketAddr) -> Reply {
        let mut line = Line::open(to).await;
        line.write(&self.bytes()).await;
        line.reply(&self.method).await
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names as they were written.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The value of a header, by its exact name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("answers are UTF-8")
    }

    /// Checks what holds for every answer of the api.
    pub(crate) fn check_common(&self) {
        let ids = [self.header("x-ci-request-id"), self.header("x-cos-request-id")];
        assert!(ids[0].is_some_and(|id| !id.is_empty()), "{self:?}");
        assert_eq!(ids[0], ids[1]);
        assert!(self.header("Date").is_some_and(|date| date.ends_with(" GMT")), "{self:?}");
        assert!(matches!(self.header("Server"), Some("tencent-ci" | "tencent-cos")), "{self:?}");
        assert_eq!(self.header("x-cos-error-code"), None);
        // Objects have types of their own.
        if self.body.starts_with(b"<?xml") {
            assert_eq!(self.header("Content-Type"), Some("application/xml"));
        }
    }

    /// Checks that it is an error with its five children and returns its code and message.
    pub(crate) fn error(&self) -> (u16, String, String) {
        self.check_common();
        let error = ErrorAnswer::parse(&self.body).unwrap_or_else(|| panic!("no error body: {self:?}"));
        for child in [&error.code, &error.message, &error.resource, &error.request_id, &error.trace_id] {
            assert!(!child.is_empty(), "{self:?}");
        }
        assert_eq!(self.header("x-ci-request-id"), Some(error.request_id.as_str()));
        assert_eq!(self.header("x-ci-trace-id"), Some(error.trace_id.as_str()));
        assert_eq!(self.header("x-cos-trace-id"), Some(error.trace_id.as_str()));
        (self.status, error.code, error.message)
    }

    /// Checks that it is the error with this status and code.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) -> String {
        let (got_status, got_code, message) = self.error();
        assert_eq!((got_status, got_code.as_str()), (status, code), "{message}");
        message
    }

    /// Checks that it is a 200 and returns its text.
    #[track_caller]
    pub(crate) fn expect_ok(&self) -> String {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.check_common();
        assert_eq!(self.header("x-ci-trace-id"), None);
        self.text()
    }
}

/// A connection.
pub(crate) struct Line {
    stream: TcpStream,
    /// Received and not yet taken by a reply.
    received: Vec<u8>,
}

impl Line {
    pub(crate) async fn open(to: SocketAddr) -> Line {
        Line { stream: TcpStream::connect(to).await.expect("the server accepts"), received: vec![] }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server takes bytes");
    }

    /// As `write`, for a server that may close in the middle.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    pub(crate) async fn finish_writing(&mut self) {
        // Fails when the server has closed already, which is no concern of the client here.
        let _ = self.stream.shutdown().await;
    }

    /// The next answer; `method` says whether it has a body.
    pub(crate) async fn reply(&mut self, method: &str) -> Reply {
        self.try_reply(method).await.expect("the server answers before it closes")
    }

    /// The next answer, `None` when the connection ends before it is whole.
    pub(crate) async fn try_reply(&mut self, method: &str) -> Option<Reply> {
        let head_end = loop {
            if let Some(at) = find(&self.received, b"\r\n\r\n") {
                break at;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.received.drain(..head_end + 4).collect()).expect("heads are ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.map_or(0, |(_, value)| value.parse().expect("a length"));
        // RFC 9112, section 6.3: these have no body, whatever their headers say of the object.
        let length = if method == "HEAD" || matches!(status, 100 | 204 | 304) { 0 } else { length };
        while self.received.len() < length {
            self.more().await?;
        }
        let body = self.received.drain(..length).collect();
        Some(Reply { status, headers, body })
    }

    /// Waits until the server closes; true when it sent nothing more before.
    pub(crate) async fn closes_silently(&mut self) -> bool {
        while self.more().await.is_some() {}
        self.received.is_empty()
    }

    async fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 16 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
        // A reset is an end as well.
        let count = read.expect("the server answers or closes").unwrap_or(0);
        self.received.extend_from_slice(&buffer[..count]);
        (count > 0).then_some(())
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
