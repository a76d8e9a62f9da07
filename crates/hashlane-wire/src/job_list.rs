//! `GET /file_jobs`, the query (spec section 6): parsed by servers, printed by clients.
//!
//! A page ends with a token that names the last job of it and the order of the list. The next page begins after that job,
//! whether or not it still exists: jobs that come and go between two pages are neither a repeat nor a gap. The token holds
//! no secret and grants nothing; it is refused when it is not one of ours or belongs to a list in the other order.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hashlane_job::{JobId, JobState, Timestamp};
use percent_encoding::utf8_percent_encode;

use crate::page::number;
use crate::query::VALUE;
use crate::{Query, TimeOffset, WireError};

/// The largest `size`.
const SIZE_MAX: usize = 100;
/// The `size` when none is given.
const SIZE_DEFAULT: usize = 10;
/// The first byte of a token: its form.
const TOKEN_FORM: u8 = 1;

/// Which jobs are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobListQuery {
    /// Only of this queue, as given; the server resolves it against the bucket's queues.
    pub queue: Option<String>,
    /// Only in one of these states; empty is all.
    pub states: Vec<StateFilter>,
    /// The order.
    pub order: ListOrder,
    /// At most so many, 1 to 100.
    pub size: usize,
    /// Continue after this job, which need not exist any more.
    pub after: Option<JobId>,
    /// Created at or after.
    pub created_from: Option<Timestamp>,
    /// Created at or before, to the millisecond: the end of the second that was given.
    pub created_to: Option<Timestamp>,
}

/// `orderByTime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListOrder {
    /// `Desc`, the default.
    #[default]
    NewestFirst,
    /// `Asc`.
    OldestFirst,
}

/// One of `states`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFilter {
    /// In the given state; `Waiting` means waiting in an active queue.
    Is(JobState),
    /// `Pause`: waiting in a paused queue.
    Paused,
}

/// The wire's words for states (spec section 7).
const STATES: [(&str, StateFilter); 6] = [
    ("Submitted", StateFilter::Is(JobState::Waiting)),
    ("Running", StateFilter::Is(JobState::Running)),
    ("Success", StateFilter::Is(JobState::Succeeded)),
    ("Failed", StateFilter::Is(JobState::Failed)),
    ("Pause", StateFilter::Paused),
    ("Cancel", StateFilter::Is(JobState::Cancelled)),
];

impl Default for JobListQuery {
    /// The ten newest jobs.
    fn default() -> JobListQuery {
        JobListQuery {
            queue: None,
            states: Vec::new(),
            order: ListOrder::default(),
            size: SIZE_DEFAULT,
            after: None,
            created_from: None,
            created_to: None,
        }
    }
}

impl JobListQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// `InvalidArgument` when `tag` is missing or a value is not allowed.
    pub fn parse(query: &Query) -> Result<JobListQuery, WireError> {
        match query.value("tag") {
            Some("FileHashCode") => {}
            Some(_) => return Err(WireError::argument("tag not supported; it must be FileHashCode")),
            None => return Err(WireError::argument("tag is missing or empty; it must be FileHashCode")),
        }
        let order = match query.value("orderByTime").map(str::to_ascii_lowercase).as_deref() {
            None | Some("desc") => ListOrder::NewestFirst,
            Some("asc") => ListOrder::OldestFirst,
            Some(_) => return Err(WireError::argument("orderByTime must be Desc or Asc")),
        };
        let size = match query.value("size").map(number) {
            None => SIZE_DEFAULT,
            Some(Some(size)) if (1..=SIZE_MAX).contains(&size) => size,
            Some(_) => return Err(WireError::argument(format!("size must be a whole number from 1 to {SIZE_MAX}"))),
        };
        let after = match query.value("nextToken") {
            None => None,
            Some(token) => Some(read_token(token, order).ok_or_else(|| {
                WireError::argument(
                    "nextToken is not one that a list in this order has given; leave it out to begin anew",
                )
            })?),
        };
        let created_to = time(query, "endCreationTime")?;
        Ok(JobListQuery {
            queue: query.value("queueId").map(str::to_owned),
            states: states(query.value("states").unwrap_or_default())?,
            order,
            size,
            after,
            created_from: time(query, "startCreationTime")?,
            created_to: created_to.map(|time| Timestamp::from_unix_millis(time.unix_millis().saturating_add(999))),
        })
    }

    /// The token with which the list goes on after a job.
    pub fn token_after(&self, last: JobId) -> String {
        token(last, self.order)
    }

    /// The query without its `?`, as a client sends it. Times are sent in UTC, whole seconds.
    pub fn print(&self) -> String {
        let mut text = format!("tag=FileHashCode&orderByTime={}&size={}", self.order, self.size);
        let mut field = |name: &str, value: &str| {
            text.push_str(&format!("&{name}={}", utf8_percent_encode(value, VALUE)));
        };
        if let Some(queue) = &self.queue {
            field("queueId", queue);
        }
        let states: Vec<&str> = self.states.iter().map(|state| state.word()).collect();
        field("states", if states.is_empty() { "All".to_owned() } else { states.join(",") }.as_str());
        if let Some(time) = self.created_from {
            field("startCreationTime", &TimeOffset::UTC.print(time));
        }
        if let Some(time) = self.created_to {
            field("endCreationTime", &TimeOffset::UTC.print(time));
        }
        if let Some(after) = self.after {
            field("nextToken", &self.token_after(after));
        }
        text
    }

    /// The next page, of which a server gave the token.
    ///
    /// # Errors
    /// `InvalidArgument` when it is not a token of this list.
    pub fn with_token(self, token: &str) -> Result<JobListQuery, WireError> {
        match read_token(token, self.order) {
            Some(after) => Ok(JobListQuery { after: Some(after), ..self }),
            None => Err(WireError::argument("the token is not one of this list")),
        }
    }
}

impl StateFilter {
    /// The state of a word, in any letter case.
    pub fn from_word(word: &str) -> Option<StateFilter> {
        STATES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, state)| state)
    }

    /// The wire's word.
    pub fn word(self) -> &'static str {
        STATES.into_iter().find(|(_, state)| *state == self).map_or("All", |(word, _)| word)
    }
}

impl fmt::Display for ListOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ListOrder::NewestFirst => "Desc",
            ListOrder::OldestFirst => "Asc",
        })
    }
}

fn states(list: &str) -> Result<Vec<StateFilter>, WireError> {
    let mut states = Vec::new();
    let mut all = list.is_empty();
    for word in list.split(',').map(str::trim).filter(|_| !list.is_empty()) {
        match StateFilter::from_word(word) {
            Some(state) if states.contains(&state) => {}
            Some(state) => states.push(state),
            None if word.eq_ignore_ascii_case("All") => all = true,
            None => {
                return Err(WireError::argument(
                    "states must be All or a comma list of Submitted, Running, Success, Failed, Pause and Cancel",
                ));
            }
        }
    }
    Ok(if all { Vec::new() } else { states })
}

fn time(query: &Query, name: &str) -> Result<Option<Timestamp>, WireError> {
    let Some(text) = query.value(name) else { return Ok(None) };
    let time = TimeOffset::read(text);
    time.map(Some).ok_or_else(|| WireError::argument(format!("{name} must be a time like 2022-07-18T15:16:43+0800")))
}

fn token(last: JobId, order: ListOrder) -> String {
    let mut bytes = vec![TOKEN_FORM, order as u8];
    bytes.extend_from_slice(&last.to_bytes());
    BASE64.encode(bytes)
}

fn read_token(token: &str, order: ListOrder) -> Option<JobId> {
    let bytes = BASE64.decode(token).ok()?;
    let (head, id) = bytes.split_at_checked(2)?;
    let id = JobId::from_bytes(id.try_into().ok()?);
    // Only what prints as an id is one.
    (head == [TOKEN_FORM, order as u8] && JobId::parse(&id.to_string()) == Some(id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<JobListQuery, WireError> {
        JobListQuery::parse(&Query::parse(query)?)
    }

    /// Rule W13.5.
    #[test]
    fn every_parameter_has_its_default_and_its_values() {
        let least = JobListQuery::default();
        let time = |seconds| Some(Timestamp::from_unix_seconds(seconds));
        let end = |seconds: i64| Some(Timestamp::from_unix_millis(seconds * 1000 + 999));
        let is = StateFilter::Is;
        for (query, expected) in [
            ("", least.clone()),
            ("&orderByTime=&states=&size=&nextToken=&queueId=&startCreationTime=", least.clone()),
            ("&states=All&orderByTime=Desc&size=10", least.clone()),
            ("&states=Running,All", least.clone()),
            ("&orderByTime=asc", JobListQuery { order: ListOrder::OldestFirst, ..least.clone() }),
            ("&size=1", JobListQuery { size: 1, ..least.clone() }),
            ("&size=100", JobListQuery { size: 100, ..least.clone() }),
            ("&queueId=anything", JobListQuery { queue: Some("anything".into()), ..least.clone() }),
            (
                "&states=Submitted,%20running,Success,Failed,Pause,Cancel,Pause",
                JobListQuery {
                    states: vec![
                        is(JobState::Waiting),
                        is(JobState::Running),
                        is(JobState::Succeeded),
                        is(JobState::Failed),
                        StateFilter::Paused,
                        is(JobState::Cancelled),
                    ],
                    ..least.clone()
                },
            ),
            (
                "&startCreationTime=2022-07-18T15:16:43%2B0800&endCreationTime=2022-07-18T07:16:43Z",
                JobListQuery { created_from: time(1_658_128_603), created_to: end(1_658_128_603), ..least.clone() },
            ),
            // Who does not encode the plus sends a space.
            (
                "&startCreationTime=2022-07-18T15:16:43+0800",
                JobListQuery { created_from: time(1_658_128_603), ..least.clone() },
            ),
        ] {
            assert_eq!(parse(&format!("tag=FileHashCode{query}")), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_refused() {
        let id = JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("an id");
        let other_order = token(id, ListOrder::OldestFirst);
        for query in [
            "",
            "tag=",
            "tag=Transcode",
            "tag=filehashcode",
            "tag=FileHashCode&orderByTime=up",
            "tag=FileHashCode&states=Done",
            "tag=FileHashCode&states=Running,,Failed",
            "tag=FileHashCode&size=0",
            "tag=FileHashCode&size=101",
            "tag=FileHashCode&size=1e1",
            "tag=FileHashCode&nextToken=1",
            "tag=FileHashCode&nextToken=AAAA",
            "tag=FileHashCode&nextToken=AQAAAAAAAAAAAAAAAAAAAAAA",
            &format!("tag=FileHashCode&nextToken={other_order}"),
            "tag=FileHashCode&startCreationTime=yesterday",
            "tag=FileHashCode&startCreationTime=2022-07-18",
            "tag=FileHashCode&endCreationTime=2022-02-30T00:00:00%2B0800",
        ] {
            assert_eq!(parse(query).map_err(|error| error.code), Err(crate::ErrorCode::InvalidArgument), "{query}");
        }
    }

    #[test]
    fn a_printed_query_is_read_as_it_was_meant() {
        let id = JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("an id");
        for order in [ListOrder::NewestFirst, ListOrder::OldestFirst] {
            let query = JobListQuery {
                queue: Some("p2911917386e148639319e13c285cc774".into()),
                states: vec![StateFilter::Paused, StateFilter::Is(JobState::Failed)],
                order,
                size: 7,
                after: Some(id),
                created_from: Some(Timestamp::from_unix_seconds(1_658_128_603)),
                created_to: Some(Timestamp::from_unix_millis(1_658_128_603_999)),
            };
            assert_eq!(parse(&query.print()), Ok(query.clone()));
            let begun = JobListQuery { after: None, ..query.clone() };
            assert_eq!(begun.with_token(&query.token_after(id)), Ok(query));
        }
        assert_eq!(parse(&JobListQuery::default().print()), Ok(JobListQuery::default()));
    }
}
