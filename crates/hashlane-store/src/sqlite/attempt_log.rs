//! The earlier entries of a delivery record as one text: a line for each, `number outcome ended_ms took_ms status said`, with
//! `-` for what is not known.
//!
//! The last attempt is not in it but in columns of its row, so that a callback that is taken at once needs no text. It moves
//! in here when another attempt follows. What a line says is cut at [`SAID_CHARS_MAX`], and lines beyond
//! [`ATTEMPTS_KEPT_MAX`] are dropped from the front. A line that cannot be read is left out: the record is for people, and a
//! damaged line must not hide the others.

use std::fmt::Write;
use std::time::Duration;

use hashlane_job::{ATTEMPTS_KEPT_MAX, Attempt, AttemptOutcome, Timestamp};

/// Enough for a reason; it bounds the text at some 12 KiB.
const SAID_CHARS_MAX: usize = 200;

pub(super) fn parse(log: &str) -> Vec<Attempt> {
    log.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Attempt> {
    let mut words = line.splitn(6, ' ');
    Some(Attempt {
        number: words.next()?.parse().ok()?,
        outcome: AttemptOutcome::from_word(words.next()?)?,
        ended: Timestamp::from_unix_millis(words.next()?.parse().ok()?),
        took: known(words.next()?)?.map(Duration::from_millis),
        status: known(words.next()?)?,
        said: words.next().unwrap_or_default().to_owned(),
    })
}

/// `-` is nothing; what is neither that nor a number is no line.
fn known<T: std::str::FromStr>(word: &str) -> Option<Option<T>> {
    if word == "-" { Some(None) } else { word.parse().ok().map(Some) }
}

pub(super) fn print(attempts: &[Attempt]) -> Option<String> {
    let mut log = String::new();
    for attempt in &attempts[attempts.len().saturating_sub(ATTEMPTS_KEPT_MAX)..] {
        if !log.is_empty() {
            log.push('\n');
        }
        let or_dash = |number: Option<u128>| number.map_or("-".to_owned(), |number| number.to_string());
        let said = attempt.said.chars().take(SAID_CHARS_MAX);
        let said: String = said.map(|char| if char.is_control() { ' ' } else { char }).collect();
        write!(
            log,
            "{} {} {} {} {} {said}",
            attempt.number,
            attempt.outcome.word(),
            attempt.ended.unix_millis(),
            or_dash(attempt.took.map(|took| took.as_millis())),
            or_dash(attempt.status.map(u128::from)),
        )
        .expect("writing to a string cannot fail");
    }
    Some(log).filter(|log| !log.is_empty())
}

/// Adds the last attempt, now that it is not the last any more. Postponements of the next one came after it.
pub(super) fn add_attempt(attempts: &mut Vec<Attempt>, attempt: Attempt) {
    let follows = |last: &Attempt| last.outcome == AttemptOutcome::Postponed && last.number > attempt.number;
    let place = attempts.len() - usize::from(attempts.last().is_some_and(follows));
    attempts.insert(place, attempt);
}

/// Adds a postponement. One after another of the same attempt replaces it, so that a receiver that is silent for days does not
/// push its attempts out of the record.
pub(super) fn add_postponed(attempts: &mut Vec<Attempt>, postponed: Attempt) {
    let same = |last: &Attempt| last.outcome == AttemptOutcome::Postponed && last.number == postponed.number;
    if attempts.last().is_some_and(same) {
        attempts.pop();
    }
    attempts.push(postponed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32, outcome: AttemptOutcome, said: &str) -> Attempt {
        let sent = outcome != AttemptOutcome::Postponed;
        Attempt {
            number,
            outcome,
            ended: Timestamp::from_unix_millis(1_700_000_000_000 + i64::from(number)),
            took: sent.then_some(Duration::from_millis(12)),
            status: sent.then_some(500),
            said: said.into(),
        }
    }

    fn order(attempts: &[Attempt]) -> Vec<(u32, AttemptOutcome)> {
        attempts.iter().map(|attempt| (attempt.number, attempt.outcome)).collect()
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let attempts = [
            attempt(1, AttemptOutcome::Retried, "500 Internal Server Error"),
            attempt(2, AttemptOutcome::Postponed, "not sent - the receiver does not answer"),
            attempt(2, AttemptOutcome::Failed, ""),
            attempt(1, AttemptOutcome::Delivered, "  春 "),
        ];
        assert_eq!(parse(&print(&attempts).expect("there are lines")), attempts);
        assert_eq!(print(&[]), None);
    }

    #[test]
    fn what_a_receiver_says_forges_no_line_and_grows_no_row() {
        let nasty = attempt(1, AttemptOutcome::Retried, "a\n2 delivered 1 1 200 forged\r\u{85}");
        let read = parse(&print(&[nasty]).expect("there is a line"));
        assert_eq!(read.len(), 1);
        let long = vec![attempt(1, AttemptOutcome::Retried, &"é".repeat(10_000)); 1_000];
        let log = print(&long).expect("there are lines");
        assert_eq!(parse(&log).len(), ATTEMPTS_KEPT_MAX);
        assert!(log.len() < 25_000, "{}", log.len());
    }

    #[test]
    fn a_damaged_line_hides_no_other() {
        let good = "1 retried 1700000000000 12 500 500 Oops";
        for bad in ["", "x", "1", "1 lost 1 1 1 a", "1 retried x 1 1 a", "1 retried 1 ? 1 a", "1 retried 1 1 99999 a"] {
            assert_eq!(parse(&format!("{bad}\n{good}\n{bad}")).len(), 1, "{bad}");
        }
    }

    #[test]
    fn postponements_stand_once_and_after_the_attempt_that_they_follow() {
        use AttemptOutcome::{Failed, Postponed, Retried};
        let mut log = Vec::new();
        add_postponed(&mut log, attempt(1, Postponed, "a"));
        add_postponed(&mut log, attempt(1, Postponed, "b"));
        assert_eq!(order(&log), [(1, Postponed)]);
        assert_eq!(log[0].said, "b");
        // Attempt 1 was made and is the last; attempt 2 is postponed; then attempt 2 is made.
        add_postponed(&mut log, attempt(2, Postponed, "c"));
        add_attempt(&mut log, attempt(1, Retried, "500"));
        assert_eq!(order(&log), [(1, Postponed), (1, Retried), (2, Postponed)]);
        add_attempt(&mut log, attempt(2, Failed, "500"));
        assert_eq!(order(&log), [(1, Postponed), (1, Retried), (2, Postponed), (2, Failed)]);
        // A replay begins anew.
        add_attempt(&mut log, attempt(1, Retried, "500"));
        assert_eq!(order(&log).last(), Some(&(1, Retried)));
    }
}
