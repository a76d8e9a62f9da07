//! The XML writer.

use super::is_xml_char;

/// Prints one document, from its declaration on. Names are ours and never escaped; text is always escaped.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    /// A document that so far has its declaration only, in the spelling of spec section 2.
    pub(crate) fn new() -> Writer {
        let mut out = String::with_capacity(1024);
        out.push_str("<?xml version='1.0' encoding='utf-8' ?>\n");
        Writer { out }
    }

    /// A start tag.
    pub(crate) fn open(&mut self, name: &str) {
        self.out.extend(["<", name, ">"]);
    }

    /// An end tag.
    pub(crate) fn close(&mut self, name: &str) {
        self.out.extend(["</", name, ">"]);
    }

    /// An element with text only.
    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            self.out.extend(["<", name, "/>"]);
            return;
        }
        self.open(name);
        self.text(text);
        self.close(name);
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                // A reader turns a bare carriage return into a line feed (XML 1.0, section 2.11).
                '\r' => self.out.push_str("&#13;"),
                // There is no spelling for these in XML 1.0, not even as a reference.
                other if !is_xml_char(other) => self.out.push(char::REPLACEMENT_CHARACTER),
                other => self.out.push(other),
            }
        }
    }

    /// The document.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }
}
