//! Whose turn it is: buckets take turns, and within a bucket its queues.
//!
//! A bucket with a hundred thousand waiting jobs and a bucket with one get a slot each before the first gets its second. All
//! buckets weigh the same. Whose turn is next is kept between claims, so that claims of a single slot are fair too; it is
//! not stored, since a restart owes nobody a turn.

use std::collections::HashMap;

use super::tally::QueueKey;

/// A queue that has work which may be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) key: QueueKey,
    /// How many jobs may be taken from it: what is ready, less what its running bound forbids; not zero.
    pub(super) room: usize,
}

/// Who was served last.
#[derive(Debug, Default)]
pub(super) struct Turns {
    bucket: i64,
    queue_of_bucket: HashMap<i64, i64>,
}

impl Turns {
    /// Shares slots out among queues, which come sorted by bucket and queue.
    pub(super) fn share(&mut self, candidates: &[Candidate], slots: usize) -> Vec<(QueueKey, usize)> {
        let mut buckets: Vec<Vec<Candidate>> =
            candidates.chunk_by(|left, right| left.key.bucket == right.key.bucket).map(<[_]>::to_vec).collect();
        let next = buckets.partition_point(|queues| queues[0].key.bucket <= self.bucket);
        buckets.rotate_left(next);
        for queues in &mut buckets {
            let last = self.queue_of_bucket.get(&queues[0].key.bucket).copied().unwrap_or(0);
            let next = queues.partition_point(|candidate| candidate.key.queue <= last);
            queues.rotate_left(next);
        }
        let mut shares: HashMap<QueueKey, usize> = HashMap::new();
        let mut left = slots;
        while left > 0 && !buckets.is_empty() {
            for queues in &mut buckets {
                if left == 0 {
                    break;
                }
                let mut candidate = queues.remove(0);
                *shares.entry(candidate.key).or_default() += 1;
                left -= 1;
                candidate.room -= 1;
                self.bucket = candidate.key.bucket;
                self.queue_of_bucket.insert(candidate.key.bucket, candidate.key.queue);
                if candidate.room > 0 {
                    queues.push(candidate);
                }
            }
            buckets.retain(|queues| !queues.is_empty());
        }
        shares.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(bucket: i64, queue: i64, room: usize) -> Candidate {
        Candidate { key: QueueKey { bucket, queue }, room }
    }

    fn share(turns: &mut Turns, candidates: &[Candidate], slots: usize) -> Vec<(i64, usize)> {
        let mut shares: Vec<_> =
            turns.share(candidates, slots).into_iter().map(|(key, jobs)| (key.queue, jobs)).collect();
        shares.sort_unstable();
        shares
    }

    /// Failure rule E4.
    #[test]
    fn buckets_share_equally_whatever_waits_and_unused_slots_go_to_who_has_work() {
        let candidates = [candidate(1, 1, 100_000), candidate(2, 2, 3), candidate(2, 3, 3)];
        assert_eq!(share(&mut Turns::default(), &candidates, 4), [(1, 2), (2, 1), (3, 1)]);
        assert_eq!(share(&mut Turns::default(), &candidates, 20), [(1, 14), (2, 3), (3, 3)]);
        assert_eq!(share(&mut Turns::default(), &candidates, 0), []);
    }

    #[test]
    fn single_slots_go_round() {
        let candidates = [candidate(1, 1, 9), candidate(2, 2, 9), candidate(2, 3, 9), candidate(4, 4, 9)];
        let mut turns = Turns::default();
        let served: Vec<i64> = (0..7).map(|_| share(&mut turns, &candidates, 1)[0].0).collect();
        assert_eq!(served, [1, 2, 4, 1, 3, 4, 1]);
    }
}
