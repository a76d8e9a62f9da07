//! Headers around an object: what a client gives with it, and what it may ask to be told instead.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashlane_job::Timestamp;

use crate::head::trim_blanks;
use crate::{ErrorCode, Query, RequestHead, WireError};

/// The longest key, in bytes of UTF-8 (spec section 1).
pub const KEY_BYTES_MAX: usize = 850;

/// The most user metadata, names with their prefix and values together (COS: 2 KB).
pub const METADATA_BYTES_MAX: usize = 2048;

/// The most of the standard headers that are kept, together.
const HEADERS_BYTES_MAX: usize = 1024;

/// Standard headers that are kept with an object and told again.
const KEPT: [&str; 6] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];

const METADATA: &str = "x-cos-meta-";

/// The storage classes of the original, which have no effect here.
const CLASSES: [&str; 10] = [
    "STANDARD",
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "ARCHIVE",
    "DEEP_ARCHIVE",
    "COLD",
    "MAZ_STANDARD",
    "MAZ_STANDARD_IA",
    "MAZ_INTELLIGENT_TIERING",
    "MAZ_COLD",
];

/// Headers that promise something that does not happen here, so that they must not be taken in silence.
const NOT_OFFERED: [&str; 3] =
    ["x-cos-server-side-encryption", "x-cos-copy-source-server-side-encryption", "x-cos-object-lock"];

/// What a client gave with an object; names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenHeaders {
    /// Standard headers.
    pub headers: BTreeMap<String, String>,
    /// User metadata without its prefix.
    pub metadata: BTreeMap<String, String>,
    /// `x-cos-forbid-overwrite: true`.
    pub keep_existing: bool,
}

impl GivenHeaders {
    /// Reads the headers of a request that stores an object.
    ///
    /// # Errors
    /// `InvalidStorageClass`; `InvalidArgument` for what is too much or is not UTF-8, and for encryption and locks: not 501, which SDKs would repeat.
    pub fn of(head: &RequestHead<'_>) -> Result<GivenHeaders, WireError> {
        let mut given = GivenHeaders::default();
        for (name, value) in &head.headers {
            let name = name.to_ascii_lowercase();
            if NOT_OFFERED.iter().any(|refused| name.starts_with(refused)) {
                let message = format!("{name} is not offered by this server; the object was not stored");
                return Err(WireError::argument(message));
            }
            let of = match name.strip_prefix(METADATA) {
                Some("") => return Err(WireError::argument("a header is named x-cos-meta- and nothing more")),
                Some(short) => Some((&mut given.metadata, short)),
                None => KEPT.contains(&name.as_str()).then_some((&mut given.headers, name.as_str())),
            };
            let Some((map, short)) = of else { continue };
            let value = std::str::from_utf8(trim_blanks(value))
                .map_err(|_| WireError::argument(format!("the value of {name} is not UTF-8")))?;
            // A repeated header is one with its values in a list (RFC 9110, section 5.3).
            map.entry(short.to_owned())
                .and_modify(|list| {
                    list.push(',');
                    list.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        // The encoding of the way is not one of the object.
        if given.headers.get("content-encoding").is_some_and(|value| value.eq_ignore_ascii_case("aws-chunked")) {
            given.headers.remove("content-encoding");
        }
        given.headers.retain(|_, value| !value.is_empty());
        let bytes =
            |map: &BTreeMap<String, String>| map.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if bytes(&given.metadata) + given.metadata.len() * METADATA.len() > METADATA_BYTES_MAX {
            return Err(WireError::argument(format!("the user metadata is more than {METADATA_BYTES_MAX} bytes")));
        }
        if bytes(&given.headers) > HEADERS_BYTES_MAX {
            let message =
                format!("Content-Type and the other headers to be kept are more than {HEADERS_BYTES_MAX} bytes");
            return Err(WireError::argument(message));
        }
        if let Some(class) = head.header("x-cos-storage-class").filter(|class| !class.is_empty())
            && !CLASSES.iter().any(|known| class.eq_ignore_ascii_case(known))
        {
            let message = "x-cos-storage-class is not one of the original's; leave it out, it has no effect here";
            return Err(WireError::new(ErrorCode::InvalidStorageClass, message));
        }
        let forbid = head.header("x-cos-forbid-overwrite");
        given.keep_existing = forbid.is_some_and(|word| word.eq_ignore_ascii_case("true"));
        Ok(given)
    }
}

/// The MD5 that Content-MD5 tells; `None` when it is absent or empty.
///
/// # Errors
/// `InvalidDigest` when it is not the base64 of 16 bytes.
pub fn content_md5(head: &RequestHead<'_>) -> Result<Option<[u8; 16]>, WireError> {
    let Some(header) = head.header("content-md5").filter(|header| !header.is_empty()) else { return Ok(None) };
    let md5 = STANDARD.decode(header.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    match md5 {
        Some(md5) => Ok(Some(md5)),
        None => Err(WireError::new(ErrorCode::InvalidDigest, "Content-MD5 is not the base64 of an MD5 digest")),
    }
}

/// Refuses a key that is too long to be stored.
///
/// # Errors
/// `KeyTooLong`.
pub fn check_key(key: &str) -> Result<(), WireError> {
    if key.len() <= KEY_BYTES_MAX {
        return Ok(());
    }
    Err(WireError::new(ErrorCode::KeyTooLong, format!("the key is longer than {KEY_BYTES_MAX} bytes")))
}

/// Headers that the query asks to be answered instead of those of the object: `response-content-type` and the like.
pub fn response_overrides(query: &Query) -> impl Iterator<Item = (&'static str, &str)> {
    KEPT.iter().filter_map(|name| Some((*name, query.value(&format!("response-{name}"))?)))
}

/// A time as headers have it: `Tue, 14 Nov 2023 22:13:20 GMT`. Times outside of the years 1970 to 9999 are moved to the nearest
/// of them.
pub fn http_time(time: Timestamp) -> String {
    let seconds = time.unix_seconds().clamp(0, 253_402_300_799);
    let since = std::time::Duration::from_secs(seconds.unsigned_abs());
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(headers: &[(&str, &str)]) -> Result<GivenHeaders, WireError> {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        GivenHeaders::of(&RequestHead { method: "PUT", path: "/a", query: "", headers })
    }

    #[test]
    fn metadata_and_the_headers_of_an_object_are_kept_by_lower_case_names() {
        let given = given(&[
            ("X-Cos-Meta-Author", " x y "),
            ("Content-Type", "text/plain"),
            ("User-Agent", "x"),
            ("Cache-Control", ""),
            ("x-cos-acl", "private"),
            ("x-cos-forbid-overwrite", "true"),
        ])
        .expect("they fit");
        assert_eq!(given.metadata, [("author".to_owned(), "x y".to_owned())].into());
        assert_eq!(given.headers, [("content-type".to_owned(), "text/plain".to_owned())].into());
        assert!(given.keep_existing);
    }

    #[test]
    fn a_header_that_is_repeated_is_kept_as_a_list_however_often_it_is() {
        let few = given(&[("x-cos-meta-a", "1"), ("Expires", "e"), ("X-Cos-Meta-A", " 2 "), ("x-cos-meta-a", "")]);
        assert_eq!(few.expect("they fit").metadata, [("a".to_owned(), "1,2,".to_owned())].into());
        // Work that grew with the square of their number would take minutes here.
        let many = vec![("x-cos-meta-a", ""); 100_000];
        assert_eq!(given(&many).map_err(|error| error.code), Err(ErrorCode::InvalidArgument));
    }

    #[test]
    fn what_is_too_much_or_promises_what_is_not_done_is_refused() {
        let long = "x".repeat(METADATA_BYTES_MAX - "x-cos-meta-a".len());
        assert!(given(&[("x-cos-meta-a", &long)]).is_ok());
        let code = |headers: &[(&str, &str)]| given(headers).expect_err("refused").code;
        assert_eq!(code(&[("x-cos-meta-a", &format!("{long}x"))]), ErrorCode::InvalidArgument);
        assert_eq!(code(&[("x-cos-storage-class", "GLACIER")]), ErrorCode::InvalidStorageClass);
        assert!(given(&[("x-cos-storage-class", "standard_ia")]).is_ok());
        assert_eq!(code(&[("x-cos-meta-", "x")]), ErrorCode::InvalidArgument);
        assert_eq!(code(&[("content-type", &"x".repeat(2000))]), ErrorCode::InvalidArgument);
        assert_eq!(code(&[("x-cos-server-side-encryption", "AES256")]), ErrorCode::InvalidArgument);
        assert_eq!(code(&[("x-cos-server-side-encryption-customer-key", "a")]), ErrorCode::InvalidArgument);
    }

    #[test]
    fn a_content_md5_is_the_base64_of_sixteen_bytes() {
        let md5 = |value: &str| {
            content_md5(&RequestHead {
                method: "PUT",
                path: "/",
                query: "",
                headers: vec![("content-md5", value.as_bytes())],
            })
        };
        assert_eq!(md5(""), Ok(None));
        assert_eq!(md5("kAFQmDzST7DWlj99KOF/cg==").map(|md5| md5.is_some()), Ok(true));
        for wrong in ["?", "YQ==", "900150983cd24fb0d6963f7d28e17f72"] {
            assert_eq!(md5(wrong).map_err(|error| error.code), Err(ErrorCode::InvalidDigest));
        }
    }

    #[test]
    fn times_of_headers_are_those_of_http() {
        assert_eq!(http_time(Timestamp::from_unix_millis(784_111_777_999)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_time(Timestamp::from_unix_seconds(i64::MIN / 2000)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_time(Timestamp::from_unix_seconds(i64::MAX / 2000)), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn answers_can_be_asked_to_have_other_headers() {
        let query = Query::parse("response-content-type=a%2Fb&response-etag=x&response-expires=").expect("a query");
        assert_eq!(response_overrides(&query).collect::<Vec<_>>(), [("content-type", "a/b")]);
    }
}
