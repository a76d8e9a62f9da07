//! The comparison at the end: the model's log and the callbacks on one side, the rows of the store on the other.
//!
//! Asserted of every job: 1. each 200 has exactly one row; 2. each row is terminal and nothing is left to do; 3. each digest
//! is the truth; 4. each callback that was asked for came, all of one event that says what is stored; 5. nobody saw two
//! terminal states; 6. attempts stay within their bound; 7. each row has a request, answered or not.

use std::collections::HashMap;

use crate::failure::Failure;
use crate::model::{Entry, Model};
use crate::plan::{Calls, Planned};
use crate::receiver::Said;
use crate::server::CALLBACK_ATTEMPTS;
use crate::store_rows::{self, Row};
use crate::truth::Truth;

/// What was compared.
#[derive(Debug, Default)]
pub struct Compared {
    /// Submits sent.
    pub sent: u64,
    /// Answered with 200.
    pub accepted: u64,
    /// Rows in the store.
    pub rows: u64,
    /// Of these the ones whose answer was lost.
    pub rows_unanswered: u64,
    /// Rows that succeeded with the right digest.
    pub succeeded: u64,
    /// Rows that failed as they had to.
    pub failed: u64,
    /// Rows that were cancelled.
    pub cancelled: u64,
    /// Accepted jobs that prune took, each seen in its final state before.
    pub pruned: u64,
    /// Jobs that were called back.
    pub called_back: u64,
    /// Callbacks beyond the first.
    pub callbacks_repeated: u64,
}

/// What the log knows of a request.
#[derive(Debug, Default)]
struct Known {
    accepted: Option<String>,
    cancel_sent: bool,
    cancelled: bool,
    seen: Option<(String, String)>,
    rows: u32,
}

/// One side of the comparison and what was found.
struct Checker<'a> {
    seed: u64,
    truth: &'a Truth,
    callbacks: &'a HashMap<String, Said>,
    requests: HashMap<u64, Known>,
    compared: Compared,
    violations: Vec<String>,
}

/// Compares. `is_pruned` says that finished jobs may be gone when their callback was seen.
pub fn check(
    seed: u64,
    truth: &Truth,
    model: &Model,
    callbacks: &HashMap<String, Said>,
    database: &std::path::Path,
    is_pruned: bool,
) -> Result<(Compared, Vec<String>), Failure> {
    let mut checker = Checker {
        seed,
        truth,
        callbacks,
        requests: HashMap::new(),
        compared: Compared::default(),
        violations: Vec::new(),
    };
    model.read(|entry| checker.take(entry))?;
    store_rows::read(database, |row| checker.row(&row))?;
    let (left, _) = store_rows::live(database)?;
    if left > 0 {
        checker.violations.push(format!("{left} rows are still to be worked on"));
    }
    checker.finish(is_pruned);
    Ok((checker.compared, checker.violations))
}

impl Checker<'_> {
    fn take(&mut self, entry: Entry) {
        let (Entry::Send { n }
        | Entry::Accepted { n, .. }
        | Entry::Refused { n }
        | Entry::Unanswered { n, .. }
        | Entry::Cancel { n }
        | Entry::Cancelled { n }
        | Entry::Seen { n, .. }) = &entry;
        let known = self.requests.entry(*n).or_default();
        match entry {
            Entry::Send { .. } => self.compared.sent += 1,
            Entry::Accepted { id, .. } => {
                self.compared.accepted += 1;
                known.accepted = Some(id);
            }
            Entry::Refused { .. } | Entry::Unanswered { .. } => {}
            Entry::Cancel { .. } => known.cancel_sent = true,
            Entry::Cancelled { .. } => known.cancelled = true,
            Entry::Seen { state, digest, .. } => known.seen = Some((state, digest)),
        }
    }

    fn row(&mut self, row: &Row) {
        self.compared.rows += 1;
        let number = Planned::number_in(self.seed, &row.user_data);
        let Some((n, known)) = number.and_then(|n| Some((n, self.requests.get_mut(&n)?))) else {
            return self.violations.push(format!("7: nobody asked for the row {row:?}"));
        };
        let planned = Planned::of(self.seed, n);
        let mut wrong = Vec::new();
        known.rows += 1;
        if known.rows > 1 {
            wrong.push("1: the request has another row too");
        }
        match &known.accepted {
            Some(id) if *id != row.id => wrong.push("1: another id was answered"),
            Some(_) => {}
            None => self.compared.rows_unanswered += 1,
        }
        if row.key != planned.key() || row.algorithm != planned.algorithm.name() {
            wrong.push("7: it is not what was asked for");
        }
        let truth = planned.object.map(|object| self.truth.digest(object, planned.algorithm));
        let word = match row.state.as_str() {
            "succeeded" => {
                self.compared.succeeded += 1;
                if truth != Some(&row.digest) {
                    wrong.push("3: the digest is wrong");
                }
                "Success"
            }
            "failed" => {
                self.compared.failed += 1;
                if planned.failure() != Some(&row.error_code) {
                    wrong.push("3: it failed without a reason");
                }
                "Failed"
            }
            "cancelled" => {
                self.compared.cancelled += 1;
                if !known.cancel_sent {
                    wrong.push("5: nobody cancelled it");
                }
                "Cancel"
            }
            _ => {
                wrong.push("2: it has not ended");
                ""
            }
        };
        if known.cancelled && word != "Cancel" {
            wrong.push("5: its cancel was answered with 200");
        }
        if known.seen.as_ref().is_some_and(|(state, digest)| state != word || *digest != row.digest) {
            wrong.push("5: a query showed another end");
        }
        let wants = planned.calls != Calls::Nobody && word != "Cancel";
        match self.callbacks.get(&row.id) {
            Some(said) => {
                self.compared.called_back += 1;
                self.compared.callbacks_repeated += said.times - 1;
                if !wants {
                    wrong.push("4: it was called back unasked");
                } else if said.state != word || said.digest != row.digest {
                    wrong.push("4: the callback says something else");
                }
                if said.event != format!("evt-{}", row.id) {
                    wrong.push("4: the event id is another one");
                }
            }
            None if wants => wrong.push("4: no callback came"),
            None => {}
        }
        if (row.delivery == "delivered") != wants {
            wrong.push("4: the store does not say what became of the callback");
        }
        if row.delivery_attempts > u64::from(CALLBACK_ATTEMPTS) {
            wrong.push("6: too many attempts");
        }
        self.violations.extend(wrong.into_iter().map(|what| format!("{what}: request {n}, {row:?}")));
    }

    fn finish(&mut self, is_pruned: bool) {
        for (n, known) in &self.requests {
            let Some(id) = known.accepted.as_ref().filter(|_| known.rows == 0) else { continue };
            let planned = Planned::of(self.seed, *n);
            let truth = planned.object.map_or("", |object| self.truth.digest(object, planned.algorithm));
            let word = if planned.object.is_some() { "Success" } else { "Failed" };
            let ended_well = match self.callbacks.get(id) {
                Some(said) => said.state == word && said.digest == truth,
                None => planned.calls == Calls::Nobody || known.cancel_sent,
            };
            if is_pruned && ended_well {
                self.compared.pruned += 1;
            } else {
                self.violations.push(format!("1: job {id} of request {n} was accepted and is lost"));
            }
        }
    }
}
