//! A request head out of bytes that look like one: a request line, then headers.
//!
//! It takes more than an HTTP server would let through, but nothing that the types cannot say: header names are tokens.

use hashlane_wire::RequestHead;

/// A request head that owns its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The raw path.
    pub path: String,
    /// The raw query.
    pub query: String,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// Reads a head. What is missing is empty; lines without a colon or with a name that is no token are left out.
    pub fn read(bytes: &[u8]) -> Request {
        let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let (method, rest) = first.split_once(' ').unwrap_or((&first, ""));
        let target = rest.strip_suffix(" HTTP/1.1").unwrap_or(rest);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |line: &[u8]| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok().filter(|name| is_token(name))?;
            Some((name.to_owned(), line[colon + 1..].to_vec()))
        };
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: lines.filter_map(header).collect(),
        }
    }

    /// As our code takes it.
    pub fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect(),
        }
    }

    /// All values of a header, without blanks around them.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let all = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        all.map(|(_, value)| without_blanks(value)).collect()
    }
}

/// Whether a name is made of the characters that header names are made of in practice.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Without spaces and tabs around it.
pub(crate) fn without_blanks(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(begin) = value.iter().position(|byte| !blank(byte)) else { return &[] };
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(begin, |at| at + 1);
    &value[begin..end]
}
