//! One line of a file of digests: GNU, BSD, or what `openssl dgst` prints.
//!
//! ```text
//! 5d41402abc4b2a76b9719d911017c592  name      a second space or * before the name, for text and binary
//! 5d41402abc4b2a76b9719d911017c592 name       as `md5 -r` prints it
//! MD5 (name) = 5d41402abc4b2a76b9719d911017c592
//! MD5(name)= 5d41402abc4b2a76b9719d911017c592
//! ```

use hashlane_lanes::{Algorithm, Digest};

use super::name::unescaped;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SumLine {
    pub(super) digest: Digest,
    pub(super) name: Vec<u8>,
}

impl SumLine {
    /// Reads a line without its end; none when it is not properly formatted. A line without a tag is of the algorithm
    /// that was asked for, else of the first that has digests of its length.
    pub(super) fn read(line: &[u8], asked: Option<Algorithm>) -> Option<SumLine> {
        let line = trim_start(line);
        let (escaped, line) = match line.strip_prefix(b"\\") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (digest, name) = tagged(line).or_else(|| plain(line, asked))?;
        if name.is_empty() {
            return None;
        }
        let name = if escaped { unescaped(name)? } else { name.to_vec() };
        // No file has such a name, and no line of ours either.
        (!name.contains(&0)).then_some(SumLine { digest, name })
    }
}

/// The tag of an algorithm in BSD lines.
pub(super) fn tag(algorithm: Algorithm) -> String {
    algorithm.name().to_ascii_uppercase()
}

fn of_tag(tag: &str) -> Option<Algorithm> {
    // OpenSSL 3 says SHA2-256, others SHA-256; xxhsum says which XXH3 it means.
    let word = tag.to_ascii_lowercase().replace("sha2-", "sha").replace('-', "");
    Algorithm::from_name(if word == "xxh128" { "xxh3" } else { &word })
}

fn tagged(line: &[u8]) -> Option<(Digest, &[u8])> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')').filter(|close| *close > open)?;
    let tag = std::str::from_utf8(&line[..open]).ok()?;
    let algorithm = of_tag(tag.strip_suffix(' ').unwrap_or(tag))?;
    let hex = trim_start(trim_start(&line[close + 1..]).strip_prefix(b"=")?);
    let digest = Digest::from_hex(algorithm, std::str::from_utf8(hex).ok()?)?;
    Some((digest, &line[open + 1..close]))
}

fn plain(line: &[u8], asked: Option<Algorithm>) -> Option<(Digest, &[u8])> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit())?;
    let hex = std::str::from_utf8(&line[..end]).ok()?;
    let of_length = || Algorithm::ALL.into_iter().find(|algorithm| algorithm.digest_bytes() * 2 == end);
    let digest = Digest::from_hex(asked.or_else(of_length)?, hex)?;
    let name = line[end..].strip_prefix(b" ").or_else(|| line[end..].strip_prefix(b"\t"))?;
    Some((digest, name.strip_prefix(b" ").or_else(|| name.strip_prefix(b"*")).unwrap_or(name)))
}

fn trim_start(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &line[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "5d41402abc4b2a76b9719d911017c592";
    const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn read(line: &str, asked: Option<Algorithm>) -> Option<(Algorithm, String, String)> {
        let line = SumLine::read(line.as_bytes(), asked)?;
        let name = String::from_utf8_lossy(&line.name).into_owned();
        Some((line.digest.algorithm(), line.digest.to_string(), name))
    }

    #[test]
    fn lines_of_every_tool_are_read() {
        for (line, algorithm, hex, name) in [
            (format!("{MD5}  a b"), Algorithm::Md5, MD5, "a b"),
            (format!("  \t{MD5} *a"), Algorithm::Md5, MD5, "a"),
            (format!("{MD5} a"), Algorithm::Md5, MD5, "a"),
            (format!("{MD5}   a"), Algorithm::Md5, MD5, " a"),
            (format!("{}  a", MD5.to_uppercase()), Algorithm::Md5, MD5, "a"),
            (format!("{SHA256}  a"), Algorithm::Sha256, SHA256, "a"),
            (format!("MD5 (a (1) = x) = {MD5}"), Algorithm::Md5, MD5, "a (1) = x"),
            (format!("MD5(a)= {MD5}"), Algorithm::Md5, MD5, "a"),
            (format!("SHA2-256(a)= {SHA256}"), Algorithm::Sha256, SHA256, "a"),
            (format!("SHA256 (a) = {SHA256}"), Algorithm::Sha256, SHA256, "a"),
            (format!("\\{MD5}  a\\nb\\\\"), Algorithm::Md5, MD5, "a\nb\\"),
            (format!("\\MD5 (a\\nb) = {MD5}"), Algorithm::Md5, MD5, "a\nb"),
            (format!("{MD5}  a\\nb"), Algorithm::Md5, MD5, "a\\nb"),
        ] {
            assert_eq!(read(&line, None), Some((algorithm, hex.to_owned(), name.to_owned())), "{line}");
        }
    }

    #[test]
    fn every_tag_is_read_back() {
        for algorithm in Algorithm::ALL {
            let hex = "0a".repeat(algorithm.digest_bytes());
            let line = format!("{} (a) = {hex}", tag(algorithm));
            assert_eq!(read(&line, Some(Algorithm::Md5)), Some((algorithm, hex, "a".to_owned())));
        }
    }

    #[test]
    fn other_lines_are_not_properly_formatted() {
        for line in [
            "",
            "hello",
            MD5,
            &format!("{MD5}  "),
            &format!("{MD5}x  a"),
            &format!("{}  a", &MD5[1..]),
            &format!("MD6 (a) = {MD5}"),
            &format!("MD5 (a = {MD5}"),
            &format!("MD5 (a) = {SHA256}"),
            &format!("MD5 () = {MD5}"),
            &format!("\\{MD5}  a\\tb"),
            &format!("{MD5}  a\0b"),
        ] {
            assert_eq!(read(line, None), None, "{line}");
        }
        assert_eq!(read(&format!("{MD5}  a"), Some(Algorithm::Sha256)), None, "not the length that was asked for");
    }
}
