//! Settings of features that this version does not have yet.
//!
//! Promises: none is ignored in silence. Going on would be wrong or unsafe (jobs in another store, buckets without objects), so
//! `serve` refuses.

use super::document::Section;

/// One configured feature that is not part of this version.
#[derive(Debug, Clone)]
pub(crate) struct Later {
    /// The whole sentence.
    pub(crate) text: String,
}

impl Later {
    /// A setting without which the service would do something wrong or unsafe.
    pub(super) fn refused(table: &Section<'_>, key: &str, danger: &str) -> Later {
        let place = table.place_of(key).map(|place| format!("{place}: ")).unwrap_or_default();
        let name = table.name_of(key);
        let text = format!("{place}{name} asks for a feature that this version does not have yet; {danger}: remove it");
        Later { text }
    }

    /// The same for a flag.
    pub(super) fn refused_flag(flag: &str, danger: &str) -> Later {
        let text = format!("{flag} asks for a feature that this version does not have yet; {danger}: remove it");
        Later { text }
    }
}
