//! A configuration file as sections whose values know their line.
//!
//! Promises: a key that nobody asked for is an error with its line and the nearest known key; so is a value of the wrong
//! kind. What was asked for, and where its value came from, is recorded in the order of asking: that record is what
//! `config show` prints.

use std::cell::RefCell;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::secret::REDACTED;
use super::setting::{ConfigError, Given, Kind, Origin, Record, Setting, quoted};
use super::suggestion::did_you_mean;

/// A file's name and text.
pub(crate) struct Document {
    /// The name as the user wrote it.
    pub(crate) name: String,
    /// The text.
    pub(crate) text: String,
}

impl Document {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Document, ConfigError> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Document { name, text }),
            Err(error) => Err(ConfigError(format!("cannot read the configuration file {name}: {error}"))),
        }
    }

    /// The document's tables.
    pub(crate) fn parse(&self) -> Result<DeTable<'_>, ConfigError> {
        DeTable::parse(&self.text).map(toml::Spanned::into_inner).map_err(|error| {
            let line = error.span().map_or(1, |span| self.line(span.start));
            ConfigError(format!("{}:{line}: {}", self.name, error.message()))
        })
    }

    fn line(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    }
}

/// One table of the document, or its absence: every question has an answer either way.
pub(crate) struct Section<'a> {
    document: Option<&'a Document>,
    table: Option<&'a DeTable<'a>>,
    record: &'a Record,
    header: String,
    path: String,
    number: usize,
    asked: RefCell<Vec<String>>,
}

impl<'a> Section<'a> {
    /// The top of a document; with no document everything is default.
    pub(crate) fn root(document: Option<(&'a Document, &'a DeTable<'a>)>, record: &'a Record) -> Section<'a> {
        let (document, table) = document.unzip();
        Section::new(document, table, record, String::new(), String::new())
    }

    fn new(
        document: Option<&'a Document>,
        table: Option<&'a DeTable<'a>>,
        record: &'a Record,
        header: String,
        path: String,
    ) -> Section<'a> {
        *record.tables.borrow_mut() += 1;
        let number = *record.tables.borrow();
        Section { document, table, record, header, path, number, asked: RefCell::default() }
    }

    /// The table `[key]`.
    pub(crate) fn section(&self, key: &str) -> Result<Section<'a>, ConfigError> {
        let path = self.path_of(key);
        let table = match self.find(key) {
            None => None,
            Some((_, DeValue::Table(table))) => Some(table),
            Some((place, other)) => return Err(wrong_kind(&place, &path, "a table", other)),
        };
        Ok(Section::new(self.document, table, self.record, format!("[{path}]"), path))
    }

    /// The tables `[[key]]`, in order.
    pub(crate) fn sections(&self, key: &str) -> Result<Vec<Section<'a>>, ConfigError> {
        let path = self.path_of(key);
        let expected = "an array of tables, written [[...]]";
        match self.find(key) {
            None => Ok(Vec::new()),
            Some((place, DeValue::Array(items))) => items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::Table(table) => {
                        let header = format!("[[{path}]]");
                        Ok(Section::new(self.document, Some(table), self.record, header, path.clone()))
                    }
                    other => Err(wrong_kind(&place, &path, expected, other)),
                })
                .collect(),
            Some((place, other)) => Err(wrong_kind(&place, &path, expected, other)),
        }
    }

    /// A table `[[key]]` that no file has, to note values in that come from elsewhere.
    pub(crate) fn absent_table(&self, key: &str) -> Section<'a> {
        let path = self.path_of(key);
        Section::new(None, None, self.record, format!("[[{path}]]"), path)
    }

    /// The keys that stand in this table, for tables whose keys are names that the user chose.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.table.into_iter().flatten().collect();
        keys.sort_by_key(|(key, _)| key.span().start);
        keys.into_iter().map(|(key, _)| key.get_ref().to_string()).collect()
    }

    /// A setting with a default.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        kind: Kind,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.read_given(key, kind, Given { text: None, names: "" }, default, parse)
    }

    /// A setting with a default that a flag or its environment variable overrides.
    pub(crate) fn read_given<T>(
        &self,
        key: &str,
        kind: Kind,
        given: Given<'_>,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let from_file = self.scalar(key, kind)?;
        let (text, origin) = match (given.text.filter(|text| !text.is_empty()), from_file) {
            (Some(text), _) => (text.to_owned(), Origin::Flag(given.names)),
            (None, Some(found)) => found,
            (None, None) => (default.to_owned(), Origin::Default),
        };
        self.parse_and_note(key, kind, &text, origin, parse)
    }

    /// A setting that may be absent.
    pub(crate) fn read_optional<T>(
        &self,
        key: &str,
        kind: Kind,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        match self.scalar(key, kind)? {
            Some((text, origin)) => self.parse_and_note(key, kind, &text, origin, parse).map(Some),
            None => Ok(None),
        }
    }

    /// A setting that must be there.
    pub(crate) fn read_required<T>(
        &self,
        key: &str,
        kind: Kind,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.read_optional(key, kind, parse)?.ok_or_else(|| self.incomplete(&format!("lacks `{key}`")))
    }

    /// A list of strings.
    pub(crate) fn read_list<T>(
        &self,
        key: &str,
        default: &[&str],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        self.read_items(key, Kind::Text, default, parse)
    }

    /// A list of whole numbers; an empty one by default.
    pub(crate) fn read_numbers<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        self.read_items(key, Kind::Number, &[], parse)
    }

    fn read_items<T>(
        &self,
        key: &str,
        kind: Kind,
        default: &[&str],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let path = self.path_of(key);
        let expected = if kind == Kind::Number { "a list of whole numbers" } else { "a list of strings" };
        let (texts, origin) = match self.find(key) {
            None => (default.iter().map(|text| (*text).to_owned()).collect(), Origin::Default),
            Some((place, DeValue::Array(items))) => {
                let texts: Result<Vec<String>, ConfigError> = items
                    .iter()
                    .map(|item| match (kind, item.get_ref()) {
                        (Kind::Text, DeValue::String(text)) => Ok(text.to_string()),
                        (Kind::Number, DeValue::Integer(number)) if number.radix() == 10 => {
                            Ok(number.as_str().to_owned())
                        }
                        (_, other) => Err(wrong_kind(&place, &path, expected, other)),
                    })
                    .collect();
                (texts?, Origin::File(place))
            }
            Some((place, other)) => return Err(wrong_kind(&place, &path, expected, other)),
        };
        let values = texts.iter().map(|text| parse(text).map_err(|why| self.wrong(key, &origin, &why))).collect();
        let shown: Vec<String> =
            texts.iter().map(|text| if kind == Kind::Number { text.clone() } else { quoted(text) }).collect();
        self.note(key, format!("[{}]", shown.join(", ")), origin);
        values
    }

    /// Replaces the value that `config show` prints for a key that was just read.
    pub(crate) fn show_instead(&self, key: &str, shown: &str) {
        let mut settings = self.record.settings.borrow_mut();
        if let Some(setting) = settings.iter_mut().rev().find(|it| it.table == self.number && it.key == key) {
            setting.value = if shown == REDACTED { quoted(REDACTED) } else { shown.to_owned() };
        }
    }

    /// Whether the file has the key; it counts as asked for.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// An error about this table as a whole.
    pub(crate) fn incomplete(&self, what: &str) -> ConfigError {
        let name = self.document.map_or("configuration", |document| document.name.as_str());
        let line = match (self.document, self.table.and_then(|table| table.keys().map(|key| key.span().start).min())) {
            (Some(document), Some(offset)) => format!(":{}", document.line(offset)),
            _ => String::new(),
        };
        ConfigError(format!("{name}{line}: {} {what}", self.header))
    }

    /// Where a key's value came from, as far as the file tells.
    pub(crate) fn place_of(&self, key: &str) -> Option<String> {
        self.find(key).map(|(place, _)| place)
    }

    /// `worker.lease`.
    pub(crate) fn name_of(&self, key: &str) -> String {
        self.path_of(key)
    }

    /// An error about one key.
    pub(crate) fn wrong_key(&self, key: &str, why: &str) -> ConfigError {
        let origin = self.find(key).map_or(Origin::Default, |(place, _)| Origin::File(place));
        self.wrong(key, &origin, why)
    }

    /// Notes a value that came from somewhere else than this table, so that `config show` prints it.
    pub(crate) fn note_text(&self, key: &str, text: &str, origin: Origin) {
        self.note(key, quoted(text), origin);
    }

    /// Ends the reading of this table: a key that nobody asked for is an error.
    pub(crate) fn close(self) -> Result<(), ConfigError> {
        let (Some(document), Some(table)) = (self.document, self.table) else { return Ok(()) };
        let asked = self.asked.borrow();
        let unknown = table
            .keys()
            .filter(|key| !asked.iter().any(|asked| asked == key.get_ref()))
            .min_by_key(|key| key.span().start);
        let Some(key) = unknown else { return Ok(()) };
        let place = if self.header.is_empty() { String::new() } else { format!(" in {}", self.header) };
        Err(ConfigError(format!(
            "{}:{}: unknown key `{}`{place}{}",
            document.name,
            document.line(key.span().start),
            key.get_ref(),
            did_you_mean(key.get_ref(), asked.iter().map(String::as_str)),
        )))
    }

    /// The value of a key and its place, `FILE:LINE`.
    fn find(&self, key: &str) -> Option<(String, &'a DeValue<'a>)> {
        self.asked.borrow_mut().push(key.to_owned());
        let (name, value) = self.table?.iter().find(|(name, _)| name.get_ref() == key)?;
        let document = self.document?;
        Some((format!("{}:{}", document.name, document.line(name.span().start)), value.get_ref()))
    }

    fn scalar(&self, key: &str, kind: Kind) -> Result<Option<(String, Origin)>, ConfigError> {
        let Some((place, value)) = self.find(key) else { return Ok(None) };
        let text = match (kind, value) {
            (Kind::Text | Kind::Quantity, DeValue::String(text)) => text.to_string(),
            (Kind::Number | Kind::Quantity, DeValue::Integer(number)) if number.radix() == 10 => {
                number.as_str().to_owned()
            }
            (Kind::Boolean, DeValue::Boolean(value)) => value.to_string(),
            (_, other) => {
                let expected = match kind {
                    Kind::Text => "a string",
                    Kind::Number => "a whole number",
                    Kind::Boolean => "true or false",
                    Kind::Quantity => "a string with a unit",
                };
                return Err(wrong_kind(&place, &self.path_of(key), expected, other));
            }
        };
        Ok(Some((text, Origin::File(place))))
    }

    fn parse_and_note<T>(
        &self,
        key: &str,
        kind: Kind,
        text: &str,
        origin: Origin,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let value = parse(text).map_err(|why| self.wrong(key, &origin, &why))?;
        let shown = match kind {
            Kind::Text | Kind::Quantity => quoted(text),
            Kind::Number | Kind::Boolean => text.to_owned(),
        };
        self.note(key, shown, origin);
        Ok(value)
    }

    fn note(&self, key: &str, value: String, origin: Origin) {
        self.record.settings.borrow_mut().push(Setting {
            header: self.header.clone(),
            table: self.number,
            key: key.to_owned(),
            value,
            origin,
        });
    }

    fn wrong(&self, key: &str, origin: &Origin, why: &str) -> ConfigError {
        match origin {
            Origin::Default => ConfigError(format!("{}: {why}", self.path_of(key))),
            Origin::Flag(names) => ConfigError(format!("{names}: {why}")),
            Origin::File(place) => ConfigError(format!("{place}: {}: {why}", self.path_of(key))),
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn wrong_kind(place: &str, path: &str, expected: &str, found: &DeValue<'_>) -> ConfigError {
    ConfigError(format!("{place}: {path}: expected {expected}, found a value of type {}", found.type_str()))
}
