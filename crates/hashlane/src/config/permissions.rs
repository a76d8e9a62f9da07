//! Files with secrets that others on this machine can read.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::secret::REDACTED;
use super::setting::{Origin, Setting};

/// One sentence for each such file: the configuration when a secret stands in it, and the files that it names.
pub(super) fn exposed(file: Option<&Path>, settings: &[Setting]) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut look = |path: &Path| {
        let mode = std::fs::metadata(path).map(|facts| facts.permissions().mode()).unwrap_or(0);
        if mode & 0o077 != 0 {
            let (path, mode) = (path.display(), mode & 0o777);
            sentences.push(format!("{path} holds a secret and has mode {mode:04o}: run `chmod 600 {path}`"));
        }
    };
    let inline = |setting: &&Setting| setting.value.contains(REDACTED) && matches!(setting.origin, Origin::File(_));
    if let Some(path) = file.filter(|_| settings.iter().any(|setting| inline(&setting))) {
        look(path);
    }
    // Certificates are for everybody.
    let holds_secret = |setting: &&Setting| setting.key.ends_with("_file") && setting.key != "ca_file";
    for setting in settings.iter().filter(holds_secret) {
        if let Ok(toml::Value::String(path)) = setting.value.parse::<toml::Value>() {
            look(Path::new(&path));
        }
    }
    sentences
}
