//! Checks of a body against its headers: Content-MD5 and Content-Type (spec section 2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use crate::{ErrorCode, WireError};

/// Compares a body with its Content-MD5, the base64 of its MD5. An absent or empty header says nothing.
///
/// # Errors
/// `InvalidContent` when it differs or cannot be read.
pub fn check_content_md5(header: Option<&str>, body: &[u8]) -> Result<(), WireError> {
    let Some(header) = header.map(str::trim).filter(|header| !header.is_empty()) else { return Ok(()) };
    let expected = STANDARD.decode(header).ok().filter(|bytes| bytes.len() == 16);
    let expected = expected.ok_or_else(|| WireError::content("Content-MD5 is not the base64 of an MD5 digest"))?;
    if Md5::digest(body)[..] != expected {
        return Err(WireError::content(
            "Content-MD5 is not the digest of the body that arrived; send the request again",
        ));
    }
    Ok(())
}

/// Refuses a Content-Type that names something other than XML. Absent is fine: some SDK calls send none.
///
/// # Errors
/// `InvalidContentType`.
pub fn check_content_type(header: Option<&str>) -> Result<(), WireError> {
    let media_type = header.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(media_type.as_str(), "" | "application/xml" | "text/xml") || media_type.ends_with("+xml") {
        return Ok(());
    }
    Err(WireError::new(
        ErrorCode::InvalidContentType,
        "the body must be XML; send Content-Type application/xml or none",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_compared_with_its_content_md5() {
        let body = b"abc";
        for (header, fits) in [
            (None, true),
            (Some(""), true),
            (Some(" kAFQmDzST7DWlj99KOF/cg== "), true),
            (Some("1B2M2Y8AsgTpgAmY7PhCfg=="), false),
            (Some("kAFQmDzST7DWlj99KOF/cg"), false),
            (Some("900150983cd24fb0d6963f7d28e17f72"), false),
            (Some("YQ=="), false),
            (Some("?"), false),
        ] {
            assert_eq!(check_content_md5(header, body).is_ok(), fits, "{header:?}");
        }
        assert_eq!(check_content_md5(Some("?"), body).map_err(|error| error.code), Err(ErrorCode::InvalidContent));
    }

    #[test]
    fn a_content_type_must_name_xml_or_be_absent() {
        for (header, fits) in [
            (None, true),
            (Some(""), true),
            (Some("application/xml"), true),
            (Some("Text/XML; charset=utf-8"), true),
            (Some("application/vnd.tencent+xml"), true),
            (Some("application/json"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("xml"), false),
        ] {
            assert_eq!(check_content_type(header).is_ok(), fits, "{header:?}");
        }
    }
}
