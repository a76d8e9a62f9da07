//! The head of a request as it came off the socket: all that routing and signatures look at.
//!
//! Everything is borrowed and raw. No path, query or header value is decoded, folded or normalised here, because the
//! signature is over what the client sent.

use std::borrow::Cow;

/// A request without its body.
#[derive(Debug, Clone)]
pub struct RequestHead<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// The raw path as on the wire, still percent-encoded, without the query.
    pub path: &'a str,
    /// The raw query without `?`, empty when there is none.
    pub query: &'a str,
    /// Header names in any case with raw values, in order.
    pub headers: Vec<(&'a str, &'a [u8])>,
}

impl<'a> RequestHead<'a> {
    /// The first value of a header without leading and trailing blanks. Bytes that are not UTF-8 are replaced.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.header_values(name).next().map(String::from_utf8_lossy)
    }

    /// Every value of a header without leading and trailing blanks, in order.
    pub fn header_values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.headers
            .iter()
            .filter(move |(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| trim_blanks(value))
    }
}

/// Without leading and trailing spaces and tabs (RFC 9110, section 5.5).
pub(crate) fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
