//! Conditions of a request (RFC 9110, section 13), in the order in which that asks to check them.
//!
//! Promised: ETags are compared strongly for `If-Match` and weakly for `If-None-Match`; a date that cannot be read says nothing.

use std::time::SystemTime;

use hashlane_job::Timestamp;

use crate::RequestHead;

/// The four conditions, and that of a range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
    if_range: Option<String>,
}

/// What the conditions say of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer the request.
    Met,
    /// 304.
    NotModified,
    /// 412 `PreconditionFailed`.
    Failed,
}

impl Conditions {
    /// Reads the conditions of a request.
    pub fn of(head: &RequestHead<'_>) -> Conditions {
        Conditions::named(head, "")
    }

    /// Reads the conditions on the source of a copy: `x-cos-copy-source-If-Match` and so on.
    pub fn of_copy_source(head: &RequestHead<'_>) -> Conditions {
        Conditions { if_range: None, ..Conditions::named(head, "x-cos-copy-source-") }
    }

    fn named(head: &RequestHead<'_>, start: &str) -> Conditions {
        let value = |name: &str| head.header(&format!("{start}{name}")).map(|value| value.into_owned());
        let date = |name: &str| value(name).and_then(|value| parse_date(&value));
        Conditions {
            if_match: value("if-match"),
            if_none_match: value("if-none-match"),
            if_modified_since: date("if-modified-since"),
            if_unmodified_since: date("if-unmodified-since"),
            if_range: value("if-range"),
        }
    }

    /// What they say of an object with this ETag, with its quotes, modified then.
    pub fn check(&self, etag: &str, modified: Timestamp) -> Verdict {
        // Dates on the wire have whole seconds.
        let modified = Timestamp::from_unix_seconds(modified.unix_seconds());
        match (&self.if_match, self.if_unmodified_since) {
            (Some(listed), _) if !lists(listed, etag, Comparison::Strong) => return Verdict::Failed,
            (None, Some(since)) if modified > since => return Verdict::Failed,
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(listed), _) if lists(listed, etag, Comparison::Weak) => Verdict::NotModified,
            (None, Some(since)) if modified <= since => Verdict::NotModified,
            _ => Verdict::Met,
        }
    }

    /// Whether there is one that a request which changes an object must heed.
    pub fn guard_changes(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some() || self.if_unmodified_since.is_some()
    }

    /// Whether a request that changes an object may be done (RFC 9110, section 13.2.2), by the ETag, with its quotes, and the
    /// modified time of the object that there is now. `If-Modified-Since` is for readers only.
    pub fn allow_change(&self, current: Option<(&str, Timestamp)>) -> bool {
        let Some((etag, modified)) = current else { return self.if_match.is_none() };
        let readers_only = Conditions { if_modified_since: None, ..self.clone() };
        readers_only.check(etag, modified) == Verdict::Met
    }

    /// Whether a range of the object is wanted, and not the whole because it is another than the client thinks.
    pub fn allow_range(&self, etag: &str, modified: Timestamp) -> bool {
        let Some(expected) = &self.if_range else { return true };
        match parse_date(expected) {
            Some(date) => date == Timestamp::from_unix_seconds(modified.unix_seconds()),
            None => expected == etag,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of ETags has one. Some clients leave the quotes out.
fn lists(listed: &str, etag: &str, comparison: Comparison) -> bool {
    listed.split(',').map(|entry| entry.trim_matches([' ', '\t'])).any(|entry| {
        let plain = match entry.strip_prefix("W/") {
            Some(_) if comparison == Comparison::Strong => return false,
            Some(weak) => weak,
            None => entry,
        };
        entry == "*" || plain.trim_matches('"') == etag.trim_matches('"')
    })
}

fn parse_date(text: &str) -> Option<Timestamp> {
    httpdate::parse_http_date(text).ok().map(|time: SystemTime| time.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: Timestamp = Timestamp::from_unix_millis(784_111_777_500);
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn conditions(headers: &[(&str, &str)]) -> Conditions {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        Conditions::of(&RequestHead { method: "GET", path: "/a", query: "", headers })
    }

    #[test]
    fn conditions_are_checked_in_the_order_of_the_rfc() {
        use Verdict::{Failed, Met, NotModified};
        for (headers, expected) in [
            (&[][..], Met),
            (&[("If-Match", "\"e\"")], Met),
            (&[("If-Match", "e")], Met),
            (&[("If-Match", "*")], Met),
            (&[("If-Match", "\"x\", \"e\"")], Met),
            (&[("If-Match", "\"x\"")], Failed),
            (&[("If-Match", "W/\"e\"")], Failed),
            (&[("If-None-Match", "\"e\"")], NotModified),
            (&[("If-None-Match", "W/\"e\"")], NotModified),
            (&[("If-None-Match", "*")], NotModified),
            (&[("If-None-Match", "\"x\"")], Met),
            (&[("If-Modified-Since", BEFORE)], Met),
            (&[("If-Modified-Since", THEN)], NotModified),
            (&[("If-Modified-Since", AFTER)], NotModified),
            (&[("If-Modified-Since", "yesterday")], Met),
            (&[("If-Unmodified-Since", BEFORE)], Failed),
            (&[("If-Unmodified-Since", THEN)], Met),
            // The ETag says more than the date.
            (&[("If-Match", "\"e\""), ("If-Unmodified-Since", BEFORE)], Met),
            (&[("If-None-Match", "\"x\""), ("If-Modified-Since", AFTER)], Met),
            (&[("If-Match", "\"x\""), ("If-None-Match", "\"e\"")], Failed),
            (&[("If-Unmodified-Since", AFTER), ("If-Modified-Since", AFTER)], NotModified),
        ] {
            assert_eq!(conditions(headers).check("\"e\"", MODIFIED), expected, "{headers:?}");
        }
    }

    #[test]
    fn changes_heed_what_is_there_now() {
        for (headers, there, gone) in [
            (&[("If-Match", "\"e\"")][..], true, false),
            (&[("If-Match", "\"x\"")], false, false),
            (&[("If-Match", "*")], true, false),
            (&[("If-None-Match", "*")], false, true),
            (&[("If-None-Match", "\"e\"")], false, true),
            (&[("If-None-Match", "\"x\"")], true, true),
            (&[("If-Unmodified-Since", BEFORE)], false, true),
            (&[("If-Unmodified-Since", THEN)], true, true),
            (&[("If-Modified-Since", AFTER)], true, true),
            (&[], true, true),
        ] {
            let conditions = conditions(headers);
            assert_eq!(conditions.allow_change(Some(("\"e\"", MODIFIED))), there, "{headers:?}");
            assert_eq!(conditions.allow_change(None), gone, "{headers:?}");
            let heeded = headers.iter().any(|(name, _)| *name != "If-Modified-Since");
            assert_eq!(conditions.guard_changes(), heeded, "{headers:?}");
        }
    }

    #[test]
    fn a_range_is_given_only_of_the_version_that_the_client_has() {
        for (value, expected) in
            [("\"e\"", true), ("\"x\"", false), ("W/\"e\"", false), (THEN, true), (BEFORE, false), (AFTER, false)]
        {
            assert_eq!(conditions(&[("If-Range", value)]).allow_range("\"e\"", MODIFIED), expected, "{value}");
        }
        assert!(conditions(&[]).allow_range("\"e\"", MODIFIED));
    }
}
