//! Parts of multipart uploads in storages behind OpenDAL: hidden objects `.hashlane-uploads/<id>/part-<number>`.
//!
//! What holds for objects holds for them: they are replaced as a whole, and have ETag and CRC. Completing reads them all once
//! more. Whoever calls has seen to it that nobody else works on the upload.

use super::{PAGE_ENTRIES, PartChoice, invalid_part, upload_path};
use crate::schemes::Storage;
use crate::storage::{
    Attributes, Ending, ListRequest, OpenObject, Pager, StorageError, StorageFault, Stored, Target, UPLOADS, Upload,
};

/// Begins to store a part.
pub(super) async fn begin(storage: &Storage, id: &str, number: u32) -> Result<Upload, StorageError> {
    let (path, attributes) = (part_path(id, number), Attributes::default());
    storage.upload(Target { path, attributes, needs_attributes: true }).await
}

/// The parts after a number, at most so many, and whether there are more.
pub(super) async fn list(
    storage: &Storage,
    id: &str,
    after: u32,
    entries_max: usize,
) -> Result<(Vec<(u32, Stored)>, bool), StorageError> {
    if entries_max == 0 {
        return Ok((vec![], false));
    }
    let (prefix, marker) = (part_prefix(id), part_path(id, after.min(super::PART_NUMBER_MAX)));
    let request = ListRequest { prefix: prefix.clone(), delimiter: String::new(), marker, entries_max };
    let page = storage.list(Pager::new(request), true).await?;
    let parts = page.objects.into_iter().filter_map(|listed| {
        let number = listed.key.strip_prefix(&prefix)?.parse().ok()?;
        let head = listed.head;
        let crc64 = head.crc64.unwrap_or_default();
        Some((number, Stored { size_bytes: head.size_bytes, etag: head.etag, crc64, modified: head.modified }))
    });
    Ok((parts.collect(), page.next_marker.is_some()))
}

/// One object of the chosen parts, each of which must have the ETag that the client was told.
pub(super) async fn put_together(
    storage: &Storage,
    id: &str,
    parts: &[PartChoice],
    target: Target,
    ending: Ending,
) -> Result<Stored, StorageError> {
    for part in parts {
        open(storage, id, part).await?;
    }
    let mut upload = storage.upload(target).await?;
    for part in parts {
        let open = open(storage, id, part).await?;
        let size_bytes = open.head.size_bytes;
        let mut bytes = open.read(0..size_bytes).await?;
        while let Some(piece) = bytes.next().await? {
            upload.write(piece).await?;
        }
    }
    upload.finish(ending).await
}

async fn open(storage: &Storage, id: &str, part: &PartChoice) -> Result<OpenObject, StorageError> {
    let open = storage.open(part_path(id, part.number)).await.map_err(|error| match error.fault {
        StorageFault::NotFound => invalid_part(part),
        _ => error,
    })?;
    if open.head.etag.trim_matches('"') == part.etag.trim_matches('"') { Ok(open) } else { Err(invalid_part(part)) }
}

/// Removes all that belongs to an upload; the upload itself first, so that no more parts come.
pub(super) async fn remove(storage: &Storage, id: &str) -> Result<(), StorageError> {
    storage.delete(upload_path(id), Default::default()).await?;
    loop {
        let request = ListRequest {
            prefix: format!("{UPLOADS}/{id}/"),
            delimiter: String::new(),
            marker: String::new(),
            entries_max: PAGE_ENTRIES,
        };
        let page = storage.list(Pager::new(request), true).await?;
        for listed in page.objects {
            storage.delete(listed.key, Default::default()).await?;
        }
        if page.next_marker.is_none() {
            return Ok(());
        }
    }
}

fn part_prefix(id: &str) -> String {
    format!("{UPLOADS}/{id}/part-")
}

/// Five digits, so that the order of names is that of numbers.
fn part_path(id: &str, number: u32) -> String {
    format!("{}{number:05}", part_prefix(id))
}
