//! `PUT /file_queue/<id>`, the request (spec section 4): parsed by servers, printed by clients.
//!
//! Everything is checked before anything is changed. NotifyConfig is replaced as a whole. The id in the body, which some
//! SDKs send, is passed over: that of the path counts.

use hashlane_job::Notify;

use super::NotifyDetail;
use crate::xml::{self, Limits, Writer};
use crate::{ErrorCode, WireError};

/// The longest name, in characters.
const NAME_CHARACTERS_MAX: usize = 128;

/// An update, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUpdate {
    /// 1 to 128 Chinese characters, letters A to Z in either case, digits, `_`, `-` and `*`.
    pub name: String,
    /// Whether its State is Paused.
    pub paused: bool,
    /// Its NotifyConfig.
    pub notify: Notify,
}

impl QueueUpdate {
    /// Checks a body.
    ///
    /// # Errors
    /// `MissingContent` when it is empty, `InvalidContent` when it is not well-formed XML with the root `Request`,
    /// `InvalidArgument` when the value of a field is missing or not allowed.
    pub fn parse(body: &[u8]) -> Result<QueueUpdate, WireError> {
        if body.is_empty() {
            return Err(WireError::new(ErrorCode::MissingContent, "the request needs an XML body"));
        }
        let root = xml::parse(body, Limits::REQUEST)?;
        if root.name() != "Request" {
            return Err(WireError::content("the root of the XML must be Request"));
        }
        let missing = |name: &str| WireError::argument(format!("{name} is missing or empty"));
        let name = root.word_of("Name")?.ok_or_else(|| missing("Name"))?;
        QueueUpdate::check_name(name)?;
        let paused = match root.word_of("State")?.map(str::to_ascii_lowercase).as_deref() {
            Some("active") => false,
            Some("paused") => true,
            Some(_) => return Err(WireError::argument("State must be Active or Paused")),
            None => return Err(missing("State")),
        };
        let config = root.child("NotifyConfig")?.ok_or_else(|| missing("NotifyConfig"))?;
        Ok(QueueUpdate { name: name.to_owned(), paused, notify: NotifyDetail::read(config)?.check()? })
    }

    /// Refuses a text that cannot be the name of a queue.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub fn check_name(name: &str) -> Result<(), WireError> {
        let fits = |character: char| {
            character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '*') || is_han(character)
        };
        let length = name.chars().count();
        if (1..=NAME_CHARACTERS_MAX).contains(&length) && name.chars().all(fits) {
            return Ok(());
        }
        Err(WireError::argument(format!(
            "Name must be 1 to {NAME_CHARACTERS_MAX} Chinese characters, letters A to Z, digits, underscores, dashes or asterisks"
        )))
    }

    /// The body, as a client sends it.
    pub fn print(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.open("Request");
        out.leaf("Name", &self.name);
        out.leaf("State", if self.paused { "Paused" } else { "Active" });
        NotifyDetail::of(&self.notify).write(&mut out);
        out.close("Request");
        out.finish()
    }
}

/// Whether a character is of the Han script (Unicode 17, Scripts.txt).
fn is_han(character: char) -> bool {
    matches!(
        u32::from(character),
        0x2e80..=0x2e99
            | 0x2e9b..=0x2ef3
            | 0x2f00..=0x2fd5
            | 0x3005
            | 0x3007
            | 0x3021..=0x3029
            | 0x3038..=0x303b
            | 0x3400..=0x4dbf
            | 0x4e00..=0x9fff
            | 0xf900..=0xfa6d
            | 0xfa70..=0xfad9
            | 0x16fe2..=0x16fe3
            | 0x16ff0..=0x16ff6
            | 0x20000..=0x2a6df
            | 0x2a700..=0x2b81d
            | 0x2b820..=0x2cead
            | 0x2ceb0..=0x2ebe0
            | 0x2ebf0..=0x2ee5d
            | 0x2f800..=0x2fa1d
            | 0x30000..=0x3134a
            | 0x31350..=0x33479
    )
}
