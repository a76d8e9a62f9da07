//! Access: who asks, and whether they may.
//!
//! It promises that nothing is done for a request that this file did not let through: deny by default, in one place, before a
//! byte of the body is read. The checks come in the order of signing.md section 4: parse, key, time, digest, token,
//! permission. The arithmetic of signatures is the wire's, and so are the words of refusals in either dialect.

use std::collections::HashMap;
use std::fmt;

use hashlane_job::Timestamp;
use hashlane_wire::sign::{self, ErrorDialect, Fault, Presented};
use hashlane_wire::{Address, Call, ErrorCode, RequestHead, StorageOperation, WireError};
use subtle::ConstantTimeEq;

use crate::body::RequestBody;
use crate::refusal::Refusal;

/// An access key (`[[key]]`).
#[derive(Clone)]
pub struct AccessKey {
    /// The SecretId, `q-ak` of a signature.
    pub id: String,
    /// The SecretKey.
    pub secret: String,
    /// Of a temporary key: requests must carry it.
    pub token: Option<String>,
    /// Patterns of the buckets it may use; `*` matches any run of characters. Default `["*"]`.
    pub buckets: Vec<String>,
    /// Patterns of the actions it may take (spec section 12): `ci:*`, `cos:GetObject`. Default `["*"]`.
    pub actions: Vec<String>,
}

impl fmt::Debug for AccessKey {
    /// Leaves the secrets out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("temporary", &self.token.is_some())
            .field("buckets", &self.buckets)
            .field("actions", &self.actions)
            .finish_non_exhaustive()
    }
}

/// The doorkeeper of the api.
pub(crate) struct Access {
    keys: HashMap<String, AccessKey>,
    rules: sign::Rules,
    require_signed_body: bool,
    dialect: ErrorDialect,
}

impl Access {
    /// Lets in whoever holds one of the keys, and refuses the others in the words of a dialect.
    pub(crate) fn new(
        keys: Vec<AccessKey>,
        rules: sign::Rules,
        require_signed_body: bool,
        dialect: ErrorDialect,
    ) -> Access {
        let keys = keys.into_iter().map(|key| (key.id.clone(), key)).collect();
        Access { keys, rules, require_signed_body, dialect }
    }

    /// Lets a request through, or says why not. `presented` is what [`sign::presented`] found.
    ///
    /// # Errors
    /// Those of signing.md section 4, and those of reading the body when rule H1 needs its length.
    pub(crate) async fn admit(
        &self,
        head: &RequestHead<'_>,
        presented: Result<Option<Presented>, Fault>,
        body: &mut RequestBody,
        now: Timestamp,
    ) -> Result<&AccessKey, Refusal> {
        let refused = |fault: Fault| Refusal::from(fault.error(self.dialect));
        let presented = presented.map_err(refused)?.ok_or_else(|| refused(Fault::Unsigned))?;
        let key = self.keys.get(&presented.access_key);
        if self.require_signed_body && body.is_some() && !signs_body(head, &presented) {
            return Err(refused(Fault::Unreadable));
        }
        let body_bytes = match signs_missing_length(head, &presented) {
            true => Some(body.read().await?.len() as u64),
            false => None,
        };
        sign::verify(head, &presented, key.map(|key| key.secret.as_str()), body_bytes, now, self.rules)
            .map_err(refused)?;
        check_controls(head, &presented)?;
        // An unknown key never verifies.
        let key = key.ok_or_else(|| refused(Fault::UnknownKey))?;
        if let Some(token) = &key.token {
            let given = presented.token.as_deref().unwrap_or_default();
            if !bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
                return Err(refused(Fault::WrongToken));
            }
        }
        Ok(key)
    }
}

impl AccessKey {
    /// Whether the key may make this call at this address.
    ///
    /// # Errors
    /// 403 `AccessDenied`; 400 `InvalidHost` when the call is about a bucket and none is named.
    pub(crate) fn permit(&self, call: &Call, address: &Address) -> Result<(), Refusal> {
        // A call that does nothing has no action: whoever holds a key may be told so.
        let allowed_otherwise = call.other_action().is_some_and(|action| self.require(action).is_ok());
        if !call.action().is_empty() && !allowed_otherwise {
            self.require(call.action())?;
        }
        match &address.bucket {
            _ if is_about_no_bucket(call) => Ok(()),
            Some(bucket) if self.may_use(bucket) => Ok(()),
            Some(_) => Err(denied()),
            None => Err(Refusal::new(
                ErrorCode::InvalidHost,
                "no bucket can be derived from the Host header, and the server has no default bucket",
            )),
        }
    }

    /// Whether the key may use this bucket: what listings of buckets show.
    pub(crate) fn may_use(&self, bucket: &str) -> bool {
        matches_any(&self.buckets, bucket)
    }

    /// Whether a job that this key submitted may be done: the key must still be allowed to read the bucket, and to write to it when the
    /// digest is to be stored with the object (spec section 12).
    pub fn may_hash(&self, bucket: &str, add_to_header: bool) -> bool {
        self.may_use(bucket)
            && matches_any(&self.actions, READ)
            && (!add_to_header || matches_any(&self.actions, WRITE))
    }

    /// Whether the key may take this action, for calls that do more than their name says.
    ///
    /// # Errors
    /// 403 `AccessDenied`.
    pub(crate) fn require(&self, action: &str) -> Result<(), Refusal> {
        if matches_any(&self.actions, action) { Ok(()) } else { Err(denied()) }
    }
}

/// The actions that a job takes on its object.
pub(crate) const READ: &str = "cos:GetObject";
pub(crate) const WRITE: &str = "cos:PutObject";

/// The listings of services and buckets name no bucket: what they show is filtered by the key.
fn is_about_no_bucket(call: &Call) -> bool {
    matches!(call, Call::ListServices | Call::Storage { operation: StorageOperation::ListBuckets, .. })
}

/// Headers of these kinds change what a request does.
const CONTROLS: [&str; 2] = ["x-cos-", "x-ci-"];

/// Control headers that need no signature: the tokens, which some SDKs add after signing, and the mark of a repeated request.
const UNSIGNED: [&str; 3] = ["x-cos-security-token", "x-ci-security-token", "x-cos-sdk-retry"];

/// Refuses control headers that the signature does not cover (failure rule C2): somebody on the way may have added them.
fn check_controls(head: &RequestHead<'_>, presented: &Presented) -> Result<(), Refusal> {
    for (name, _) in &head.headers {
        let name = name.to_ascii_lowercase();
        let is_control = CONTROLS.iter().any(|kind| name.starts_with(kind)) && !UNSIGNED.contains(&name.as_str());
        if is_control && !presented.signs_header(&name) {
            let message = format!("the header {name} must be signed: add it to q-header-list");
            return Err(Refusal::new(ErrorCode::AccessDenied, message));
        }
    }
    Ok(())
}

fn denied() -> Refusal {
    WireError::access_denied().into()
}

/// Whether the signature covers the body, by its MD5. Every endpoint that reads a body compares it with the header.
fn signs_body(head: &RequestHead<'_>, presented: &Presented) -> bool {
    presented.signs_header("content-md5") && head.header("content-md5").is_some_and(|md5| !md5.is_empty())
}

/// Rule H1 of signing.md: `content-length` was signed, but something on the way dropped the header.
fn signs_missing_length(head: &RequestHead<'_>, presented: &Presented) -> bool {
    head.header("content-length").is_none() && presented.signs_header("content-length")
}

fn matches_any(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, text))
}

/// Whether a pattern matches the whole text; `*` stands for any run of characters, also none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    // Each middle part is taken where it first occurs, which leaves the most to those after it; the last must end the text.
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_a_pattern_matches_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "photos-1250000000", true),
            ("photos-*", "photos-1250000000", true),
            ("photos-*", "photo-1250000000", false),
            ("*-1250000000", "photos-1250000000", true),
            ("*-1250000000", "photos-1250000001", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("ci:*", "ci:CreateFileProcessJobs", true),
            ("ci:*", "cos:GetObject", false),
            ("cos:GetObject", "cos:GetObject", true),
            ("cos:GetObject", "cos:GetObjectX", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// Failure rule E7.
    #[test]
    fn the_secret_of_a_key_is_not_printed() {
        let key = AccessKey {
            id: "AKIDexample".into(),
            secret: "hush".into(),
            token: Some("hush".into()),
            buckets: vec![],
            actions: vec![],
        };
        assert!(!format!("{key:?}").contains("hush"));
    }
}
