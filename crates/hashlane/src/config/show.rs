//! The effective configuration as TOML, each value with where it came from.

use super::setting::{Setting, quoted};

/// The column at which the origins start, where the value is short enough.
const ORIGIN_COLUMN: usize = 48;

/// Prints the settings: those without a header first, as TOML demands.
pub(super) fn print(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut table = None;
    let (top, under_headers): (Vec<_>, Vec<_>) = settings.iter().partition(|setting| setting.header.is_empty());
    for setting in top.into_iter().chain(under_headers) {
        if !setting.header.is_empty() && table != Some(setting.table) {
            table = Some(setting.table);
            text.push_str(&format!("\n{}\n", setting.header));
        }
        let bare = setting.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let key = if bare { setting.key.clone() } else { quoted(&setting.key) };
        let line = format!("{key} = {}", setting.value);
        text.push_str(&format!("{line:ORIGIN_COLUMN$}  # {}\n", setting.origin));
    }
    text
}
