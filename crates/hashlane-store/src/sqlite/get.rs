//! Get: jobs by id.

use std::sync::Arc;

use hashlane_job::{BucketName, Job, JobId, Timestamp};

use super::job_row::read_job;
use super::{Published, Readers};
use crate::StoreError;

/// The jobs of these ids in this bucket, all seen at one point in time; the missing ones are left out, order as asked.
pub(super) async fn get(
    readers: &Arc<Readers>,
    published: &Published,
    bucket: &BucketName,
    ids: &[JobId],
    now: Timestamp,
) -> Result<Vec<Job>, StoreError> {
    let Some(number) = published.directory().bucket(bucket).map(|entry| entry.number) else { return Ok(Vec::new()) };
    let (bucket, ids) = (bucket.clone(), ids.to_vec());
    readers
        .read(move |connection| {
            // One statement is one point in time by itself.
            if let [id] = ids[..] {
                return Ok(read_job(connection, &bucket, number, id, now)?.into_iter().collect());
            }
            let transaction = connection.transaction()?;
            ids.iter().filter_map(|id| read_job(&transaction, &bucket, number, *id, now).transpose()).collect()
        })
        .await
}
