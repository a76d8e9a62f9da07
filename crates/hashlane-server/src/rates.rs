//! Rates: how many requests an access key may make in a second (`limits.requests_per_second`).
//!
//! It promises that a key that asks for more is told to come back before its body is read, that other keys do not feel it, and that
//! requests without a valid signature spend nothing of a key. There is one allowance for each configured key, so that
//! memory does not grow with what clients send.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hashlane_job::Timestamp;

use crate::refusal::Refusal;

/// What one request costs. With it as unit, a rate of n a second gives n of these a millisecond, without fractions.
const REQUEST: u64 = 1000;

/// The allowances of all keys.
pub(crate) struct Rates {
    /// Requests in a second, which is also how many may come at once; 0 is no limit.
    per_second: u64,
    keys: HashMap<String, Mutex<Allowance>>,
}

/// What a key has left, in parts of a request.
struct Allowance {
    left: u64,
    at: Timestamp,
}

impl Rates {
    /// Full allowances for these keys.
    pub(crate) fn new<'a>(per_second: u32, keys: impl Iterator<Item = &'a str>, now: Timestamp) -> Rates {
        let per_second = u64::from(per_second);
        let full = || Mutex::new(Allowance { left: per_second * REQUEST, at: now });
        Rates { per_second, keys: keys.map(|key| (key.to_owned(), full())).collect() }
    }

    /// Takes one request from the allowance of a key.
    ///
    /// # Errors
    /// 503 `SlowDown` when nothing is left. Its `Retry-After` of a second always suffices for one request.
    pub(crate) fn spend(&self, key: &str, now: Timestamp) -> Result<(), Refusal> {
        if self.per_second == 0 {
            return Ok(());
        }
        let Some(allowance) = self.keys.get(key) else { return Ok(()) };
        let mut allowance = allowance.lock().unwrap_or_else(PoisonError::into_inner);
        let passed_ms = u64::try_from(now.since(allowance.at).as_millis()).unwrap_or(u64::MAX);
        // A clock that was set back gives nothing for that, and goes on from there.
        allowance.at = now;
        let gained = passed_ms.saturating_mul(self.per_second);
        allowance.left = allowance.left.saturating_add(gained).min(self.per_second * REQUEST);
        match allowance.left.checked_sub(REQUEST) {
            Some(left) => {
                allowance.left = left;
                Ok(())
            }
            None => {
                metrics::counter!("hashlane_rate_refusals_total").increment(1);
                Err(Refusal::slow_down("this access key makes too many requests, please try again later", None))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_set_back_neither_blocks_a_key_nor_gives_it_more() {
        let start = Timestamp::from_unix_seconds(1_700_000_000);
        let rates = Rates::new(2, ["a"].into_iter(), start);
        assert!(rates.spend("a", start).is_ok() && rates.spend("a", start).is_ok());
        let earlier = Timestamp::from_unix_seconds(1_600_000_000);
        assert!(rates.spend("a", earlier).is_err());
        assert!(rates.spend("a", earlier.plus(Duration::from_millis(499))).is_err());
        assert!(rates.spend("a", earlier.plus(Duration::from_millis(500))).is_ok());
    }
}
