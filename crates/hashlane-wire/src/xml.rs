//! XML documents of the wire: a bounded tree reader and a writer.
//!
//! The reader takes one well-formed UTF-8 document and gives its elements; its cost is linear in the input and its
//! memory is bounded by [`Limits`]. Documents carry no meaning in attributes, comments or namespaces, so these are
//! checked and dropped. The writer prints well-formed XML whatever text it is given.
//!
//! Left out on purpose: DTDs, entities other than the five of XML, and processing instructions are refused, since the
//! wire never needs them and each has a history of bombs.

mod reader;
mod writer;

pub(crate) use reader::{Element, Limits, parse};
pub(crate) use writer::Writer;

/// Whether XML 1.0 can carry a character (production 2, `Char`).
const fn is_xml_char(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}
