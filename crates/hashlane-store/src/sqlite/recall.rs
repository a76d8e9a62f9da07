//! Recall: the result of an earlier job that hashed the same version of the same object.
//!
//! A result is found by a fingerprint of what it is of, which stands in an index that knows no other jobs. It is kept with its
//! job and leaves with it, so that no result is told that was read longer ago than jobs are kept: what is answered from a
//! result is not found by its own fingerprint. It leaves out whether a version means anything: that is the engine's.

use std::sync::Arc;

use hashlane_job::{FileFacts, JobId, ObjectRef, ObjectVersion, Timestamp};
use hashlane_lanes::{Algorithm, Hasher};
use rusqlite::OptionalExtension;

use super::job_row::read_job;
use super::{Published, Readers};
use crate::StoreError;

/// What a result is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VersionPrint([u8; 16]);

impl VersionPrint {
    /// The first half of a SHA-256 over the fields, each behind its length.
    pub(super) fn of(bucket: &str, key: &str, algorithm: Algorithm, version: &ObjectVersion) -> VersionPrint {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        for field in [bucket, key, algorithm.name(), version.as_str()] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        let digest = hasher.finish();
        VersionPrint(std::array::from_fn(|index| digest.as_bytes()[index]))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The facts that the newest job found that hashed this version.
///
/// # Errors
/// When the store fails, and for a result that is damaged on the disk.
pub(super) async fn recall(
    readers: &Arc<Readers>,
    published: &Published,
    object: &ObjectRef,
    algorithm: Algorithm,
    version: &ObjectVersion,
) -> Result<Option<FileFacts>, StoreError> {
    let Some(number) = published.directory().bucket(&object.bucket).map(|entry| entry.number) else { return Ok(None) };
    let print = VersionPrint::of(object.bucket.as_str(), &object.key, algorithm, version);
    let object = object.clone();
    readers
        .read(move |connection| {
            let mut statement = connection.prepare_cached(include_str!("recall.sql"))?;
            let found: Option<(i64, [u8; 16])> =
                statement.query_row([print.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            drop(statement);
            let Some(id) = found.filter(|(bucket, _)| *bucket == number).map(|(_, id)| JobId::from_bytes(id)) else {
                return Ok(None);
            };
            // Pruned in between is as never hashed. A fingerprint is no proof: what it leads to is compared.
            let job = read_job(connection, &object.bucket, number, id, Timestamp::from_unix_millis(0))?;
            let is_same = |job: &hashlane_job::Job| job.request.object == object && job.request.algorithm == algorithm;
            Ok(job.filter(is_same).and_then(|job| job.facts))
        })
        .await
}
