//! Captured requests of the official SDK, read from `e2e/captures`.

use std::path::Path;

use hashlane_job::{BucketName, Timestamp};
use hashlane_wire::{HostRules, RequestHead};

/// The key that made the captures.
pub(crate) const ACCESS_KEY: &str = "AKIDEXAMPLEexampleEXAMPLEexample0001";
/// Its made-up secret.
pub(crate) const SECRET: &str = "ExampleSecretKeyExampleSecretKey01";
/// The signer's clock.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

/// A captured request.
#[derive(Debug, Clone)]
pub(crate) struct Capture {
    /// The file's name without `.http`.
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Capture {
    fn read(path: &Path) -> Capture {
        let bytes = std::fs::read(path).expect("a capture can be read");
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head ends with an empty line");
        let head = std::str::from_utf8(&bytes[..end]).expect("a captured head is UTF-8");
        let mut lines = head.split("\r\n");
        let request_line: Vec<&str> = lines.next().expect("there is a request line").split(' ').collect();
        let (path_text, query) = request_line[1].split_once('?').unwrap_or((request_line[1], ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            (name.to_owned(), value.trim().as_bytes().to_vec())
        };
        Capture {
            name: path.file_stem().expect("a file has a name").to_string_lossy().into_owned(),
            method: request_line[0].to_owned(),
            path: path_text.to_owned(),
            query: query.to_owned(),
            headers: lines.map(header).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// All captures, by name.
    pub(crate) fn all() -> Vec<Capture> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/captures");
        let mut all: Vec<Capture> = std::fs::read_dir(folder)
            .expect("the captures are part of the repository")
            .map(|entry| entry.expect("a folder can be listed").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
            .map(|path| Capture::read(&path))
            .collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head().header(name).map(|value| value.into_owned())
    }
}

/// The rules under which every capture is addressed to its bucket.
pub(crate) fn host_rules() -> HostRules {
    HostRules {
        base_domains: vec!["hash.test".into()],
        domains: Vec::new(),
        default_bucket: BucketName::parse("demo-1250000000"),
        default_region: "ap-chongqing".into(),
    }
}
