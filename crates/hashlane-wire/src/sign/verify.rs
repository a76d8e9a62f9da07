//! Verification of a presented signature (signing.md, sections 2 to 4).

use hashlane_job::Timestamp;
use subtle::ConstantTimeEq as _;

use super::canonical::{SignedHost, signature};
use super::presented::Window;
use super::{Fault, Presented};
use crate::RequestHead;

/// Settings of verification.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How many seconds a window may begin in the future. Go and Java begin it at their own "now".
    pub skew_seconds: i64,
    /// Whether the host must be signed. Off by default: an SDK can be told to leave it out, and many samples do
    /// (rule H5); but then the request can be replayed against another bucket of the same key.
    pub require_signed_host: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { skew_seconds: 900, require_signed_host: false }
    }
}

/// Signs in place of a secret that does not exist, so that unknown keys cost the same work as known ones.
const NO_SECRET: &str = "no such key, but the same work";

/// Checks a signature: key, then time, then digest. `secret` is that of the presented key, `None` when it is unknown or
/// disabled. `body_bytes` is the received length, for a signed Content-Length that a proxy dropped (rule H1).
///
/// The work does not depend on whether the key exists, nor on where a wrong signature differs.
///
/// # Errors
/// [`Fault::Unreadable`] when the rules demand a signed Host, [`Fault::UnknownKey`], [`Fault::Expired`],
/// [`Fault::NotYetValid`], [`Fault::WrongDigest`].
pub fn verify(
    head: &RequestHead<'_>,
    presented: &Presented,
    secret: Option<&str>,
    body_bytes: Option<u64>,
    now: Timestamp,
    rules: Rules,
) -> Result<(), Fault> {
    if rules.require_signed_host && !presented.signs_header("host") {
        return Err(Fault::Unreadable);
    }
    let matches = matches(head, presented, secret.unwrap_or(NO_SECRET), body_bytes);
    if secret.is_none() {
        return Err(Fault::UnknownKey);
    }
    check_time([presented.sign_window, presented.key_window], now, rules.skew_seconds)?;
    if !matches {
        return Err(Fault::WrongDigest);
    }
    Ok(())
}

/// Whether the signature is right, for the Host as received or without its port (rule H2).
fn matches(head: &RequestHead<'_>, presented: &Presented, secret: &str, body_bytes: Option<u64>) -> bool {
    [SignedHost::AsReceived, SignedHost::WithoutPort]
        .into_iter()
        .filter_map(|host| signature(head, presented.terms(), secret, host, body_bytes))
        .fold(subtle::Choice::from(0), |any, right| any | right.ct_eq(presented.signature.as_bytes()))
        .into()
}

fn check_time(windows: [Window; 2], now: Timestamp, skew_seconds: i64) -> Result<(), Fault> {
    let now = now.unix_seconds();
    if windows.iter().any(|window| now > window.end) {
        return Err(Fault::Expired);
    }
    if windows.iter().any(|window| now < window.start.saturating_sub(skew_seconds)) {
        return Err(Fault::NotYetValid);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::{authorization, hmac, presented};

    /// Failure rule C4.
    #[test]
    fn an_unknown_key_costs_the_same_work_as_a_wrong_signature_and_as_a_right_one() {
        let head = |value: &'static str| RequestHead {
            method: "GET",
            path: "/a",
            query: "b=c",
            headers: vec![("Host", b"h:1"), ("Authorization", value.as_bytes())],
        };
        let made = authorization(&RequestHead { headers: vec![("Host", b"h:1")], ..head("") }, "AK", "secret", 0, 10);
        let head = head(String::leak(made));
        let presented = presented(&head).expect("readable").expect("signed");
        let check = |secret, now| {
            let before = hmac::MADE.get();
            let now = Timestamp::from_unix_seconds(now);
            let verified = verify(&head, &presented, secret, None, now, Rules::default());
            (verified, hmac::MADE.get() - before)
        };
        let (right, work) = check(Some("secret"), 5);
        assert_eq!(right, Ok(()));
        assert!(work > 0);
        assert_eq!(check(Some("another"), 5), (Err(Fault::WrongDigest), work));
        assert_eq!(check(Some("secret"), 11), (Err(Fault::Expired), work));
        assert_eq!(check(None, 5), (Err(Fault::UnknownKey), work));
        assert_eq!(check(None, 11), (Err(Fault::UnknownKey), work));
    }
}
