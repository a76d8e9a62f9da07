//! The job ids of a query: `GET /file_jobs/<id>[,<id>...]` (spec sections 1 and 6).
//!
//! An id is opaque: one that no job can have is a job that does not exist, not an error.

use std::collections::HashSet;

use crate::WireError;

/// How many jobs one query may ask for.
pub const JOB_IDS_MAX: usize = 50;

/// The longest id, in characters.
const ID_CHARACTERS_MAX: usize = 64;

/// Splits at commas; empty parts are dropped, and of equal ones the first is kept.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    text.split(',').filter(|id| !id.is_empty() && seen.insert(*id)).map(str::to_owned).collect()
}

/// Refuses a query for no id, for too many, or for something that no id can be.
///
/// # Errors
/// `InvalidArgument`.
pub fn check_job_ids(ids: &[String]) -> Result<(), WireError> {
    if ids.is_empty() {
        return Err(WireError::argument("the path has no job id; give one to 50, joined by commas"));
    }
    if ids.len() > JOB_IDS_MAX {
        return Err(WireError::argument(format!(
            "the path has {} job ids; at most {JOB_IDS_MAX} are allowed",
            ids.len()
        )));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if ids.iter().any(|id| id.len() > ID_CHARACTERS_MAX || !id.bytes().all(fits)) {
        return Err(WireError::argument("a job id has 1 to 64 letters, digits, dashes or underscores"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_answered_once_in_request_order() {
        assert_eq!(split("b,,a,b,c,a,"), ["b", "a", "c"]);
    }

    #[test]
    fn one_to_fifty_opaque_ids_are_taken() {
        let ids = |count: usize| -> Vec<String> { (0..count).map(|index| format!("id-{index}_A")).collect() };
        assert!(check_job_ids(&ids(1)).is_ok() && check_job_ids(&ids(50)).is_ok());
        assert!(check_job_ids(&[]).is_err() && check_job_ids(&ids(51)).is_err());
        for wrong in ["a b", "a.b", "a/b", "é", "a\n", &"x".repeat(65)] {
            assert!(check_job_ids(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
        assert!(check_job_ids(&["x".repeat(64)]).is_ok());
    }
}
