//! Settings of features that this version does not have yet.
//!
//! Promises: none is ignored in silence. Where going on would be wrong or unsafe (jobs in another store, buckets
//! without objects) `serve` refuses; elsewhere it logs what the setting would have done.

use super::document::Section;

/// One configured feature that is not part of this version.
#[derive(Debug, Clone)]
pub(crate) struct Later {
    /// The whole sentence.
    pub(crate) text: String,
    /// Whether `serve` must not start.
    pub(crate) refused: bool,
}

impl Later {
    /// A setting without which the service would do something wrong or unsafe.
    pub(super) fn refused(table: &Section<'_>, key: &str, danger: &str) -> Later {
        let place = table.place_of(key).map(|place| format!("{place}: ")).unwrap_or_default();
        let name = table.name_of(key);
        let text = format!("{place}{name} asks for a feature that this version does not have yet; {danger}: remove it");
        Later { text, refused: true }
    }

    /// The same for a flag.
    pub(super) fn refused_flag(flag: &str, danger: &str) -> Later {
        let text = format!("{flag} asks for a feature that this version does not have yet; {danger}: remove it");
        Later { text, refused: true }
    }

    /// A setting without which the service merely lacks something; it counts only when the file has it.
    pub(super) fn ignored(table: &Section<'_>, key: &str, consequence: &str, later: &mut Vec<Later>) {
        if let Some(place) = table.place_of(key) {
            let name = table.name_of(key);
            let text = format!("{place}: {name} has no effect in this version: {consequence}");
            later.push(Later { text, refused: false });
        }
    }
}
