//! Identifiers of jobs and queues (spec section 1).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Timestamp;

/// 100-nanosecond ticks between 1582-10-15, where UUID version 1 counts from, and the Unix epoch (RFC 9562, section 5.1).
const GREGORIAN_TICKS: u64 = 0x01b2_1dd2_1381_4000;

/// The identifier of a file hash job: `f` and 32 lower-case hex digits, a UUID version 1 whose time is the job's
/// creation time.
///
/// Ids compare in the order of their creation: the value inside is the UUID with its time fields put in order of weight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId {
    ticks: u64,
    clock_and_node: u64,
}

impl JobId {
    /// Parses `f` and 32 lower-case hex digits that are a UUID version 1. `None` for everything else: such a job does
    /// not exist.
    pub fn parse(text: &str) -> Option<JobId> {
        let hex = text.strip_prefix('f')?;
        let uuid = parse_hex_128(hex)?;
        let (fields, clock_and_node) = ((uuid >> 64) as u64, uuid as u64);
        if (fields >> 12) & 0xf != 1 || clock_and_node >> 62 != 0b10 {
            return None;
        }
        let (low, mid, high) = (fields >> 32, (fields >> 16) & 0xffff, fields & 0xfff);
        Some(JobId { ticks: high << 48 | mid << 32 | low, clock_and_node })
    }

    /// The creation time that the id carries, to the millisecond.
    pub fn created(self) -> Timestamp {
        let ticks = self.ticks as i64 - GREGORIAN_TICKS as i64;
        Timestamp::from_unix_millis(ticks.div_euclid(10_000))
    }

    /// 16 bytes that sort in the order of creation; what stores keep.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ticks) << 64 | u128::from(self.clock_and_node)).to_be_bytes()
    }

    /// The id of [`JobId::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> JobId {
        let all = u128::from_be_bytes(bytes);
        JobId { ticks: (all >> 64) as u64, clock_and_node: all as u64 }
    }

    /// The smallest id that a job created at `time` or later can have; for ranges over time.
    pub fn lower_bound(time: Timestamp) -> JobId {
        JobId { ticks: ticks_of(time), clock_and_node: 0 }
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = self.ticks & 0xffff_ffff;
        let mid = (self.ticks >> 32) & 0xffff;
        let high = (self.ticks >> 48) & 0xfff;
        write!(f, "f{low:08x}{mid:04x}{:04x}{:016x}", 0x1000 | high, self.clock_and_node)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes job ids: never the same one twice in a process, and by a random node and clock sequence (RFC 9562, section
/// 6.10) not in two processes either.
#[derive(Debug)]
pub struct JobIds {
    last_ticks: AtomicU64,
    clock_and_node: u64,
}

impl JobIds {
    /// A source with a random node.
    ///
    /// # Panics
    /// When the operating system gives no random bytes.
    pub fn random() -> JobIds {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        JobIds::with_node(u64::from_be_bytes(bytes))
    }

    /// A source whose clock sequence and node are the given bits; variant and multicast bit are set on top.
    pub fn with_node(bits: u64) -> JobIds {
        let variant = 0b10 << 62;
        let multicast = 1 << 40;
        JobIds { last_ticks: AtomicU64::new(0), clock_and_node: (bits & !(0b11 << 62)) | variant | multicast }
    }

    /// A new id for a job created now. When the clock stands still or goes back, the id's time runs ahead by ticks of
    /// 100 ns, so that ids stay unique and in order.
    pub fn next(&self, now: Timestamp) -> JobId {
        let wanted = ticks_of(now);
        let mut ticks = 0;
        self.last_ticks
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                ticks = wanted.max(last + 1);
                Some(ticks)
            })
            .ok();
        JobId { ticks, clock_and_node: self.clock_and_node }
    }
}

fn ticks_of(time: Timestamp) -> u64 {
    let ticks = time.unix_millis().saturating_mul(10_000).saturating_add(GREGORIAN_TICKS as i64);
    u64::try_from(ticks).unwrap_or(0) & 0x0fff_ffff_ffff_ffff
}

/// The identifier of a queue: `p` and 32 lower-case hex digits, a UUID version 4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(u128);

impl QueueId {
    /// A new random id.
    ///
    /// # Panics
    /// When the operating system gives no random bytes.
    pub fn random() -> QueueId {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        let version_and_variant = (0x4 << 76) | (0b10 << 62);
        let cleared = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62);
        QueueId(cleared | version_and_variant)
    }

    /// Parses `p` and 32 lower-case hex digits, of any UUID version: queues of the original may be written into
    /// configurations. `None` for everything else.
    pub fn parse(text: &str) -> Option<QueueId> {
        parse_hex_128(text.strip_prefix('p')?).map(QueueId)
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{:032x}", self.0)
    }
}

impl fmt::Debug for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn parse_hex_128(hex: &str) -> Option<u128> {
    let lower_hex = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if hex.len() != 32 || !lower_hex {
        return None;
    }
    u128::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_id_decodes_to_the_documented_creation_time() {
        // Submitting Hash Calculation Job, 436/53991: CreationTime 2022-07-18T15:16:43+0800.
        let id = JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("the documented id has the documented shape");
        assert_eq!(id.created().unix_seconds(), 1_658_128_603);
        assert_eq!(id.to_string(), "f93984788066911ed89ed352d4d9d2084");
    }

    #[test]
    fn the_time_of_an_id_is_the_creation_time() {
        let now = Timestamp::from_unix_millis(1_658_128_603_591);
        let id = JobIds::with_node(7).next(now);
        assert_eq!(id.created(), now);
        assert_eq!(JobId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn ids_of_one_instant_are_unique_and_in_order_of_creation() {
        let ids = JobIds::random();
        let now = Timestamp::from_unix_seconds(1_700_000_000);
        let made: Vec<JobId> = (0..10_000).map(|_| ids.next(now)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1] && pair[0].to_bytes() < pair[1].to_bytes()));
        assert!(made.iter().all(|id| id.created().unix_seconds() == now.unix_seconds()));
    }

    /// Failure rule A13.
    #[test]
    fn ids_go_on_when_the_clock_goes_back() {
        let ids = JobIds::random();
        let first = ids.next(Timestamp::from_unix_seconds(1_700_000_000));
        let second = ids.next(Timestamp::from_unix_seconds(1_600_000_000));
        assert!(second > first);
    }

    #[test]
    fn bytes_round_trip() {
        let id = JobIds::random().next(Timestamp::from_unix_seconds(1_700_000_000));
        assert_eq!(JobId::from_bytes(id.to_bytes()), id);
    }

    #[test]
    fn only_a_version_1_uuid_after_f_is_a_job_id() {
        for text in [
            "",
            "f",
            "f93984788066911ed89ed352d4d9d208",
            "F93984788066911ed89ed352d4d9d2084",
            "f93984788066911ED89ed352d4d9d2084",
            "f93984788066941ed89ed352d4d9d2084",
            "f+3984788066911ed89ed352d4d9d2084",
            "p93984788066911ed89ed352d4d9d2084",
        ] {
            assert_eq!(JobId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn queue_ids_are_version_4_and_round_trip() {
        let id = QueueId::random();
        let text = id.to_string();
        assert_eq!(text.as_bytes()[13], b'4');
        assert!(matches!(text.as_bytes()[17], b'8' | b'9' | b'a' | b'b'));
        assert_eq!(QueueId::parse(&text), Some(id));
    }
}
