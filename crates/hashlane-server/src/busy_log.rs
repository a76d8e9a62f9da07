//! The log of refusals for being busy: a line a minute for each reason (failure rule A14).
//!
//! A server that refuses thousands of requests a second must not fill the disk with telling so; the metrics count them all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(60);
/// There are fewer reasons than this in the program; what is beyond shares one place.
const REASONS_MAX: usize = 32;
const OTHERS: &str = "other reasons";

/// When each reason was last told, and how often it came up since.
#[derive(Debug, Default)]
pub(crate) struct BusyLog {
    told: Mutex<HashMap<String, (Instant, u64)>>,
}

impl BusyLog {
    /// How many refusals for this reason were left out since the last line, when it is time for a line.
    pub(crate) fn due(&self, reason: &str, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = if told.len() < REASONS_MAX || told.contains_key(reason) { reason } else { OTHERS };
        if let Some((last, left_out)) = told.get_mut(reason) {
            if now.duration_since(*last) < PAUSE {
                *left_out += 1;
                return None;
            }
            *last = now;
            return Some(std::mem::take(left_out));
        }
        told.insert(reason.to_owned(), (now, 0));
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure rule A14: no flood of lines.
    #[test]
    fn a_reason_has_one_line_a_minute_which_tells_how_many_were_left_out() {
        let (log, start) = (BusyLog::default(), Instant::now());
        assert_eq!(log.due("full", start), Some(0));
        for number in 0..1000 {
            assert_eq!(log.due("full", start + Duration::from_millis(number * 59)), None);
        }
        assert_eq!(log.due("rate", start), Some(0), "another reason has its own line");
        assert_eq!(log.due("full", start + PAUSE), Some(1000));
        assert_eq!(log.due("full", start + PAUSE * 3), Some(0));
    }

    #[test]
    fn reasons_without_number_take_no_memory() {
        let (log, start) = (BusyLog::default(), Instant::now());
        let lines = (0..10_000).filter(|number| log.due(&format!("reason {number}"), start).is_some()).count();
        assert!(lines <= REASONS_MAX + 1, "{lines} lines");
    }
}
