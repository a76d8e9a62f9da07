//! One setting: its value as TOML and where it came from; and what is said when it is wrong.

use std::cell::RefCell;
use std::fmt;

/// What is wrong with the configuration: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError(pub(crate) String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// A flag, or the environment variable of the same meaning.
    Flag(&'static str),
    /// `FILE:LINE`.
    File(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Flag(names) => f.write_str(names),
            Origin::File(place) => f.write_str(place),
        }
    }
}

/// A value that a flag or its environment variable gave.
pub(crate) struct Given<'a> {
    /// The text; an empty one counts as not given, so that a variable can be switched off.
    pub(crate) text: Option<&'a str>,
    /// `--listen or HASHLANE_LISTEN`.
    pub(crate) names: &'static str,
}

/// The kind of TOML value that a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A string with a unit, or a whole number.
    Quantity,
}

/// One effective setting, for `config show`.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The header it stands under: empty, `[worker]`, `[[bucket]]`.
    pub(crate) header: String,
    /// Tells neighbouring `[[bucket]]` tables apart.
    pub(crate) table: usize,
    /// The key.
    pub(crate) key: String,
    /// The value as TOML.
    pub(crate) value: String,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// The settings read so far.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(super) settings: RefCell<Vec<Setting>>,
    pub(super) tables: RefCell<usize>,
}

impl Record {
    /// All settings in the order of asking.
    pub(crate) fn into_settings(self) -> Vec<Setting> {
        self.settings.into_inner()
    }
}

/// A text as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
