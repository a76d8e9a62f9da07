//! Secrets: a text that no log, no error and no `config show` ever prints.

use std::fmt;

/// What is shown in place of a secret.
pub(crate) const REDACTED: &str = "***";

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub(crate) fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself: for signing, for the credentials file, for nothing else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// A URL without its password, for showing.
pub(crate) fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => match parsed.set_password(Some(REDACTED)) {
            Ok(()) => parsed.to_string(),
            Err(()) => REDACTED.to_owned(),
        },
        _ => url.to_owned(),
    }
}

/// A broker's URL for showing: without its password, and without a user name that stands alone, which is a token.
pub(crate) fn without_credentials(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_none() && !parsed.username().is_empty() => {
            match parsed.set_username(REDACTED) {
                Ok(()) => parsed.to_string(),
                Err(()) => REDACTED.to_owned(),
            }
        }
        _ => without_password(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
        assert_eq!(without_password("postgres://u:hunter2@db/x"), "postgres://u:***@db/x");
        assert_eq!(without_password("sqlite:a/b.db"), "sqlite:a/b.db");
        assert_eq!(without_credentials("amqp://u:hunter2@h/%2f"), "amqp://u:***@h/%2f");
        assert_eq!(without_credentials("nats://hunter2@h:4222"), "nats://***@h:4222");
        assert_eq!(without_credentials("nats://h:4222"), "nats://h:4222");
    }
}
