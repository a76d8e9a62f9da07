//! XML indented for reading. The text of every element stays byte for byte as it was.

use quick_xml::events::Event;
use quick_xml::{Reader, Writer};

/// The document with one element per line; as it is when it is no well-formed XML.
pub(super) fn indented(xml: &[u8]) -> String {
    let text = rewrite(xml).unwrap_or_else(|_| String::from_utf8_lossy(xml).into_owned());
    if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
}

fn rewrite(xml: &[u8]) -> Result<String, Box<dyn std::error::Error>> {
    let mut reader = Reader::from_reader(xml);
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    loop {
        match reader.read_event()? {
            Event::Eof => break,
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            event => writer.write_event(event)?,
        }
    }
    Ok(String::from_utf8(writer.into_inner())?)
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn elements_get_lines_and_texts_stay() {
        let xml = b"<?xml version=\"1.0\"?>\n<A><B>x &amp;  y</B><C/></A>";
        assert_eq!(indented(xml), "<?xml version=\"1.0\"?>\n<A>\n  <B>x &amp;  y</B>\n  <C/>\n</A>\n");
    }

    #[test]
    fn what_is_no_xml_is_shown_as_it_is() {
        assert_eq!(indented(b""), "");
        assert_eq!(indented(b"<A></B>"), "<A></B>\n");
    }
}
