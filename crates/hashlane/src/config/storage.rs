//! Where a bucket's objects are, as the configuration says it.
//!
//! Promises: folders become absolute, so that nothing depends on the working directory later. Leaves out whether the
//! folder exists: the engine says that when it opens it.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::suggestion::did_you_mean;

/// The place of a bucket's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Storage {
    /// A folder of this machine, absolute.
    Folder(PathBuf),
    /// The process's memory: gone at the end.
    Memory,
    /// An object store of a scheme that this version does not have yet; the whole URL.
    Remote {
        /// `s3`, `cos`, ...
        scheme: &'static str,
    },
}

/// Schemes that the configuration knows and the engine does not yet.
const REMOTE_SCHEMES: [&str; 6] = ["s3", "cos", "oss", "obs", "gcs", "azblob"];

impl Storage {
    /// Reads `fs:///srv/photos`, `fs://photos` (relative), `memory://`, `s3://...`, or a plain path.
    pub(crate) fn parse(text: &str) -> Result<Storage, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Storage::folder(text);
        };
        let lower = scheme.to_ascii_lowercase();
        match lower.as_str() {
            "fs" | "file" => match rest.find(['?', '#']) {
                None => Storage::folder(&percent_decode_str(rest).decode_utf8_lossy()),
                Some(_) => Err(format!("{text:?} has a ? or #, which a URL keeps for itself: write %3F or %23")),
            },
            "memory" if rest.trim_matches('/').is_empty() => Ok(Storage::Memory),
            "memory" => Err(format!("{text:?} names something inside the memory: write memory://")),
            _ => match REMOTE_SCHEMES.into_iter().find(|known| *known == lower) {
                Some(scheme) => Ok(Storage::Remote { scheme }),
                None => {
                    let near = did_you_mean(&lower, ["fs", "memory"].into_iter().chain(REMOTE_SCHEMES));
                    Err(format!("unknown storage scheme {scheme:?}{near}; folders are written fs:///srv/photos"))
                }
            },
        }
    }

    /// The URL that the engine takes.
    pub(crate) fn url(&self) -> String {
        match self {
            Storage::Folder(path) => hashlane_engine::folder_url(path),
            Storage::Memory => "memory://".into(),
            Storage::Remote { scheme } => format!("{scheme}://"),
        }
    }

    fn folder(path: &str) -> Result<Storage, String> {
        if path.is_empty() || path.contains('\0') {
            return Err("the folder is missing: write it like fs:///srv/photos".into());
        }
        let absolute = std::path::absolute(Path::new(path));
        absolute.map(Storage::Folder).map_err(|error| format!("{path:?} is no usable path: {error}"))
    }
}

/// Reads the value of `--bucket`: `NAME=URL`.
pub(crate) fn named(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() && !url.is_empty() => Ok((name.to_owned(), url.to_owned())),
        _ => Err(format!("{text:?} is not NAME=URL: write it like photos-1250000000=fs:///srv/photos")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_become_absolute_and_other_schemes_are_told_apart() {
        let here = std::env::current_dir().expect("a working directory");
        for (text, expected) in [
            ("fs:///srv/photos", Some(Storage::Folder("/srv/photos".into()))),
            ("fs:///srv/my%20photos", Some(Storage::Folder("/srv/my photos".into()))),
            ("fs:///srv/?", None),
            ("/srv/100%?", Some(Storage::Folder("/srv/100%?".into()))),
            ("fs://photos/2024", Some(Storage::Folder(here.join("photos/2024")))),
            ("./photos", Some(Storage::Folder(here.join("photos")))),
            ("/srv/photos", Some(Storage::Folder("/srv/photos".into()))),
            ("memory://", Some(Storage::Memory)),
            ("s3://bucket?endpoint=x", Some(Storage::Remote { scheme: "s3" })),
            ("fs://", None),
            ("", None),
            ("memory://x", None),
            ("ftp://x", None),
        ] {
            assert_eq!(Storage::parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_misspelt_scheme_is_answered_with_the_nearest() {
        assert!(Storage::parse("memry://").expect_err("no such scheme").contains("did you mean `memory`?"));
    }
}
