//! The journal of a multipart upload: which parts there are, and where.
//!
//! It promises that a part is told of only when its line was written whole, and that the last line about a part holds. One
//! line for a part keeps an upload of thousands of parts a single short file. What is left out on purpose: what parts
//! contain; whoever writes a line has synced the part before.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use hashlane_job::Timestamp;
use hashlane_lanes::{Algorithm, Digest};
use rustix::io::Errno;

use super::sink::errno;

/// Where the bytes of a part are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the file of the upload, from this byte on.
    Whole(u64),
    /// In a file of its own, which this number tells from others of the same part.
    Own(u64),
}

/// A part that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) place: Place,
    pub(super) size_bytes: u64,
    pub(super) md5: Digest,
    pub(super) crc64: u64,
    pub(super) modified: Timestamp,
}

/// The journal, open for further lines.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    bytes: u64,
}

/// What a journal tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The parts by number.
    pub(super) parts: BTreeMap<u32, Record>,
    /// How far the places of the parts in the file of the upload are from each other.
    pub(super) stride: Option<u64>,
}

impl Journal {
    /// Reads a journal, and cuts off a line that was not written whole.
    pub(super) fn open(mut file: File) -> Result<(Journal, Told), Errno> {
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| errno(&error))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            rustix::fs::ftruncate(&file, whole as u64)?;
        }
        let mut told = Told::default();
        for line in String::from_utf8_lossy(&text[..whole]).lines() {
            told.take(line);
        }
        Ok((Journal { file, bytes: whole as u64 }, told))
    }

    /// Says, durably, how far the places of parts are from each other.
    pub(super) fn stride(&mut self, stride: u64) -> Result<(), Errno> {
        self.append(&format!("stride {stride}\n"))
    }

    /// Tells of a part, durably.
    pub(super) fn part(&mut self, number: u32, record: &Record) -> Result<(), Errno> {
        let Record { place, size_bytes, md5, crc64, modified } = record;
        let (kind, at) = match place {
            Place::Whole(at) => ("whole", at),
            Place::Own(at) => ("own", at),
        };
        let millis = modified.unix_millis();
        self.append(&format!("part {number} {kind} {at} {size_bytes} {md5} {crc64} {millis}\n"))
    }

    /// Says, durably, that parts are gone.
    pub(super) fn gone(&mut self, numbers: &[u32]) -> Result<(), Errno> {
        let lines: String = numbers.iter().map(|number| format!("gone {number}\n")).collect();
        if lines.is_empty() { Ok(()) } else { self.append(&lines) }
    }

    fn append(&mut self, lines: &str) -> Result<(), Errno> {
        let written = self.file.write_all_at(lines.as_bytes(), self.bytes).map_err(|error| errno(&error));
        match written.and_then(|()| rustix::fs::fdatasync(&self.file)) {
            Ok(()) => {
                self.bytes += lines.len() as u64;
                Ok(())
            }
            Err(errno) => {
                // A line of which nobody was told must not be found later; if it stays all the same, the next one replaces it.
                let _ = rustix::fs::ftruncate(&self.file, self.bytes);
                Err(errno)
            }
        }
    }
}

impl Told {
    /// What a line says; one that says nothing is passed over.
    fn take(&mut self, line: &str) {
        let mut words = line.split(' ');
        match words.next() {
            Some("stride") => {
                self.stride = words.next().and_then(|word| word.parse().ok()).filter(|stride| *stride > 0)
            }
            Some("part") => {
                if let Some((number, record)) = part(&mut words) {
                    self.parts.insert(number, record);
                }
            }
            Some("gone") => {
                if let Some(number) = words.next().and_then(|word| word.parse::<u32>().ok()) {
                    self.parts.remove(&number);
                }
            }
            _ => {}
        }
    }
}

fn part<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<(u32, Record)> {
    let number = words.next()?.parse().ok()?;
    let (kind, at) = (words.next()?, words.next()?.parse().ok()?);
    let place = match kind {
        "whole" => Place::Whole(at),
        "own" => Place::Own(at),
        _ => return None,
    };
    let size_bytes = words.next()?.parse().ok()?;
    let md5 = Digest::from_hex(Algorithm::Md5, words.next()?)?;
    let crc64 = words.next()?.parse().ok()?;
    let modified = Timestamp::from_unix_millis(words.next()?.parse().ok()?);
    words.next().is_none().then_some((number, Record { place, size_bytes, md5, crc64, modified }))
}

#[cfg(test)]
mod tests {
    use hashlane_lanes::Hasher;

    use super::*;

    fn record(place: Place) -> Record {
        let md5 = Hasher::digest(Algorithm::Md5, b"x");
        Record { place, size_bytes: 7, md5, crc64: u64::MAX, modified: Timestamp::from_unix_millis(1_700_000_000_123) }
    }

    #[test]
    fn what_was_told_is_there_again_and_a_line_that_was_cut_is_not() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let open = || {
            let file = File::options().read(true).write(true).open(file.path()).expect("it exists");
            Journal::open(file).expect("read")
        };
        let (mut journal, told) = open();
        assert_eq!(told, Told::default());
        journal.stride(100).expect("written");
        for (number, place) in [(1, Place::Whole(0)), (2, Place::Own(5)), (3, Place::Whole(200)), (2, Place::Own(6))] {
            journal.part(number, &record(place)).expect("written");
        }
        journal.gone(&[3]).expect("written");
        let want = Told { parts: [(1, record(Place::Whole(0))), (2, record(Place::Own(6)))].into(), stride: Some(100) };
        assert_eq!(open().1, want);
        let whole = std::fs::read(file.path()).expect("read");
        journal.part(4, &record(Place::Own(7))).expect("written");
        let longer = std::fs::read(file.path()).expect("read");
        for cut in whole.len()..longer.len() {
            std::fs::write(file.path(), &longer[..cut]).expect("cut");
            assert_eq!(open().1, want, "{cut}");
        }
        let (mut journal, _) = open();
        journal.part(4, &record(Place::Own(7))).expect("written");
        assert_eq!(std::fs::read(file.path()).expect("read"), longer);
    }
}
