//! The canonical form of a request: the string that is signed (signing.md, section 2).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::hmac::{self, Hex};
use crate::RequestHead;
use crate::address::without_port;
use crate::head::trim_blanks;
use crate::query::{decode_form, raw_fields};

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a signature covers and when it holds, as text exactly as it stands in the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) sign_time: &'a str,
    pub(super) key_time: &'a str,
    /// Names joined by `;`.
    pub(super) header_list: &'a str,
    /// Names joined by `;`.
    pub(super) param_list: &'a str,
}

/// Which Host is taken for the signed one (rule H2).
#[derive(Debug, Clone, Copy)]
pub(super) enum SignedHost {
    AsReceived,
    WithoutPort,
}

/// The signature of a request, or `None` when a listed header or parameter has more or fewer values than the lists say,
/// so that no signature of this request can be right.
pub(super) fn signature(
    head: &RequestHead<'_>,
    terms: Terms<'_>,
    secret: &str,
    host: SignedHost,
    body_bytes: Option<u64>,
) -> Option<Hex> {
    let http_string = http_string(head, terms, host, body_bytes)?;
    let sign_key = hmac::hmac_sha1(secret.as_bytes(), terms.key_time.as_bytes());
    let mut string_to_sign = Vec::with_capacity(80);
    string_to_sign.extend_from_slice(b"sha1\n");
    string_to_sign.extend_from_slice(terms.sign_time.as_bytes());
    string_to_sign.push(b'\n');
    string_to_sign.extend_from_slice(&hmac::sha1(&http_string));
    string_to_sign.push(b'\n');
    Some(hmac::hmac_sha1(&sign_key, &string_to_sign))
}

/// HttpString: method, decoded path, parameters and headers, each ended by a line feed.
fn http_string(head: &RequestHead<'_>, terms: Terms<'_>, host: SignedHost, body_bytes: Option<u64>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(256 + head.path.len() + head.query.len());
    out.extend(head.method.bytes().map(|byte| byte.to_ascii_lowercase()));
    out.push(b'\n');
    out.extend(percent_decode_str(head.path));
    out.push(b'\n');
    write_listed(terms.param_list, params(head.query), &mut out)?;
    out.push(b'\n');
    write_listed(terms.header_list, headers(head, host, body_bytes), &mut out)?;
    out.push(b'\n');
    Some(out)
}

/// One value of a header or parameter under its canonical name.
type Field<'a> = (Cow<'a, str>, Cow<'a, [u8]>);

/// The parameters of a raw query.
fn params(query: &str) -> Vec<Field<'_>> {
    raw_fields(query).map(|(name, value)| (Cow::Owned(param_name(name)), decode_form(value))).collect()
}

/// The canonical name of a raw parameter name: decoded, encoded again, lower-case with the hex digits.
pub(super) fn param_name(raw: &str) -> String {
    let mut name = encode(&decode_form(raw));
    name.make_ascii_lowercase();
    name
}

fn headers<'a>(head: &RequestHead<'a>, host: SignedHost, body_bytes: Option<u64>) -> Vec<Field<'a>> {
    let field =
        |(name, value): &(&str, &'a [u8])| (Cow::Owned(name.to_ascii_lowercase()), Cow::Borrowed(trim_blanks(value)));
    let mut fields: Vec<Field<'a>> = head.headers.iter().map(field).collect();
    if let SignedHost::WithoutPort = host {
        for (_, value) in fields.iter_mut().filter(|(name, _)| name == "host") {
            *value = Cow::Owned(without_port(&String::from_utf8_lossy(value)).as_bytes().to_vec());
        }
    }
    // Rule H1: a proxy may have dropped it.
    if let Some(bytes) = body_bytes.filter(|_| !fields.iter().any(|(name, _)| name == "content-length")) {
        fields.push((Cow::Borrowed("content-length"), Cow::Owned(bytes.to_string().into_bytes())));
    }
    fields
}

/// Writes `name=enc(value)` for each listed name in list order. A name that is listed several times takes its values
/// in sorted order (Go).
///
/// `None` unless each listed name has exactly as many values as the list says. A value too many would go unsigned, and
/// a reader might take just that one; one too few must not count as empty, or `?acl=` could be taken off a request.
fn write_listed(list: &str, mut fields: Vec<Field<'_>>, out: &mut Vec<u8>) -> Option<()> {
    fields.sort_unstable();
    // How many values of a name are used up, kept at the place of its first value.
    let mut used = vec![0; fields.len()];
    for (index, name) in names(list).enumerate() {
        let first = fields.partition_point(|(known, _)| **known < *name);
        let (_, value) = fields.get(first + used.get(first)?).filter(|(known, _)| known == name)?;
        used[first] += 1;
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend(percent_encode(value, RESERVED).flat_map(str::bytes));
    }
    let is_covered = |first: usize, used: usize| fields.get(first + used).is_none_or(|next| next.0 != fields[first].0);
    used.iter().enumerate().all(|(first, used)| *used == 0 || is_covered(first, *used)).then_some(())
}

/// The names of a list; the empty list has none.
pub(super) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(';').filter(move |_| !list.is_empty())
}

/// enc(x) of signing.md.
pub(super) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}
