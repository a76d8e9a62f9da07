//! Signatures of callbacks (Standard Webhooks 1.0.0, symmetric scheme; failure rule D8).
//!
//! Promises: HMAC-SHA256 over `<id>.<timestamp>.<body>`, one signature for each secret, so that a receiver verifies with
//! the old or the new one while they are being exchanged. A secret never prints itself, and an error never repeats it.
//! Which requests are signed, and verifying, is not here.

use std::collections::HashMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashlane_job::BucketName;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What a secret begins with; libraries of receivers take it with and without.
const PREFIX: &str = "whsec_";
/// The bounds of the standard, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that sender and receiver share: `whsec_` and base64 of 24 to 64 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl SigningSecret {
    /// Reads a secret.
    ///
    /// # Errors
    /// What is wrong with it, without a word of it.
    pub fn parse(text: &str) -> Result<SigningSecret, String> {
        let key = STANDARD
            .decode(text.strip_prefix(PREFIX).unwrap_or(text))
            .map_err(|_| "is not `whsec_` and base64: make one with `echo whsec_$(openssl rand -base64 32)`")?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(format!(
                "has {} bytes, a secret for signing has {} to {}: make one with `echo whsec_$(openssl rand -base64 32)`",
                key.len(),
                KEY_BYTES.start(),
                KEY_BYTES.end()
            ));
        }
        Ok(SigningSecret(key))
    }

    fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// What requests are signed with, by the bucket of their job.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) all: Vec<SigningSecret>,
    /// Those of a bucket stand in place of the others, so that no receiver of another bucket can sign as this one.
    pub(crate) buckets: HashMap<BucketName, Vec<SigningSecret>>,
}

impl Secrets {
    pub(crate) fn of(&self, bucket: &BucketName) -> &[SigningSecret] {
        self.buckets.get(bucket).unwrap_or(&self.all)
    }
}

/// Adds the three headers, unless there is no secret. The id is that of the event, the same over retries; the time is that
/// of the attempt.
pub(crate) fn add_signature(
    headers: &mut HeaderMap,
    secrets: &[SigningSecret],
    id: &str,
    now: SystemTime,
    body: &[u8],
) -> Result<(), http::Error> {
    if secrets.is_empty() {
        return Ok(());
    }
    let timestamp = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
    headers.insert(WEBHOOK_ID, HeaderValue::try_from(id)?);
    headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(timestamp));
    headers.insert(WEBHOOK_SIGNATURE, HeaderValue::try_from(signatures.join(" "))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The example that the libraries of Standard Webhooks are tested with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn signed(secrets: &[&str]) -> HeaderMap {
        let secrets: Vec<_> = secrets.iter().map(|text| SigningSecret::parse(text).expect("a secret")).collect();
        let mut headers = HeaderMap::new();
        let now = UNIX_EPOCH + Duration::from_millis(1_614_265_330_999);
        let body = br#"{"test": 2432232314}"#;
        add_signature(&mut headers, &secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", now, body).expect("headers");
        headers
    }

    #[test]
    fn the_signature_is_the_one_of_the_standards_own_example() {
        let headers = signed(&[SECRET]);
        assert_eq!(headers["webhook-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs_and_none_means_no_headers() {
        let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let both = signed(&[other, SECRET]);
        let expected = format!(
            "{} {}",
            signed(&[other])["webhook-signature"].to_str().expect("text"),
            signed(&[SECRET])["webhook-signature"].to_str().expect("text")
        );
        assert_eq!(both["webhook-signature"], expected);
        assert!(signed(&[]).is_empty());
    }

    #[test]
    fn a_secret_is_24_to_64_bytes_and_no_error_repeats_it() {
        for (text, fits) in [
            (SECRET.to_owned(), true),
            (SECRET.trim_start_matches("whsec_").to_owned(), true),
            (format!("whsec_{}", STANDARD.encode([7; 64])), true),
            (format!("whsec_{}", STANDARD.encode([7; 65])), false),
            (format!("whsec_{}", STANDARD.encode([7; 23])), false),
            ("whsec_".into(), false),
            ("hunter2".into(), false),
            ("whsec_hunter2!".into(), false),
        ] {
            match SigningSecret::parse(&text) {
                Ok(secret) => assert!(fits && format!("{secret:?}") == "***", "{text}"),
                Err(why) => assert!(!fits && !why.contains("hunter2"), "{text}: {why}"),
            }
        }
    }
}
