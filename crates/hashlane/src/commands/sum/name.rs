//! Names of files in lines: escaped as GNU coreutils 9.1 does it, and back.
//!
//! A name is bytes. What a line cannot hold is escaped, and a backslash at the beginning of the line says so; everything
//! else, invalid UTF-8 too, stands as it is.

/// Whether a name cannot stand in a line as it is.
pub(super) fn needs_escape(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'))
}

/// Appends a name, escaped.
pub(super) fn push_escaped(name: &[u8], line: &mut Vec<u8>) {
    for byte in name {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            other => line.push(*other),
        }
    }
}

/// The name that was escaped; none when it was not escaped like this.
pub(super) fn unescaped(escaped: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            other => *other,
        });
    }
    Some(name)
}

/// A name for a message on the terminal: one line, nothing that moves the cursor.
pub(super) fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_comes_back() {
        for name in [&b"plain"[..], b"a\\b", b"a\nb\r", b"\\n", b"\xff\xfe", b""] {
            let mut escaped = Vec::new();
            push_escaped(name, &mut escaped);
            assert!(!escaped.contains(&b'\n') && !escaped.contains(&b'\r'));
            assert_eq!(unescaped(&escaped).as_deref(), Some(name));
            assert_eq!(needs_escape(name), escaped != name);
        }
        for wrong in [&b"a\\"[..], b"\\t", b"\\x41"] {
            assert_eq!(unescaped(wrong), None, "{wrong:?}");
        }
    }
}
