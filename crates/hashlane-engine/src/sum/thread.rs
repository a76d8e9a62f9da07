//! One hashing thread of `hashlane sum`: takes files from the dealer, opens them, gives them their turns.

use std::rc::Rc;
use std::sync::Arc;

use hashlane_lanes::Platform;

use super::dealer::{Deal, Dealer, Entry};
use super::file::{Bench, SumFile};
use super::spread::spread;
use crate::budget::Budget;
use crate::pool::hashing::{Hashing, Occupant};

/// One read of a file whose algorithms are spread over threads.
const SPREAD_READ_BYTES: usize = 256 * 1024;

/// Runs until there is nothing left.
pub(super) fn run(dealer: &Arc<Dealer>, thread: usize, budget: Budget, platform: Platform) {
    let _stop = StopOnPanic(dealer);
    let bench = Rc::new(Bench { dealer: dealer.clone(), thread, devices: Default::default() });
    let mut hashing = Hashing::new(budget, platform);
    let mut dealt = Vec::new();
    loop {
        let mut ended = false;
        while hashing.vacancies() > 0 {
            match dealer.deal(thread, hashing.vacancies(), hashing.is_idle(), &mut dealt) {
                Deal::Some => take_in(&mut hashing, &bench, &mut dealt),
                Deal::Nothing => break,
                Deal::End => {
                    ended = true;
                    break;
                }
            }
        }
        if hashing.is_idle() && ended {
            break;
        }
        hashing.turn();
    }
    dealer.retire(thread);
}

fn take_in(hashing: &mut Hashing<SumFile>, bench: &Rc<Bench>, dealt: &mut Vec<Entry>) {
    for entry in dealt.drain(..) {
        let helpers = match entry.big && entry.batch.algorithms().len() > 1 && hashing.is_idle() {
            true => bench.dealer.spare_threads(bench.thread),
            false => 0,
        };
        let Some(file) = SumFile::open(bench, entry) else { continue };
        match helpers {
            0 => hashing.admit(file),
            helpers => hash_spread(file, 1 + helpers),
        }
    }
}

/// Hashes a file with its algorithms spread over this thread and idle ones.
fn hash_spread(mut file: SumFile, threads: usize) {
    let algorithms = file.algorithms().to_vec();
    let mut space = vec![0; SPREAD_READ_BYTES];
    match spread(&algorithms, threads, |take| file.read_all(&mut space, take)) {
        (Ok(Some(message_bytes)), digests) => file.finish_with(message_bytes, &digests),
        (Ok(None), _) => file.leave(),
        (Err(error), _) => file.fail(error),
    }
}

/// Nobody waits for the results of a thread that is gone.
struct StopOnPanic<'a>(&'a Dealer);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}
