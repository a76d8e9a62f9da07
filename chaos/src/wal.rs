//! The write-ahead log of SQLite as bytes: where its commits end (sqlite.org/fileformat2.html, section 4).
//!
//! A frame counts only with the salts of the header and a checksum that continues the one before it, as in SQLite's own
//! recovery; what an earlier turn of the log left behind it does not.

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The ends of the commits in bytes, ascending; the first is the empty log.
pub fn commit_ends(log: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    let word = |at: usize| log.get(at..at + 4).map(|it| u32::from_be_bytes([it[0], it[1], it[2], it[3]]));
    let (Some(magic), Some(page)) = (word(0), word(8)) else { return ends };
    let is_big_endian = magic & 1 == 1;
    let page = page as usize;
    if magic & !1 != 0x377f_0682 || log.len() < HEADER || page == 0 {
        return ends;
    }
    let mut sum = checksum(&log[..24], (0, 0), is_big_endian);
    if (Some(sum.0), Some(sum.1)) != (word(24), word(28)) {
        return ends;
    }
    let mut at = HEADER;
    while at + FRAME_HEADER + page <= log.len() {
        if log[at + 8..at + 16] != log[16..24] {
            break;
        }
        sum = checksum(&log[at..at + 8], sum, is_big_endian);
        sum = checksum(&log[at + FRAME_HEADER..at + FRAME_HEADER + page], sum, is_big_endian);
        if (Some(sum.0), Some(sum.1)) != (word(at + 16), word(at + 20)) {
            break;
        }
        let is_commit = word(at + 4) != Some(0);
        at += FRAME_HEADER + page;
        if is_commit {
            ends.push(at);
        }
    }
    ends
}

fn checksum(bytes: &[u8], (mut first, mut second): (u32, u32), is_big_endian: bool) -> (u32, u32) {
    let word = |it: &[u8]| {
        let bytes = [it[0], it[1], it[2], it[3]];
        if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_of_a_log_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let path = folder.path().join("some.db");
        let connection = rusqlite::Connection::open(&path).expect("it opens");
        connection
            .execute_batch("pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table t (x);")
            .expect("it is made");
        let log = || std::fs::read(folder.path().join("some.db-wal")).expect("the log is there");
        let before = commit_ends(&log());
        for number in 0..5 {
            connection.execute("insert into t values (?1)", [number]).expect("it is inserted");
        }
        let after = commit_ends(&log());
        assert_eq!(after.len(), before.len() + 5);
        assert_eq!(after.last(), Some(&log().len()));
        assert_eq!(commit_ends(&log()[..log().len() - 1]).len(), after.len() - 1, "the last one is torn");
    }
}
