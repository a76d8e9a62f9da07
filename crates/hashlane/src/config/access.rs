//! Access keys and other secrets of the configuration: `secret`, `secret_file` or `secret_env`, one of the three.

use std::path::PathBuf;

use super::address::word;
use super::document::Section;
use super::secret::{REDACTED, Secret};
use super::setting::{ConfigError, Kind};

/// One `[[key]]`.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// The access key.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: Secret,
    /// Of a temporary key: what requests must carry.
    pub(crate) token: Option<Secret>,
    /// Patterns of bucket names.
    pub(crate) buckets: Vec<String>,
    /// Patterns of actions.
    pub(crate) actions: Vec<String>,
}

impl Key {
    /// Reads one `[[key]]` table.
    pub(crate) fn read(table: Section<'_>) -> Result<Key, ConfigError> {
        let key = Key {
            id: table.read_required("id", Kind::Text, word)?,
            secret: read_secret(&table, "secret")?
                .ok_or_else(|| table.incomplete("has no secret: give it as `secret`, `secret_file` or `secret_env`"))?,
            token: read_secret(&table, "token")?,
            buckets: table.read_list("buckets", &["*"], word)?,
            actions: table.read_list("actions", &["*"], word)?,
        };
        table.close()?;
        Ok(key)
    }
}

/// Reads the secret `name`: the text itself, a file that holds it, or the environment variable that does. A file's last
/// line end is not part of it.
pub(crate) fn read_secret(table: &Section<'_>, name: &str) -> Result<Option<Secret>, ConfigError> {
    let (file_key, env_key) = (format!("{name}_file"), format!("{name}_env"));
    let given: Vec<&str> = [name, &file_key, &env_key].into_iter().filter(|key| table.has(key)).collect();
    if let [first, second, ..] = given[..] {
        return Err(table.wrong_key(second, &format!("`{first}` is given too: keep one of them")));
    }
    if let Some(text) =
        table.read_optional(name, Kind::Text, |text| printable(text).map_err(|why| format!("it {why}")))?
    {
        table.show_instead(name, REDACTED);
        return Ok(Some(text));
    }
    let from_file = table.read_optional(&file_key, Kind::Text, |text| {
        let path = PathBuf::from(text);
        let read =
            std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        printable(read.trim_end_matches(['\r', '\n'])).map_err(|why| format!("the secret in {} {why}", path.display()))
    })?;
    if from_file.is_some() {
        return Ok(from_file);
    }
    table.read_optional(&env_key, Kind::Text, |variable| match std::env::var(variable) {
        Ok(text) => printable(&text).map_err(|why| format!("the secret in {variable} {why}")),
        Err(_) => Err(format!("the environment variable {variable} is not set")),
    })
}

/// The secret, when a header could carry it; the refusal does not repeat it.
pub(super) fn printable(text: &str) -> Result<Secret, String> {
    word(text).map(Secret::new).map_err(|_| "is empty, or not printable ASCII without blanks".into())
}
