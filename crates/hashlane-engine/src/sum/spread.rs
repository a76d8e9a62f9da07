//! One message and several algorithms, spread over threads: one read feeds all.
//!
//! It promises memory for a few buffers, whatever the length. A message alone cannot be hashed faster than its slowest
//! algorithm; what can be had is that the others do not add to it.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use hashlane_lanes::{Algorithm, Digest, Hasher};

/// One read.
const BUFFER_BYTES: usize = 256 * 1024;
/// Buffers that wait for a thread.
const WAITING_MAX: usize = 4;
/// Enough to rank the algorithms by their speed: some hundred microseconds for the slowest.
const SAMPLE_BYTES: usize = 64 * 1024;
/// The shortest of so many samples counts: another process may run in the middle of one.
const SAMPLES: u32 = 3;

/// Hashes what `read` gives, until it gives nothing, on at most so many threads, this one included.
pub(crate) fn stream(
    algorithms: &[Algorithm],
    threads: usize,
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<(u64, Vec<Digest>)> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (result, digests) = spread(algorithms, threads, |take| {
        let mut message_bytes = 0;
        loop {
            match read(&mut buffer) {
                Ok(0) => return Ok(message_bytes),
                Ok(bytes) => {
                    take(&buffer[..bytes]);
                    message_bytes += bytes as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    });
    Ok((result?, digests))
}

/// Hashes what `read` passes to the function that it is given, on at most so many threads, this one included.
pub(crate) fn spread<R>(
    algorithms: &[Algorithm],
    threads: usize,
    read: impl FnOnce(&mut dyn FnMut(&[u8])) -> R,
) -> (R, Vec<Digest>) {
    let mut groups = groups(algorithms, threads);
    // The lightest group stays with the thread that reads.
    let own = groups.pop().unwrap_or_default();
    std::thread::scope(|scope| {
        let mut helpers: Vec<SyncSender<Arc<Vec<u8>>>> = Vec::new();
        let mut joins = Vec::new();
        for group in groups {
            let (sender, receiver) = sync_channel(WAITING_MAX);
            helpers.push(sender);
            joins.push(scope.spawn(move || hash_all(&group, &receiver)));
        }
        let mut hashers: Vec<Hasher> = own.iter().copied().map(Hasher::new).collect();
        // A helper has one buffer in hand and some waiting; when the last one was taken in, the one before these is free.
        let mut ring: Vec<Arc<Vec<u8>>> = Vec::new();
        ring.resize_with(WAITING_MAX + 2, Arc::default);
        let mut turn = 0;
        let result = read(&mut |bytes| {
            if !helpers.is_empty() {
                let place = turn % ring.len();
                turn += 1;
                let shared = &mut ring[place];
                if Arc::get_mut(shared).is_none() {
                    *shared = Arc::default();
                }
                if let Some(buffer) = Arc::get_mut(shared) {
                    buffer.clear();
                    buffer.extend_from_slice(bytes);
                }
                for helper in &helpers {
                    // It is gone only after a panic, which the join tells.
                    let _ = helper.send(shared.clone());
                }
            }
            hashers.iter_mut().for_each(|hasher| hasher.update(bytes));
        });
        drop(helpers);
        let mut digests: Vec<Digest> = hashers.into_iter().map(Hasher::finish).collect();
        for join in joins {
            digests.extend(join.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        let place = |digest: &Digest| algorithms.iter().position(|algorithm| *algorithm == digest.algorithm());
        digests.sort_by_key(place);
        (result, digests)
    })
}

fn hash_all(algorithms: &[Algorithm], buffers: &Receiver<Arc<Vec<u8>>>) -> Vec<Digest> {
    let mut hashers: Vec<Hasher> = algorithms.iter().copied().map(Hasher::new).collect();
    for buffer in buffers {
        hashers.iter_mut().for_each(|hasher| hasher.update(&buffer));
    }
    hashers.into_iter().map(Hasher::finish).collect()
}

/// The algorithms in at most so many groups that take about as long as each other, the one that takes longest first.
fn groups(algorithms: &[Algorithm], threads: usize) -> Vec<Vec<Algorithm>> {
    let count = threads.min(algorithms.len()).max(1);
    if count == 1 {
        return vec![algorithms.to_vec()];
    }
    let sample = vec![0x5A; SAMPLE_BYTES];
    let mut times: Vec<(Duration, Algorithm)> = algorithms
        .iter()
        .map(|algorithm| {
            let took = (0..SAMPLES).map(|_| {
                let begin = Instant::now();
                Hasher::digest(*algorithm, &sample);
                begin.elapsed()
            });
            (took.min().unwrap_or_default(), *algorithm)
        })
        .collect();
    // The slowest first, each to the group that has least: never more than a third worse than the best.
    times.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let mut groups = vec![(Duration::ZERO, Vec::new()); count];
    for (time, algorithm) in times {
        if let Some(least) = groups.iter_mut().min_by_key(|(all, _)| *all) {
            least.0 += time;
            least.1.push(algorithm);
        }
    }
    groups.sort_by_key(|(all, _)| std::cmp::Reverse(*all));
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_same_on_any_number_of_threads_and_in_the_order_asked() {
        let message: Vec<u8> = (0..5_000_000_u32).map(|i| (i * 31 % 253) as u8).collect();
        let mut asked = Algorithm::ALL.to_vec();
        asked.reverse();
        let expected: Vec<Digest> = asked.iter().map(|algorithm| Hasher::digest(*algorithm, &message)).collect();
        for threads in [1, 2, 3, 20] {
            let mut rest = &message[..];
            let summed = stream(&asked, threads, |space| io::Read::read(&mut rest, space)).expect("read");
            assert_eq!(summed, (5_000_000, expected.clone()), "{threads} threads");
        }
    }
}
