//! Plain readings of percent-encoding and queries, written from RFC 3986 and the rules of the dialect and from nothing else,
//! for comparison.

/// Percent-decodes once; a stray `%` stands for itself.
pub fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// As [`percent_decoded`], and a plus is a space.
pub fn form_decoded(text: &str) -> Vec<u8> {
    percent_decoded(&text.replace('+', " "))
}

/// Percent-encodes all but the unreserved characters.
pub fn percent_encoded(bytes: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The fields of a raw query, not decoded; empty ones are none, and a missing `=` is an empty value.
pub fn fields(query: &str) -> Vec<(&str, &str)> {
    let all = query.split('&').filter(|field| !field.is_empty());
    all.map(|field| match field.find('=') {
        Some(at) => (&field[..at], &field[at + 1..]),
        None => (field, ""),
    })
    .collect()
}
