//! The one table of storage schemes: what may stand before `://` in a bucket's storage.
//!
//! It promises that nobody else names a scheme. To add one: its OpenDAL service in Cargo.toml and one row here. It leaves
//! credentials out until a scheme needs them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::{Builder, Operator, services};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

use crate::error::EngineError;
use crate::local::Folder;
use crate::objects::Objects;

/// Where the objects of a bucket are, open.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A local folder, read by the hashing threads themselves.
    Folder(Arc<Folder>),
    /// Anything else, through OpenDAL.
    Objects(Arc<Objects>),
}

/// A storage scheme.
struct Scheme {
    /// What stands before `://`.
    name: &'static str,
    /// For error messages.
    example: &'static str,
    /// Opens what stands after `://`.
    open: fn(&str) -> Result<Storage, EngineError>,
}

const SCHEMES: [Scheme; 2] = [
    Scheme { name: "fs", example: "fs:///srv/photos", open: open_folder },
    Scheme { name: "memory", example: "memory://", open: open_memory },
];

/// Opens a bucket's storage by its URL.
pub(crate) fn open(storage: &str) -> Result<Storage, EngineError> {
    let known = || SCHEMES.map(|scheme| scheme.example).join(", ");
    let Some((name, rest)) = storage.split_once("://") else {
        return Err(EngineError::new(format!("its storage {storage:?} is not a URL; write one like {}", known())));
    };
    match SCHEMES.iter().find(|scheme| scheme.name == name) {
        Some(scheme) => (scheme.open)(rest),
        None => Err(EngineError::new(format!("its storage has the unknown scheme {name:?}; known are {}", known()))),
    }
}

/// What a path must escape to stand in a URL.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// The storage URL of a local folder, given by its absolute path.
pub fn folder_url(path: &Path) -> String {
    format!("fs://{}", percent_encode(path.as_os_str().as_bytes(), PATH))
}

/// `fs:///absolute/path`: relative paths are refused, since their meaning would change with the working directory.
fn open_folder(rest: &str) -> Result<Storage, EngineError> {
    for (sign, escaped) in [('?', "%3F"), ('#', "%23")] {
        if rest.contains(sign) {
            return Err(EngineError::new(format!(
                "its storage fs://{rest} has a {sign:?}; write it as {escaped} in a path"
            )));
        }
    }
    if !rest.starts_with('/') {
        return Err(EngineError::new(format!(
            "its storage fs://{rest} has no absolute path; write three slashes and the whole path, like fs:///srv/photos"
        )));
    }
    let path: Vec<u8> = percent_decode_str(rest).collect();
    if path.contains(&0) {
        return Err(EngineError::new(format!("its storage fs://{rest} has a NUL byte, which no path can have")));
    }
    Ok(Storage::Folder(Arc::new(Folder::open(Path::new(OsStr::from_bytes(&path)))?)))
}

/// `memory://`: objects that live as long as the engine; for tests and demonstrations.
fn open_memory(rest: &str) -> Result<Storage, EngineError> {
    if !rest.is_empty() {
        return Err(EngineError::new(format!("its storage memory://{rest} has a name; write memory:// alone")));
    }
    objects(services::Memory::default())
}

/// An operator with the layers that every service gets: each request and each read of a stream is timed, and what fails
/// for a temporary reason is tried again twice, within seconds. Longer troubles are the worker's to wait for.
fn objects(service: impl Builder) -> Result<Storage, EngineError> {
    let operator = Operator::new(service)
        .map_err(|error| EngineError::new(format!("its storage cannot be opened: {error}")))?
        .layer(TimeoutLayer::new().with_timeout(Duration::from_secs(30)).with_io_timeout(Duration::from_secs(30)))
        .layer(RetryLayer::new().with_max_times(2).with_max_delay(Duration::from_secs(5)).with_jitter());
    Ok(Storage::Objects(Arc::new(Objects::new(operator))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(storage: &str) -> String {
        open(storage).expect_err(storage).message
    }

    #[test]
    fn a_storage_that_cannot_be_opened_says_what_to_write() {
        assert_eq!(
            refused("s3://bucket"),
            "its storage has the unknown scheme \"s3\"; known are fs:///srv/photos, memory://"
        );
        assert_eq!(
            refused("/srv/photos"),
            "its storage \"/srv/photos\" is not a URL; write one like fs:///srv/photos, memory://"
        );
        for relative in ["fs://./x", "fs://x", "fs://", "fs://localhost/srv"] {
            assert!(refused(relative).contains("no absolute path; write three slashes"), "{relative}");
        }
        assert!(refused("fs:///srv/a?b").contains("write it as %3F in a path"));
        assert!(refused("fs:///srv/a#b").contains("write it as %23 in a path"));
        assert!(refused("fs:///srv/%00").contains("NUL"));
        assert!(refused("memory://x").contains("write memory:// alone"));
        assert!(refused("fs:///does/not/exist").contains("its folder /does/not/exist does not exist; create it"));
        assert!(refused("fs:///dev/null").contains("/dev/null is not a folder"));
    }

    #[test]
    fn the_url_of_any_folder_opens_that_folder() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in ["plain", "a b", "100%", "%20", "a?b#c", "中文", "\"quoted\"", "a%00b"] {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).expect("made");
            assert!(matches!(open(&folder_url(&path)), Ok(Storage::Folder(_))), "{name:?}: {}", folder_url(&path));
        }
        std::fs::create_dir(dir.path().join("un escaped")).expect("made");
        assert!(open(&format!("fs://{}/un escaped", dir.path().display())).is_ok());
    }
}
