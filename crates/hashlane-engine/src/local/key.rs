//! Keys as paths: which keys can name a file beneath a folder.
//!
//! It promises that two different keys never name the same path: `a//b` and `./a` would name the file of another key, so
//! they are refused rather than tidied.

use hashlane_job::{FailureCode, JobError};

/// Names that begin so are ours: uploads on their way.
pub(crate) const RESERVED: &str = ".hashlane-";

/// The path beneath the bucket's folder that a key names.
pub(crate) fn path(key: &str) -> Result<&str, JobError> {
    let refuse = |why: &str| Err(JobError::permanent(FailureCode::Denied, why));
    if key.is_empty() {
        return refuse("the key is empty");
    }
    if key.starts_with('/') || key.split('/').any(|segment| segment == "..") {
        return refuse("the key leaves the bucket's folder");
    }
    if key.contains('\0') {
        return refuse("the key has a NUL byte, which no file name can have");
    }
    if key.split('/').any(|segment| segment.is_empty() || segment == ".") {
        return refuse("the key has an empty or '.' segment, which no path of a file has");
    }
    if key.split('/').any(|segment| segment.starts_with(RESERVED)) {
        return refuse("the key has a segment that begins with '.hashlane-', which is reserved");
    }
    Ok(key)
}

/// The path that a key names for the storage calls, where a slash at the end marks a folder.
pub(crate) fn object_path(key: &str) -> Result<&str, JobError> {
    path(key.strip_suffix('/').unwrap_or(key)).map(|_| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_are_paths_already_are_taken() {
        for key in [
            "a", "a/b", "a b", "...", "a/..b", "a../b", ".a", "a\nb", "a\\..\\b", "%2e%2e/a", "中/文", "\u{feff}", "~",
            "C:",
        ] {
            assert_eq!(path(key), Ok(key));
        }
        for key in [
            "",
            "/",
            "/a",
            "//a",
            "..",
            "../a",
            "a/..",
            "a/../b",
            "a/../../b",
            ".",
            "./a",
            "a/.",
            "a/./b",
            "a//b",
            "a/",
            "a\0",
            "\0",
            ".hashlane-x",
            "a/.hashlane-put/b",
        ] {
            let error = path(key).expect_err(key);
            assert_eq!((error.code, error.may_retry), (FailureCode::Denied, false), "{key:?}");
        }
    }
}
