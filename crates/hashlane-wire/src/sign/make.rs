//! Making signatures, for clients.

use super::canonical::{self, SignedHost, Terms, encode, param_name};
use crate::RequestHead;
use crate::query::raw_fields;

/// The headers that get signed when they are there, beside all `x-cos-` and `x-ci-` headers: those that the Python SDK
/// signs (signing.md, section 2).
const SIGNED_HEADERS: [&str; 17] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "expect",
    "expires",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "origin",
    "pic-operations",
    "range",
    "transfer-encoding",
];

/// The Authorization value of a request, valid from `start` to `end` in Unix seconds. All parameters of the query that
/// have a name get signed, and of the headers those that SDKs sign; the Host is signed as it stands there.
pub fn authorization(head: &RequestHead<'_>, access_key: &str, secret: &str, start: i64, end: i64) -> String {
    let made = Made::new(head, secret, start, end);
    format!(
        "q-sign-algorithm=sha1&q-ak={access_key}&q-sign-time={time}&q-key-time={time}&q-header-list={}&q-url-param-list={}\
         &q-signature={}",
        made.header_list,
        made.param_list,
        made.signature,
        time = made.time,
    )
}

/// The fields that make a URL a presigned one: they go in front of the query of `head`, or after it, joined by `&`.
/// Whoever uses the URL has to send the headers of `head` that get signed. The query of `head` must not have a parameter of
/// the names of these fields, in any letter case: it would be there twice and listed once, which no verifier accepts.
pub fn presigned_query(head: &RequestHead<'_>, access_key: &str, secret: &str, start: i64, end: i64) -> String {
    let made = Made::new(head, secret, start, end);
    let encoded = |text: &str| encode(text.as_bytes());
    format!(
        "q-sign-algorithm=sha1&q-ak={}&q-sign-time={time}&q-key-time={time}&q-header-list={}&q-url-param-list={}&q-signature={}",
        encoded(access_key),
        encoded(&made.header_list),
        encoded(&made.param_list),
        made.signature,
        time = encoded(&made.time),
    )
}

struct Made {
    time: String,
    header_list: String,
    param_list: String,
    signature: String,
}

impl Made {
    fn new(head: &RequestHead<'_>, secret: &str, start: i64, end: i64) -> Made {
        let time = format!("{start};{end}");
        let headers = head.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        let header_list = list(headers.filter(|name| is_signed(name)));
        let param_list = list(raw_fields(head.query).map(|(name, _)| param_name(name)).filter(|name| !name.is_empty()));
        let terms = Terms { sign_time: &time, key_time: &time, header_list: &header_list, param_list: &param_list };
        let signature = canonical::signature(head, terms, secret, SignedHost::AsReceived, None)
            .expect("the lists name every value of each of their names");
        let signature = signature.into_iter().map(char::from).collect();
        Made { time, header_list, param_list, signature }
    }
}

fn is_signed(header: &str) -> bool {
    SIGNED_HEADERS.contains(&header) || header.starts_with("x-cos-") || header.starts_with("x-ci-")
}

/// The names in ascending order, one for each value.
fn list(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.join(";")
}
