//! The captured requests of the official Python SDK, as they came off the socket.

use std::path::Path;

/// One captured request.
pub(crate) struct Capture {
    /// The file's name without `.http`.
    pub(crate) name: String,
    pub(crate) method: String,
    /// Everything that goes over the wire.
    pub(crate) bytes: Vec<u8>,
    /// Where the body begins.
    pub(crate) body_at: usize,
}

/// All of them, by name.
pub(crate) fn all() -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/captures");
    let mut captures: Vec<Capture> = std::fs::read_dir(&folder)
        .expect("the captures are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .map(|path| read(&path))
        .collect();
    captures.sort_by(|one, other| one.name.cmp(&other.name));
    captures
}

pub(crate) fn named(name: &str) -> Capture {
    all().into_iter().find(|capture| capture.name == name).unwrap_or_else(|| panic!("no capture {name}"))
}

fn read(path: &Path) -> Capture {
    let file = std::fs::read(path).expect("a capture");
    let body_at = file.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let (head, stored) = file.split_at(body_at);
    let text = String::from_utf8(head.to_vec()).expect("heads are UTF-8");
    let body = match text.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked\r\n") {
        true => chunked(stored),
        false => elided(stored).unwrap_or_else(|| stored.to_vec()),
    };
    Capture {
        name: path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned(),
        method: text.split(' ').next().unwrap_or_default().to_owned(),
        bytes: [head, &body].concat(),
        body_at,
    }
}

/// `[body elided: 1048576 bytes, sha256 ...]`: any bytes of that length do.
fn elided(stored: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(stored).ok()?.strip_prefix("[body elided: ")?;
    let length = text.split(' ').next()?.parse().ok()?;
    Some(vec![b'x'; length])
}

/// Captured bodies are de-chunked; on the wire they come in chunks again.
fn chunked(stored: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for chunk in stored.chunks(3) {
        wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}
