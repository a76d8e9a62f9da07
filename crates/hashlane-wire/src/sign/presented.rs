//! The signature that a request presents: the seven fields, from the header or from the URL (signing.md, section 1).

use std::borrow::Cow;
use std::fmt;

use super::Fault;
use super::canonical::{self, Terms};
use crate::RequestHead;
use crate::query::{decode_form, raw_fields};

/// The names that a list may have. SDKs sign some twenty; the bound keeps the work of a verification small.
const NAMES_MAX: usize = 256;

/// Either header may carry the token of a temporary key, on every call, signed or not; so may either parameter.
const TOKENS: [&str; 2] = ["x-cos-security-token", "x-ci-security-token"];

/// The seven fields of a signature, well-formed but not yet verified.
#[derive(Clone)]
pub struct Presented {
    /// `q-ak`: whose key it claims to be.
    pub access_key: String,
    /// The token of a temporary key.
    pub token: Option<String>,
    pub(super) sign_window: Window,
    pub(super) key_window: Window,
    pub(super) signature: String,
    sign_time: String,
    key_time: String,
    header_list: String,
    param_list: String,
}

impl Presented {
    /// Whether a header is covered by the signature.
    pub fn signs_header(&self, name: &str) -> bool {
        canonical::names(&self.header_list).any(|listed| listed.eq_ignore_ascii_case(name))
    }

    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            sign_time: &self.sign_time,
            key_time: &self.key_time,
            header_list: &self.header_list,
            param_list: &self.param_list,
        }
    }
}

impl fmt::Debug for Presented {
    /// Without signature and token, with which a reader of the log could send the request again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("access_key", &self.access_key)
            .field("sign_time", &self.sign_time)
            .field("key_time", &self.key_time)
            .field("header_list", &self.header_list)
            .field("param_list", &self.param_list)
            .finish_non_exhaustive()
    }
}

/// A span of time in Unix seconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Window {
    /// Parses `<int>;<int>` with start <= end. Digits only: no sign, no blank.
    fn parse(text: &str) -> Option<Window> {
        let seconds = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse().ok() } else { None }
        };
        let (start, end) = text.split_once(';')?;
        let window = Window { start: seconds(start)?, end: seconds(end)? };
        (window.start <= window.end).then_some(window)
    }
}

/// The signature that a request presents; `Ok(None)` when it is unsigned: no or an empty Authorization, and no
/// `q-signature` in the query. A header wins over the URL.
///
/// # Errors
/// [`Fault::Unreadable`]: missing, repeated or malformed fields, another algorithm,
/// several Authorization headers.
pub fn presented(head: &RequestHead<'_>) -> Result<Option<Presented>, Fault> {
    let mut headers = head.header_values("authorization");
    let (first, second) = (headers.next().unwrap_or_default(), headers.next());
    if second.is_some() {
        return Err(Fault::Unreadable);
    }
    let fields = if !first.is_empty() {
        let text = std::str::from_utf8(first).map_err(|_| Fault::Unreadable)?;
        Fields::collect(raw_fields(text).map(|(name, value)| (Cow::Borrowed(name), Some(Cow::Borrowed(value)))))?
    } else if raw_fields(head.query).any(|(name, _)| decoded(name).as_deref() == Some("q-signature")) {
        // Names that are not UTF-8 are none of ours.
        Fields::collect(raw_fields(head.query).filter_map(|(name, value)| Some((decoded(name)?, decoded(value)))))?
    } else {
        return Ok(None);
    };
    fields.presented(token(head)).map(Some).ok_or(Fault::Unreadable)
}

/// The token of a temporary key, from either header, else from either parameter.
fn token(head: &RequestHead<'_>) -> Option<String> {
    let in_header = TOKENS.iter().find_map(|name| head.header(name));
    let in_query =
        || raw_fields(head.query).find(|(name, _)| TOKENS.iter().any(|token| token.eq_ignore_ascii_case(name)));
    in_header
        .filter(|token| !token.is_empty())
        .map(Cow::into_owned)
        .or_else(|| in_query().and_then(|(_, value)| decoded(value)).map(Cow::into_owned))
        .filter(|token| !token.is_empty())
}

/// A name or value of the query, decoded once; `None` when it is not UTF-8 then.
fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    match decode_form(raw) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The seven fields as they come.
#[derive(Default)]
struct Fields<'a> {
    algorithm: Option<Cow<'a, str>>,
    access_key: Option<Cow<'a, str>>,
    sign_time: Option<Cow<'a, str>>,
    key_time: Option<Cow<'a, str>>,
    header_list: Option<Cow<'a, str>>,
    param_list: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    /// Takes the fields by name and ignores others. A value of `None` is one that could not be decoded.
    fn collect(all: impl Iterator<Item = (Cow<'a, str>, Option<Cow<'a, str>>)>) -> Result<Fields<'a>, Fault> {
        let mut fields = Fields::default();
        for (name, value) in all {
            let slot = match &*name {
                "q-sign-algorithm" => &mut fields.algorithm,
                "q-ak" => &mut fields.access_key,
                "q-sign-time" => &mut fields.sign_time,
                "q-key-time" => &mut fields.key_time,
                "q-header-list" => &mut fields.header_list,
                "q-url-param-list" => &mut fields.param_list,
                "q-signature" => &mut fields.signature,
                _ => continue,
            };
            let value = value.ok_or(Fault::Unreadable)?;
            if slot.replace(value).is_some() {
                return Err(Fault::Unreadable);
            }
        }
        Ok(fields)
    }

    fn presented(self, token: Option<String>) -> Option<Presented> {
        if self.algorithm? != "sha1" {
            return None;
        }
        let (sign_time, key_time) = (self.sign_time?.into_owned(), self.key_time?.into_owned());
        let (header_list, param_list) = (self.header_list?.into_owned(), self.param_list?.into_owned());
        let (access_key, signature) = (self.access_key?.into_owned(), self.signature?.into_owned());
        if access_key.is_empty() || !is_list(&header_list) || !is_list(&param_list) {
            return None;
        }
        Some(Presented {
            sign_window: Window::parse(&sign_time)?,
            key_window: Window::parse(&key_time)?,
            access_key,
            token,
            signature,
            sign_time,
            key_time,
            header_list,
            param_list,
        })
    }
}

/// Whether a list has names only. A name is encoded, so it has no `=`, `&` or line feed; one that had could make the
/// signed string of another request: the list `a=&b` prints as the lists' names `a` (empty) and `b` do, and `a` would
/// no longer be covered.
fn is_list(list: &str) -> bool {
    let is_name = |name: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'%');
        !name.is_empty() && name.bytes().all(fits)
    };
    canonical::names(list).all(is_name) && canonical::names(list).count() <= NAMES_MAX
}
