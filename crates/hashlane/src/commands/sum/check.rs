//! `hashlane sum --check`: files against the digests in a file, with the words of md5sum.
//!
//! The files are read as their lines are, on the intake's thread; what each line expects goes ahead of its file through a
//! channel, which so holds no more than the intake's window.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, channel};

use hashlane_engine::{Intake, Summed};
use hashlane_lanes::{Algorithm, Digest};

use super::line::SumLine;
use super::name::{push_escaped, shown};
use super::output::Output;
use crate::cli::sum::CheckArgs;
use crate::failure::{EXIT_CANNOT, EXIT_NO};

/// A path has at most 4,096 bytes, escaped twice as many; no line of ours is longer.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What the reading of lines tells the checking, in order.
#[derive(Debug)]
pub(super) enum Note {
    /// The next result is to be this.
    Expect(Digest),
    /// A line is not properly formatted.
    Misformatted { line: u64, list: Vec<u8> },
    /// The results of this list were all told.
    End { list: Vec<u8>, error: Option<io::Error> },
}

/// Reads lists and feeds the files that they name.
pub(super) struct Lists {
    pub(super) lists: Vec<Vec<u8>>,
    pub(super) asked: Option<Algorithm>,
    notes: Sender<Note>,
}

impl Lists {
    /// The lists, and where what they expect comes out.
    pub(super) fn new(lists: Vec<Vec<u8>>, asked: Option<Algorithm>) -> (Lists, Receiver<Note>) {
        let (notes, receiver) = channel();
        (Lists { lists, asked, notes }, receiver)
    }

    /// Feeds everything.
    pub(super) fn feed(self, intake: &mut Intake) {
        for list in &self.lists {
            let read = match super::is_stdin(list) {
                true => self.feed_list(list, &mut io::stdin().lock(), intake),
                false => File::open(super::path(list))
                    .and_then(|file| self.feed_list(list, &mut BufReader::with_capacity(LINE_BYTES_MAX, file), intake)),
            };
            let end = Note::End { list: list.clone(), error: read.err() };
            if self.notes.send(end).is_err() {
                return;
            }
        }
    }

    fn feed_list(&self, list: &[u8], lines: &mut dyn BufRead, intake: &mut Intake) -> io::Result<()> {
        let mut line = Vec::new();
        let mut number = 0;
        while read_line(lines, &mut line)? {
            number += 1;
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let note = match SumLine::read(&line, self.asked) {
                Some(SumLine { digest, name }) => {
                    // It goes ahead, so that it is there when the result is.
                    let told = self.notes.send(Note::Expect(digest)).is_ok();
                    let wanted = told && intake.set_algorithms(&[digest.algorithm()]);
                    // Where the list itself is read from stdin, - can only be the name of a file.
                    let fed =
                        wanted && if super::is_stdin(list) { intake.file(&name) } else { super::feed(&name, intake) };
                    if !fed {
                        return Ok(());
                    }
                    continue;
                }
                None => Note::Misformatted { line: number, list: list.to_vec() },
            };
            if self.notes.send(note).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Reads a line without its end; one that is too long comes as one that nothing can be read from.
fn read_line(lines: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if Read::take(&mut *lines, LINE_BYTES_MAX as u64).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        // As tools of other systems end lines. A name that ends so is escaped.
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() == LINE_BYTES_MAX {
        loop {
            let (rest, ended) = match lines.fill_buf()? {
                [] => (0, true),
                rest => match rest.iter().position(|byte| *byte == b'\n') {
                    Some(end) => (end + 1, true),
                    None => (rest.len(), false),
                },
            };
            lines.consume(rest);
            if ended {
                break;
            }
        }
        line.clear();
        line.push(b'?');
    }
    Ok(true)
}

/// What was found so far, of one list and of all.
pub(super) struct Check<'a> {
    args: &'a CheckArgs,
    notes: Receiver<Note>,
    one: Counts,
    /// Something differs.
    mismatch: bool,
    /// Something could not be done.
    cannot: bool,
}

#[derive(Default)]
struct Counts {
    lines: u64,
    misformatted: u64,
    unreadable: u64,
    mismatched: u64,
    matched: u64,
}

impl<'a> Check<'a> {
    pub(super) fn new(args: &'a CheckArgs, notes: Receiver<Note>) -> Check<'a> {
        Check { args, notes, one: Counts::default(), mismatch: false, cannot: false }
    }

    /// Takes the next result.
    pub(super) fn take(&mut self, name: &[u8], summed: &Summed<'_>, output: &mut Output) {
        let Some(expected) = self.expected(output) else { return };
        self.one.lines += 1;
        match summed.outcome {
            Ok((digests, _)) if digests.contains(&expected) => {
                self.one.matched += 1;
                if !self.args.quiet {
                    self.say(name, "OK", output);
                }
            }
            Ok(_) => {
                self.one.mismatched += 1;
                self.say(name, "FAILED", output);
            }
            Err(error) if error.not_found && self.args.ignore_missing => {}
            Err(error) => {
                self.one.unreadable += 1;
                output.complain(&format!("{}: {error}", shown(name)));
                self.say(name, "FAILED open or read", output);
            }
        }
    }

    /// All results were taken. Returns what the process ends with.
    pub(super) fn end(mut self, output: &mut Output) -> u8 {
        while self.expected(output).is_some() {}
        match (self.mismatch, self.cannot) {
            (true, _) => EXIT_NO,
            (false, true) => EXIT_CANNOT,
            (false, false) => 0,
        }
    }

    /// Follows the notes up to the one for the next result.
    fn expected(&mut self, output: &mut Output) -> Option<Digest> {
        loop {
            match self.notes.recv().ok()? {
                Note::Expect(digest) => return Some(digest),
                Note::Misformatted { line, list } => {
                    self.one.misformatted += 1;
                    if self.args.warn && !self.args.status {
                        output.complain(&format!("{}: {line}: improperly formatted checksum line", shown(&list)));
                    }
                }
                Note::End { list, error } => self.end_list(&list, error, output),
            }
        }
    }

    fn end_list(&mut self, list: &[u8], error: Option<io::Error>, output: &mut Output) {
        let counts = std::mem::take(&mut self.one);
        let list = shown(list);
        self.mismatch |= counts.mismatched > 0;
        self.cannot |= counts.unreadable > 0 || (self.args.strict && counts.misformatted > 0);
        if let Some(error) = error {
            let text = hashlane_engine::SumError::from(error);
            output.complain(&format!("{list}: {text}"));
            self.cannot = true;
            return;
        }
        if counts.lines == 0 {
            output.complain(&format!("{list}: no properly formatted checksum lines found"));
            self.cannot = true;
            return;
        }
        if self.args.ignore_missing && counts.matched + counts.mismatched + counts.unreadable == 0 {
            self.cannot = true;
            if !self.args.status {
                output.complain(&format!("{list}: no file was verified"));
            }
        }
        if self.args.status {
            return;
        }
        for (count, one, more) in [
            (counts.misformatted, "line is improperly formatted", "lines are improperly formatted"),
            (counts.unreadable, "listed file could not be read", "listed files could not be read"),
            (counts.mismatched, "computed checksum did NOT match", "computed checksums did NOT match"),
        ] {
            match count {
                0 => {}
                1 => output.complain(&format!("WARNING: 1 {one}")),
                count => output.complain(&format!("WARNING: {count} {more}")),
            }
        }
    }

    fn say(&self, name: &[u8], what: &str, output: &mut Output) {
        if self.args.status {
            return;
        }
        // As md5sum: only a newline makes it escape here.
        if name.contains(&b'\n') {
            output.results.push(b'\\');
            push_escaped(name, &mut output.results);
        } else {
            output.results.extend_from_slice(name);
        }
        output.results.extend_from_slice(format!(": {what}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_a_newline_or_the_file_and_too_long_ones_are_one_wrong_line() {
        let text = [&b"a\nb\r\n\n"[..], &vec![b'x'; 3 * LINE_BYTES_MAX], b"\nlast"].concat();
        // A small buffer, so that lines cross its borders.
        let mut lines = BufReader::with_capacity(7, &text[..]);
        let mut line = Vec::new();
        for expected in ["a", "b", "", "?", "last"] {
            assert!(read_line(&mut lines, &mut line).expect("read"));
            assert_eq!(String::from_utf8_lossy(&line), expected);
        }
        assert!(!read_line(&mut lines, &mut line).expect("read"));
    }
}
