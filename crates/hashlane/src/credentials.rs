//! `credentials.toml` of a data directory: the key pair made at first start, and where the service answers.
//!
//! Promises: the pair stays the same over restarts; the file is replaced in one step and readable by its owner only.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Secret;
use crate::failure::Failure;

const FILE: &str = "credentials.toml";
const ID_PREFIX: &str = "AKID";
const RANDOM_CHARACTERS: usize = 32;

/// What the file says.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// `http://127.0.0.1:8480`
    pub(crate) endpoint: String,
    /// The bucket that client commands use.
    pub(crate) bucket: String,
    /// Its region.
    pub(crate) region: String,
    /// The access key.
    pub(crate) secret_id: String,
    /// Its secret.
    pub(crate) secret_key: Secret,
    /// Absent when the admin listener is off.
    pub(crate) admin_endpoint: Option<String>,
}

/// The file as it stands; what a newer version adds is left alone by older clients.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    bucket: String,
    #[serde(default)]
    region: String,
    secret_id: String,
    secret_key: String,
    admin_endpoint: Option<String>,
}

/// The path of the file in a data directory.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

impl Credentials {
    /// Reads the file; `None` when there is none.
    pub(crate) fn read(data_dir: &Path) -> Result<Option<Credentials>, Failure> {
        let path = path(data_dir);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(Failure::cannot(format!("cannot read {}: {error}", path.display()))),
        };
        // The parser's own display quotes the line, which may hold the secret: only its message is told.
        let stored: Stored = toml::from_str(&text).map_err(|error| {
            let (path, message) = (path.display(), error.message());
            Failure::cannot(format!("{path}: {message}; mend it, or delete it to have a new key pair made"))
        })?;
        Ok(Some(Credentials {
            endpoint: stored.endpoint,
            bucket: stored.bucket,
            region: stored.region,
            secret_id: stored.secret_id,
            secret_key: Secret::new(stored.secret_key),
            admin_endpoint: stored.admin_endpoint,
        }))
    }

    /// A fresh key pair: `AKID` and 32 characters, and 32 characters of secret, 190 bits of chance.
    pub(crate) fn fresh_pair() -> Result<(String, Secret), Failure> {
        Ok((format!("{ID_PREFIX}{}", random_text()?), Secret::new(random_text()?)))
    }

    /// Writes the file in one step: a reader sees the old one or the new one, and nobody else sees either.
    pub(crate) fn write(&self, data_dir: &Path) -> Result<(), Failure> {
        let target = path(data_dir);
        let draft = data_dir.join(format!("{FILE}.{}.new", std::process::id()));
        let result = (|| {
            let _ = fs::remove_file(&draft);
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all(self.print().as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &target)?;
            fs::File::open(data_dir)?.sync_all()
        })();
        result.map_err(|error| {
            let _ = fs::remove_file(&draft);
            Failure::cannot(format!("cannot write {}: {error}", target.display()))
        })
    }

    fn print(&self) -> String {
        let line = |key: &str, value: &str| format!("{key} = {}\n", toml::Value::String(value.to_owned()));
        let mut text = String::from(
            "# Made by `hashlane serve`. The key pair stays as it is; the addresses are rewritten at each start.\n",
        );
        text += &line("endpoint", &self.endpoint);
        text += &line("bucket", &self.bucket);
        text += &line("region", &self.region);
        text += &line("secret_id", &self.secret_id);
        text += &line("secret_key", self.secret_key.reveal());
        if let Some(admin_endpoint) = &self.admin_endpoint {
            text += &line("admin_endpoint", admin_endpoint);
        }
        text
    }
}

/// Random letters and digits, each of the 62 equally likely: bytes that would favour some are thrown away.
fn random_text() -> Result<String, Failure> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(RANDOM_CHARACTERS);
    let mut bytes = [0; 64];
    while text.len() < RANDOM_CHARACTERS {
        getrandom::fill(&mut bytes)
            .map_err(|error| Failure::cannot(format!("the system gives no random bytes for a key pair: {error}")))?;
        let fair = bytes.iter().map(|byte| usize::from(byte >> 2)).filter(|index| *index < LETTERS.len());
        text.extend(fair.map(|index| char::from(LETTERS[index])).take(RANDOM_CHARACTERS - text.len()));
    }
    Ok(text)
}
