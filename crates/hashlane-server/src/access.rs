//! Access: who asks, and whether they may.
//!
//! It promises that nothing is done for a request that this file did not let through: deny by default, in one place, before a
//! byte of the body is read. The checks come in the order of signing.md section 4: parse, key, time, digest, token,
//! permission. The arithmetic of signatures is the wire's.

use std::collections::HashMap;
use std::fmt;

use hashlane_job::Timestamp;
use hashlane_wire::sign::{self, Presented};
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
}

impl Access {
    /// Lets in whoever holds one of the keys.
    pub(crate) fn new(keys: Vec<AccessKey>, rules: sign::Rules) -> Access {
        Access { keys: keys.into_iter().map(|key| (key.id.clone(), key)).collect(), rules }
    }

    /// Lets a request through, or says why not. `presented` is what [`sign::presented`] found.
    ///
    /// # Errors
    /// Those of signing.md section 4, and those of reading the body when rule H1 needs its length.
    pub(crate) async fn admit(
        &self,
        head: &RequestHead<'_>,
        presented: Option<Presented>,
        body: &mut RequestBody,
        now: Timestamp,
    ) -> Result<&AccessKey, Refusal> {
        let presented = presented.ok_or_else(denied)?;
        let key = self.keys.get(&presented.access_key);
        let body_bytes = match signs_missing_length(head, &presented) {
            true => Some(body.read().await?.len() as u64),
            false => None,
        };
        sign::verify(head, &presented, key.map(|key| key.secret.as_str()), body_bytes, now, self.rules)?;
        // An unknown key never verifies.
        let key = key.ok_or_else(denied)?;
        if let Some(token) = &key.token {
            let given = presented.token.as_deref().unwrap_or_default();
            if !bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
                return Err(denied());
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
        if !call.action().is_empty() && !matches_any(&self.actions, call.action()) {
            return Err(denied());
        }
        match &address.bucket {
            _ if is_about_no_bucket(call) => Ok(()),
            Some(bucket) if matches_any(&self.buckets, bucket) => Ok(()),
            Some(_) => Err(denied()),
            None => Err(Refusal::new(
                ErrorCode::InvalidHost,
                "no bucket can be derived from the Host header, and the server has no default bucket",
            )),
        }
    }
}

/// The listings of services and buckets name no bucket: what they show is filtered by the key.
fn is_about_no_bucket(call: &Call) -> bool {
    matches!(call, Call::ListServices | Call::Storage { operation: StorageOperation::ListBuckets, .. })
}

fn denied() -> Refusal {
    WireError::access_denied().into()
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
