//! Signatures: reading and verifying say the same as a second implementation, for any request; what our signer makes is
//! verified; and after a change to a signed part nothing is.
//!
//! Key, clock and captures fit together, so that many inputs start as requests whose signature is right.
#![no_main]

use hashlane_fuzz::reading::{fields, form_decoded};
use hashlane_fuzz::signer::Signature;
use hashlane_fuzz::{Request, bounded};
use hashlane_job::Timestamp;
use hashlane_wire::sign::{self, Fault, Rules};
use libfuzzer_sys::fuzz_target;

const ACCESS_KEY: &str = "AKIDEXAMPLEexampleEXAMPLEexample0001";
const SECRET: &str = "ExampleSecretKeyExampleSecretKey01";
const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
/// The window of what is signed here.
const WINDOW: (i64, i64) = (1_699_999_940, 1_700_000_300);

fuzz_target!(|input: &[u8]| {
    let request = Request::read(input);
    let body_bytes = input.len().is_multiple_of(2).then_some(375);
    check(&request, body_bytes, input.len());
    check_other_keys_and_times(&request);

    let mut unsigned = request;
    unsigned.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
    unsigned.query = unsigned_query(&unsigned.query);
    // A verification takes 256 names at most.
    if unsigned.headers.len() > 200 || unsigned.query.split('&').count() > 200 {
        return;
    }
    let (begin, end) = WINDOW;

    let mut signed = unsigned.clone();
    let authorization = sign::authorization(&unsigned.head(), ACCESS_KEY, SECRET, begin, end);
    signed.headers.push(("Authorization".into(), authorization.into_bytes()));
    assert!(check(&signed, None, input.len()), "what we sign is not verified");
    check_changed(&signed, input);

    let mut presigned = unsigned;
    let fields = sign::presigned_query(&presigned.head(), ACCESS_KEY, SECRET, begin, end);
    presigned.query = format!("{fields}&{}", presigned.query);
    assert!(check(&presigned, None, input.len()), "what we presign is not verified");
    check_changed(&presigned, input);
});

/// Verifies a request and compares with the second implementation. Returns whether it is verified.
fn check(request: &Request, body_bytes: Option<u64>, input_bytes: usize) -> bool {
    let head = request.head();
    let presented = bounded(input_bytes, || sign::presented(&head));
    let Ok(Some(presented)) = presented else {
        let has = |name: &str| request.values(name).iter().any(|value| !value.is_empty());
        assert!(
            has("authorization") || presented.is_err() || !has_signature(&request.query),
            "a signature is overlooked"
        );
        return false;
    };
    let rules = Rules { skew_seconds: 900, require_signed_host: false };
    let verified = bounded(input_bytes, || sign::verify(&head, &presented, Some(SECRET), body_bytes, NOW, rules));
    let theirs = Signature::read(request);
    let is_right = theirs.is_right(request, SECRET, body_bytes);
    match verified {
        Ok(()) => assert!(is_right, "verified, but not signed with the key: {theirs:?}"),
        Err(Fault::WrongDigest) => assert!(!is_right, "refused, but signed with the key: {theirs:?}"),
        // Which comes before the digest.
        Err(fault) => assert!(matches!(fault, Fault::Expired | Fault::NotYetValid), "{fault:?}"),
    }
    verified.is_ok()
}

/// Nothing is verified by another key, by none, or long before and after.
fn check_other_keys_and_times(request: &Request) {
    let head = request.head();
    let Ok(Some(presented)) = sign::presented(&head) else { return };
    let verify = |secret, now| sign::verify(&head, &presented, secret, None, now, Rules::default());
    assert_eq!(verify(None, NOW), Err(Fault::UnknownKey));
    for (secret, seconds) in [("another secret", NOW.unix_seconds()), (SECRET, i64::MIN / 2000)] {
        assert!(verify(Some(secret), Timestamp::from_unix_seconds(seconds)).is_err());
    }
}

/// Changes a byte somewhere. When that changes what is signed, it must not be verified any more.
fn check_changed(signed: &Request, input: &[u8]) {
    // Any function of the input will do; the fuzzer goes through its values.
    let mut choice = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    let mut choose = |end: usize| {
        choice = choice.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (choice >> 33) as usize % end.max(1)
    };
    let mut changed = signed.clone();
    match choose(4) {
        0 => flip_text(&mut changed.path, &mut choose),
        1 => flip_text(&mut changed.query, &mut choose),
        2 => flip_text(&mut changed.method, &mut choose),
        _ => {
            let at = choose(changed.headers.len());
            if let Some((_, value)) = changed.headers.get_mut(at).filter(|(_, value)| !value.is_empty()) {
                let at = choose(value.len());
                value[at] ^= 1 << choose(8);
            }
        }
    }
    let verified = check(&changed, None, input.len());
    let (before, after) = (Signature::read(signed), Signature::read(&changed));
    let same = before == after && before.covered(signed, None).first() == after.covered(&changed, None).first();
    // A port that is added to the Host or taken off it is the one change that is let through.
    let only_the_port =
        before == after && before.covered(signed, None).iter().any(|was| after.covered(&changed, None).contains(was));
    assert!(!verified || same || only_the_port, "a signed part was changed from {signed:?} to {changed:?}");
}

fn flip_text(text: &mut String, choose: &mut impl FnMut(usize) -> usize) {
    let mut bytes = std::mem::take(text).into_bytes();
    let at = choose(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << choose(8);
    }
    *text = String::from_utf8_lossy(&bytes).into_owned();
}

fn has_signature(query: &str) -> bool {
    fields(query).iter().any(|(name, _)| form_decoded(name) == b"q-signature")
}

/// Without the fields of a signature, in any letter case: names are signed in lower case, so that those of a presigned URL
/// would be there twice and listed once.
fn unsigned_query(query: &str) -> String {
    let keep = |field: &&str| {
        let name = field.split('=').next().unwrap_or_default();
        !form_decoded(name).to_ascii_lowercase().starts_with(b"q-")
    };
    query.split('&').filter(keep).collect::<Vec<_>>().join("&")
}
