//! The XML reader.

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::is_xml_char;
use crate::WireError;

/// How large a document may be in each direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Levels of elements, the root being the first.
    pub(crate) depth_max: usize,
    /// Elements in all.
    pub(crate) elements_max: usize,
    /// Attributes of one element.
    pub(crate) attributes_max: usize,
    /// Bytes of text of one element, without that of its children.
    pub(crate) text_bytes_max: usize,
    /// Tags, pieces of text, references, comments in all: what the work of reading is proportional to, beside bytes.
    pub(crate) pieces_max: usize,
}

impl Limits {
    /// Requests, as a server takes them (failure rule C9).
    /// A submit has some 800 pieces at most, and 1,900 more when each character of key and UserData is a reference.
    pub(crate) const REQUEST: Limits =
        Limits { depth_max: 16, elements_max: 256, attributes_max: 16, text_bytes_max: 8 << 10, pieces_max: 5_000 };
    /// Requests of the storage calls: 10,000 parts, or 1,000 keys (failure rules C8 and C9).
    pub(crate) const STORAGE: Limits = Limits {
        depth_max: 16,
        elements_max: 40_000,
        attributes_max: 16,
        text_bytes_max: 8 << 10,
        pieces_max: 200_000,
    };
    /// Answers, as a client takes them: up to 100 jobs of some 30 elements, and room for those to come.
    pub(crate) const ANSWER: Limits = Limits {
        depth_max: 16,
        elements_max: 40_000,
        attributes_max: 16,
        text_bytes_max: 64 << 10,
        pieces_max: 1_000_000,
    };
}

/// An element: its name with prefix, its text, and its children in order.
#[derive(Debug, Default)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The name as written, with its prefix if it has one.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The children of a name, in order.
    pub(crate) fn children_named(&self, name: &str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// All children, in order.
    pub(crate) fn children(&self) -> &[Element] {
        &self.children
    }

    /// The only child of a name, or `None`.
    ///
    /// # Errors
    /// `InvalidArgument` when there are several.
    pub(crate) fn child(&self, name: &str) -> Result<Option<&Element>, WireError> {
        let mut all = self.children_named(name);
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(WireError::argument(format!("{name} must be given once, not several times"))),
            (one, None) => Ok(one),
        }
    }

    /// The text of the only child of a name, whitespace and all; `None` when it is absent or empty.
    ///
    /// # Errors
    /// `InvalidArgument` when there are several such children, or when it holds elements instead of text.
    pub(crate) fn text_of(&self, name: &str) -> Result<Option<&str>, WireError> {
        let Some(child) = self.child(name)? else { return Ok(None) };
        if !child.children.is_empty() {
            return Err(WireError::argument(format!("{name} must hold text, not elements")));
        }
        Ok(Some(child.text.as_str()).filter(|text| !text.is_empty()))
    }

    /// As [`Element::text_of`], but without whitespace around the text: for words, numbers, addresses and ids.
    pub(crate) fn word_of(&self, name: &str) -> Result<Option<&str>, WireError> {
        Ok(self.text_of(name)?.map(str::trim).filter(|text| !text.is_empty()))
    }

    /// The text directly in this element.
    pub(crate) fn raw_text(&self) -> &str {
        &self.text
    }
}

/// Reads a document.
///
/// # Errors
/// `InvalidContent` when it is not well-formed UTF-8 XML, has what is refused, or exceeds a limit.
pub(crate) fn parse(body: &[u8], limits: Limits) -> Result<Element, WireError> {
    let text = std::str::from_utf8(body).map_err(|_| WireError::content("the XML is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(wrong) = not_xml(text) {
        return Err(WireError::content(format!(
            "the XML has the character {:#x}, which XML cannot carry",
            wrong as u32
        )));
    }

    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut tree = Tree { limits, elements: 0, pieces: 0, open: Vec::new(), root: None };
    let mut at_start = true;
    loop {
        let event = reader.read_event().map_err(|_| {
            // The library's own words may quote the document at any length.
            WireError::content(format!("the XML is malformed at byte {}", reader.error_position()))
        })?;
        tree.count_piece()?;
        match event {
            Event::Start(start) => tree.open(&start)?,
            Event::Empty(start) => {
                tree.open(&start)?;
                tree.close();
            }
            // The reader has checked that the names match.
            Event::End(_) => tree.close(),
            Event::Text(text) if text.contains("]]>") => {
                return Err(WireError::content("the XML has a bare ]]>; write it as ]]&gt;"));
            }
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) if tree.open.is_empty() => {
                return Err(WireError::content(format!("the XML has text outside of its root: {} bytes", text.len())));
            }
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => tree.text(character(&reference)?.encode_utf8(&mut [0; 4]))?,
            Event::Comment(_) => {}
            Event::Decl(declaration) if at_start => check_declaration(&declaration)?,
            Event::Decl(_) => return Err(WireError::content("the XML declaration must be the very first thing")),
            Event::PI(_) => return Err(WireError::content("the XML has a processing instruction; leave it out")),
            Event::DocType(_) => return Err(WireError::content("the XML has a DOCTYPE; leave it out")),
            Event::Eof => break,
        }
        at_start = false;
    }
    tree.finish()
}

/// The tree while it grows.
struct Tree {
    limits: Limits,
    elements: usize,
    pieces: usize,
    /// From the root to the innermost open element.
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), WireError> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(WireError::content("the XML has more than one root"));
        }
        self.elements += 1;
        if self.open.len() == self.limits.depth_max {
            return Err(WireError::content(format!("the XML is deeper than {} elements", self.limits.depth_max)));
        }
        if self.elements > self.limits.elements_max {
            return Err(WireError::content(format!("the XML has more than {} elements", self.limits.elements_max)));
        }
        self.check_attributes(start)?;
        let name = start.name();
        check_name(name.as_ref())?;
        self.open.push(Element { name: name.as_ref().to_owned(), text: String::new(), children: Vec::new() });
        Ok(())
    }

    /// Attributes are dropped, but must be well-formed and few. Stopping at the limit bounds the search for duplicates,
    /// which compares each with each.
    fn check_attributes(&mut self, start: &BytesStart<'_>) -> Result<(), WireError> {
        let limit = self.limits.attributes_max;
        for (index, attribute) in start.attributes().enumerate() {
            if index == limit {
                return Err(WireError::content(format!("the XML has an element with more than {limit} attributes")));
            }
            let attribute =
                attribute.map_err(|_| WireError::content("the XML has a malformed or repeated attribute"))?;
            check_name(attribute.key.as_ref())?;
            if attribute.value.contains('<') {
                return Err(WireError::content("the XML has a bare < in an attribute"));
            }
            for after in attribute.value.split('&').skip(1) {
                self.count_piece()?;
                let bare = || WireError::content("the XML has a bare & in an attribute");
                character(&BytesRef::new(after.split_once(';').ok_or_else(bare)?.0))?;
            }
        }
        Ok(())
    }

    fn count_piece(&mut self) -> Result<(), WireError> {
        self.pieces += 1;
        if self.pieces > self.limits.pieces_max {
            let limit = self.limits.pieces_max;
            return Err(WireError::content(format!(
                "the XML has more than {limit} tags, texts, references and comments"
            )));
        }
        Ok(())
    }

    fn close(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), WireError> {
        let Some(element) = self.open.last_mut() else {
            let blank = text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
            return if blank { Ok(()) } else { Err(WireError::content("the XML has text outside of its root")) };
        };
        if element.text.len() + text.len() > self.limits.text_bytes_max {
            let limit = self.limits.text_bytes_max;
            return Err(WireError::content(format!("the XML has an element with more than {limit} bytes of text")));
        }
        element.text.push_str(text);
        Ok(())
    }

    fn finish(self) -> Result<Element, WireError> {
        match (self.open.last(), self.root) {
            (None, Some(root)) => Ok(root),
            (None, None) => Err(WireError::content("the XML has no root")),
            (Some(_), _) => Err(WireError::content("the XML ends before its elements are closed")),
        }
    }
}

/// The first character that XML cannot carry.
fn not_xml(text: &str) -> Option<char> {
    // Only control bytes, and the first byte of U+FFFE and U+FFFF, can be part of one.
    let suspicious = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0xef;
    let first = text.bytes().position(suspicious)?;
    text[first..].chars().find(|character| !is_xml_char(*character))
}

/// Version 1.0 and UTF-8; the rest of the declaration means nothing to us.
fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), WireError> {
    let malformed = || WireError::content("the XML declaration is malformed");
    if declaration.version().map_err(|_| malformed())? != "1.0" {
        return Err(WireError::content("the XML must be of version 1.0"));
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(Ok(_)) => Err(WireError::content("the XML must be encoded in UTF-8")),
        Some(Err(_)) => Err(malformed()),
    }
}

/// The character of a reference: one of the five entities of XML, or a character reference to what XML can carry.
fn character(reference: &BytesRef<'_>) -> Result<char, WireError> {
    match &**reference {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => {}
    }
    match reference.resolve_char_ref() {
        Ok(Some(character)) if is_xml_char(character) => Ok(character),
        Ok(Some(_)) | Err(_) => Err(WireError::content("the XML has a reference to a character that XML cannot carry")),
        Ok(None) => Err(WireError::content("the XML has an unknown entity; only amp, lt, gt, quot and apos are known")),
    }
}

/// Refuses what cannot be a name. Beyond ASCII every character is let through: no name of the wire has any, and such an
/// element is ignored like every unknown one.
fn check_name(name: &str) -> Result<(), WireError> {
    let starts =
        |character: char| character.is_ascii_alphabetic() || matches!(character, '_' | ':') || !character.is_ascii();
    let goes_on = |character: char| starts(character) || character.is_ascii_digit() || matches!(character, '-' | '.');
    let mut characters = name.chars();
    if characters.next().is_some_and(starts) && characters.all(goes_on) {
        return Ok(());
    }
    Err(WireError::content("the XML has a malformed name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    fn refused(document: &str) -> bool {
        parse(document.as_bytes(), Limits::REQUEST).is_err_and(|error| error.code == ErrorCode::InvalidContent)
    }

    #[test]
    fn text_keeps_its_whitespace_and_joins_references_cdata_and_what_stands_around_comments() {
        let document = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a --><r x='1'>\n <a> &lt;&#x1F600;\r\n<![CDATA[<&>]]><!-- b -->\t</a>\
                        <b/><a>2</a></r>\n<!-- c -->\n";
        let root = parse(document.as_bytes(), Limits::REQUEST).expect("it is well-formed");
        let texts: Vec<&str> = root.children_named("a").map(Element::raw_text).collect();
        assert_eq!(texts, [" <\u{1F600}\n<&>\t", "2"]);
        assert_eq!(root.text_of("b"), Ok(None));
        assert_eq!(root.child("a").map_err(|error| error.code).err(), Some(ErrorCode::InvalidArgument));
    }

    /// Rule W2.7.
    /// Failure rule C9.
    #[test]
    fn what_is_not_well_formed_or_not_wanted_is_refused() {
        for document in [
            "",
            " ",
            "text",
            "<r>",
            "<r></s>",
            "<r></r></r>",
            "<r/><r/>",
            "<r/>text",
            "text<r/>",
            "<r/>&amp;",
            "<![CDATA[ ]]><r/>",
            "<r><![CDATA[a]]</r>",
            "<r>]]></r>",
            "<r><!-- a -- b --></r>",
            "<r>&",
            "<r>& </r>",
            "<r>&nbsp;</r>",
            "<r>&#0;</r>",
            "<r>&#xD800;</r>",
            "<r>&#xFFFE;</r>",
            "<r>&#8;</r>",
            "<r>&#x110000;</r>",
            "<r>&#+65;</r>",
            "<r>\u{1}</r>",
            "<r>\u{ffff}</r>",
            "<r a/>",
            "<r a=1/>",
            "<r a='1' a='2'/>",
            "<r a='<'/>",
            "<r a='&bomb;'/>",
            "<r a='&'/>",
            "<1/>",
            "<r<a/>",
            "< r/>",
            "<r>a<b></r>",
            "<!DOCTYPE r><r/>",
            "<!DOCTYPE r [<!ENTITY a \"b\">]><r>&a;</r>",
            "<r><?php ?></r>",
            "<?xml-stylesheet href='a'?><r/>",
            "<?xml version='1.0' encoding='gbk'?><r/>",
            "<?xml version='1.0' encoding='utf-16'?><r/>",
            "<?xml version='2.0'?><r/>",
            "<?xml encoding='utf-8'?><r/>",
            " <?xml version='1.0'?><r/>",
            "<r><?xml version='1.0'?></r>",
        ] {
            assert!(refused(document), "{document}");
        }
        assert!(parse(b"<r>\xff</r>", Limits::REQUEST).is_err());
    }

    /// Failure rule C9.
    #[test]
    fn each_limit_holds_to_the_element_and_byte() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        let many = |count: usize| format!("<r>{}</r>", "<a/>".repeat(count - 1));
        let attributes = |count: usize| {
            let all: String = (0..count).map(|index| format!(" a{index}='x'")).collect();
            format!("<r{all}/>")
        };
        let comments = |count: usize| format!("<r>{}</r>", "<!---->".repeat(count - 3));
        let references = |count: usize| format!("<r a='{}'/>", "&lt;".repeat(count - 2));
        let text = |bytes: usize| format!("<r><!-- -->{}&amp;</r>", "x".repeat(bytes - 1));
        assert!(!refused(&nested(16)) && refused(&nested(17)));
        assert!(!refused(&many(256)) && refused(&many(257)));
        assert!(!refused(&attributes(16)) && refused(&attributes(17)));
        // The end of the document is a piece as well.
        assert!(!refused(&comments(5000)) && refused(&comments(5001)));
        assert!(!refused(&references(5000)) && refused(&references(5001)));
        assert!(!refused(&text(8192)) && refused(&text(8193)));
    }
}
