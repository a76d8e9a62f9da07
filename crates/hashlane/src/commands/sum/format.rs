//! Results as lines: GNU, BSD, JSON, CSV.
//!
//! It promises that names come through: GNU and BSD lines escape as coreutils does, JSON adds the bytes of a name that is
//! not UTF-8, CSV quotes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashlane_lanes::{Algorithm, Digest};

use super::line::tag;
use super::name::{needs_escape, push_escaped};
use crate::cli::sum::SumFormat;

/// How results are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    pub(super) format: SumFormat,
    /// Lines end with NUL, and names are not escaped.
    pub(super) zero: bool,
}

impl Format {
    /// What stands before all results.
    pub(super) fn push_heading(&self, algorithms: &[Algorithm], out: &mut Vec<u8>) {
        if self.format == SumFormat::Csv {
            out.extend_from_slice(b"name,bytes");
            for algorithm in algorithms {
                out.push(b',');
                out.extend_from_slice(algorithm.name().as_bytes());
            }
            out.push(b'\n');
        }
    }

    /// The result of one file.
    pub(super) fn push(&self, name: &[u8], bytes: u64, digests: &[Digest], out: &mut Vec<u8>) {
        match self.format {
            SumFormat::Gnu | SumFormat::Bsd => {
                for digest in digests {
                    self.push_line(name, digest, out);
                }
            }
            SumFormat::Json => push_object(name, bytes, digests, out),
            SumFormat::Csv => {
                push_field(name, out);
                out.extend_from_slice(format!(",{bytes}").as_bytes());
                for digest in digests {
                    out.push(b',');
                    push_hex(digest, out);
                }
                out.push(b'\n');
            }
        }
    }

    fn push_line(&self, name: &[u8], digest: &Digest, out: &mut Vec<u8>) {
        let escapes = !self.zero && needs_escape(name);
        let push_name = |out: &mut Vec<u8>| match escapes {
            true => push_escaped(name, out),
            false => out.extend_from_slice(name),
        };
        if escapes {
            out.push(b'\\');
        }
        if self.format == SumFormat::Bsd {
            out.extend_from_slice(tag(digest.algorithm()).as_bytes());
            out.extend_from_slice(b" (");
            push_name(out);
            out.extend_from_slice(b") = ");
            push_hex(digest, out);
        } else {
            push_hex(digest, out);
            out.extend_from_slice(b"  ");
            push_name(out);
        }
        out.push(if self.zero { 0 } else { b'\n' });
    }
}

fn push_hex(digest: &Digest, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in digest.as_bytes() {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

fn push_object(name: &[u8], bytes: u64, digests: &[Digest], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    let text = String::from_utf8_lossy(name);
    out.extend_from_slice(serde_json::Value::from(&*text).to_string().as_bytes());
    if std::str::from_utf8(name).is_err() {
        out.extend_from_slice(format!(",\"name_base64\":\"{}\"", STANDARD.encode(name)).as_bytes());
    }
    out.extend_from_slice(format!(",\"bytes\":{bytes},\"digests\":{{").as_bytes());
    for (number, digest) in digests.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        out.extend_from_slice(format!("{comma}\"{}\":\"", digest.algorithm()).as_bytes());
        push_hex(digest, out);
        out.push(b'"');
    }
    out.extend_from_slice(b"}}\n");
}

/// A field as RFC 4180 quotes it.
fn push_field(text: &[u8], out: &mut Vec<u8>) {
    if !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        out.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use hashlane_lanes::Hasher;

    use super::*;

    fn line(format: SumFormat, zero: bool, name: &[u8]) -> Vec<u8> {
        let digests = [Algorithm::Md5, Algorithm::Sha1].map(|algorithm| Hasher::digest(algorithm, b"hello"));
        let mut out = Vec::new();
        let shown = if format == SumFormat::Gnu { &digests[..1] } else { &digests };
        Format { format, zero }.push(name, 5, shown, &mut out);
        out
    }

    #[test]
    fn names_come_through_every_format() {
        const MD5: &str = "5d41402abc4b2a76b9719d911017c592";
        const SHA1: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
        for (format, zero, name, expected) in [
            (SumFormat::Gnu, false, &b"a b"[..], format!("{MD5}  a b\n")),
            (SumFormat::Gnu, false, b"a\nb", format!("\\{MD5}  a\\nb\n")),
            (SumFormat::Gnu, true, b"a\nb", format!("{MD5}  a\nb\0")),
            (SumFormat::Bsd, false, b"a\\b", format!("\\MD5 (a\\\\b) = {MD5}\n\\SHA1 (a\\\\b) = {SHA1}\n")),
            (
                SumFormat::Json,
                false,
                b"a\"\n",
                format!(
                    "{{\"name\":\"a\\\"\\n\",\"bytes\":5,\"digests\":{{\"md5\":\"{MD5}\",\"sha1\":\"{SHA1}\"}}}}\n"
                ),
            ),
            (
                SumFormat::Json,
                false,
                b"a\xff",
                format!(
                    "{{\"name\":\"a\u{fffd}\",\"name_base64\":\"Yf8=\",\"bytes\":5,\"digests\":{{\"md5\":\"{MD5}\",\
                     \"sha1\":\"{SHA1}\"}}}}\n"
                ),
            ),
            (SumFormat::Csv, false, b"a b", format!("a b,5,{MD5},{SHA1}\n")),
            (SumFormat::Csv, false, b"a\",b", format!("\"a\"\",b\",5,{MD5},{SHA1}\n")),
        ] {
            assert_eq!(String::from_utf8_lossy(&line(format, zero, name)), expected);
        }
        assert!(line(SumFormat::Gnu, false, b"\xff").ends_with(b"  \xff\n"));
    }
}
