//! Request ids and trace ids (spec section 1).
//!
//! Ids name answers in logs and support cases. They are unique, not secret: nothing may be allowed for knowing one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashlane_job::Timestamp;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Random bits that tell one process from another.
fn process() -> u64 {
    static PROCESS: OnceLock<u64> = OnceLock::new();
    *PROCESS.get_or_init(|| {
        let mut bytes = [0; 8];
        match getrandom::fill(&mut bytes) {
            Ok(()) => u64::from_be_bytes(bytes),
            // An answer without a unique id is better than no answer: the process id has to do.
            Err(_) => u64::from(std::process::id()),
        }
    })
}

/// A fresh request id: base64 of `<unix seconds>_<8 digits>_<digits>_<digits>`, all hex, as the original makes them.
pub fn request_id(now: Timestamp) -> String {
    let (process, number) = (process(), NEXT.fetch_add(1, Ordering::Relaxed));
    let seconds = now.unix_seconds();
    STANDARD.encode(format!("{seconds:x}_{:08x}_{:x}_{number:x}", process >> 32, process & 0xffff))
}

/// A fresh trace id: base64 of hex digits, like the original's and as opaque.
pub fn trace_id(now: Timestamp) -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    STANDARD.encode(format!("{:016x}{:016x}{number:016x}", now.unix_millis(), process()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_base64_of_four_hex_fields_of_which_the_first_is_the_time() {
        let bytes = STANDARD.decode(request_id(Timestamp::from_unix_seconds(0x62f3_6109))).expect("it is base64");
        let text = String::from_utf8(bytes).expect("it is text");
        let fields: Vec<&str> = text.split('_').collect();
        assert_eq!((fields.len(), fields[0], fields[1].len()), (4, "62f36109", 8), "{text}");
        assert!(fields.iter().all(|field| u64::from_str_radix(field, 16).is_ok()), "{text}");
    }

    #[test]
    fn no_two_ids_of_one_instant_are_the_same() {
        let now = Timestamp::from_unix_seconds(1_700_000_000);
        let ids: std::collections::HashSet<String> =
            (0..1_000).flat_map(|_| [request_id(now), trace_id(now)]).collect();
        assert_eq!(ids.len(), 2_000);
    }
}
