//! Multipart uploads: parts come one by one, and one object appears at the end.
//!
//! An upload on its way is a few hidden objects of its bucket: `.hashlane-uploads/<id>/upload` holds the key and the
//! attributes of the object to be, `.hashlane-uploads/<id>/part-<number>` each part. So an upload outlives a restart wherever
//! objects do, and what holds for objects holds for parts: they are replaced as a whole, and have ETag and CRC. It promises
//! that completing checks every part by its ETag and is atomic. What is left out on purpose: expiry; uploads that nobody
//! completes or aborts stay until somebody does.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hashlane_job::{BucketName, ObjectRef, Timestamp};
use hashlane_lanes::{Algorithm, Digest, Hasher};

use super::upload::Target;
use super::{
    Attributes, Ending, ListRequest, ListedObject, ObjectHead, OpenObject, Pager, StorageError, StorageFault, Stored,
    UPLOADS, Upload,
};
use crate::engine::Engine;
use crate::schemes::Storage;

/// Parts have the numbers 1 to 10,000.
pub const PART_NUMBER_MAX: u32 = 10_000;

/// Keys are shorter: a hidden object that is longer is not ours.
const KEY_BYTES_MAX: u64 = 4096;

/// How many parts or uploads are looked at in one go.
const PAGE_ENTRIES: usize = 1000;

/// A part that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// Its number.
    pub number: u32,
    /// What is told of it; its ETag is the MD5.
    pub head: ObjectHead,
}

/// One page of the parts of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartsPage {
    /// By number.
    pub parts: Vec<StoredPart>,
    /// Whether there are more.
    pub is_truncated: bool,
}

/// A part as the client names it at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartChoice {
    /// Its number.
    pub number: u32,
    /// Its ETag, with or without quotes.
    pub etag: String,
}

/// An upload on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUpload {
    /// The key of the object to be.
    pub key: String,
    /// Its name.
    pub upload_id: String,
    /// When it began.
    pub initiated: Timestamp,
}

/// What a listing of uploads asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListUploadsRequest {
    /// Only of keys that begin so.
    pub prefix: String,
    /// As in [`ListRequest`].
    pub delimiter: String,
    /// Only of keys after this one, or of this key and ids after `upload_id_marker`.
    pub key_marker: String,
    /// Counts only with `key_marker`.
    pub upload_id_marker: String,
    /// How many uploads and common prefixes at most.
    pub entries_max: usize,
}

/// One page of uploads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsPage {
    /// By key, then id.
    pub uploads: Vec<PendingUpload>,
    /// Common prefixes in order.
    pub prefixes: Vec<String>,
    /// Key and id after which the next page begins; `None` when this is the last.
    pub next: Option<(String, String)>,
}

impl Engine {
    /// Begins a multipart upload and gives its id.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::begin_upload`]; [`StorageFault::Unsupported`] where the storage keeps no attributes.
    pub async fn initiate_multipart(&self, object: &ObjectRef, attributes: Attributes) -> Result<String, StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        let key = storage.path(&object.key)?;
        if key.ends_with('/') {
            return Err(StorageError::new(StorageFault::InvalidKey, "a key that ends with a slash has no parts"));
        }
        let id = fresh_id()?;
        let target = Target { path: upload_path(&id), attributes, needs_attributes: true };
        let mut upload = storage.upload(target).await?;
        upload.write(Bytes::from(key)).await?;
        upload.finish(Ending::default()).await?;
        Ok(id)
    }

    /// Begins to store a part; end it with [`Engine::finish_part`].
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchUpload`], [`StorageFault::InvalidPart`] for a number that no part has, and those of the storage.
    pub async fn begin_part(&self, object: &ObjectRef, id: &str, number: u32) -> Result<Upload, StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        find(storage, &object.key, id).await?;
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            let message = format!("the part number must be 1 to {PART_NUMBER_MAX}");
            return Err(StorageError::new(StorageFault::InvalidPart, message));
        }
        let (path, attributes) = (part_path(id, number), Attributes::default());
        storage.upload(Target { path, attributes, needs_attributes: true }).await
    }

    /// Stores a part; an earlier one of its number is replaced.
    ///
    /// # Errors
    ///
    /// Those of [`Upload::finish`]; [`StorageFault::NoSuchUpload`] when the upload ended meanwhile.
    pub async fn finish_part(
        &self,
        object: &ObjectRef,
        id: &str,
        part: Upload,
        ending: Ending,
    ) -> Result<Stored, StorageError> {
        let stored = part.finish(ending).await?;
        let storage = self.bucket_storage(&object.bucket)?;
        if let Err(gone) = find(storage, &object.key, id).await {
            // Aborted in between: the part would lie there for good.
            remove(storage, id).await?;
            return Err(gone);
        }
        Ok(stored)
    }

    /// The parts of an upload after a number.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchUpload`], and those of the storage.
    pub async fn list_parts(
        &self,
        object: &ObjectRef,
        id: &str,
        after: u32,
        entries_max: usize,
    ) -> Result<PartsPage, StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        find(storage, &object.key, id).await?;
        if entries_max == 0 {
            return Ok(PartsPage::default());
        }
        let marker = part_path(id, after.min(PART_NUMBER_MAX));
        let request = ListRequest { prefix: part_prefix(id), delimiter: String::new(), marker, entries_max };
        let page = storage.list(Pager::new(request), true).await?;
        let prefix = part_prefix(id);
        let part = |listed: ListedObject| {
            let number = listed.key.strip_prefix(&prefix)?.parse().ok()?;
            Some(StoredPart { number, head: listed.head })
        };
        Ok(PartsPage {
            parts: page.objects.into_iter().filter_map(part).collect(),
            is_truncated: page.next_marker.is_some(),
        })
    }

    /// Puts the chosen parts together to the object, and ends the upload. Asked again for an upload that is over, it tells of the
    /// object once more when that is what these parts make and came after the upload began: the answer may have got lost.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchUpload`], [`StorageFault::InvalidPart`], [`StorageFault::InvalidPartOrder`], those of reading and
    /// of [`Upload::finish`]. The upload stays then.
    pub async fn complete_multipart(
        &self,
        object: &ObjectRef,
        id: &str,
        parts: &[PartChoice],
        keep_existing: bool,
    ) -> Result<Stored, StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        let pending = match find(storage, &object.key, id).await {
            Err(gone) if gone.fault == StorageFault::NoSuchUpload => {
                return completed_before(storage, &object.key, id, parts).await.ok_or(gone);
            }
            found => found?,
        };
        if parts.is_empty() {
            return Err(StorageError::new(StorageFault::InvalidPart, "no part is named; an upload has at least one"));
        }
        if !parts.is_sorted_by(|one, next| one.number < next.number) {
            let message = "the parts are not in ascending order of their numbers";
            return Err(StorageError::new(StorageFault::InvalidPartOrder, message));
        }
        for part in parts {
            open_part(storage, id, part).await?;
        }
        let etag = etag_of(parts)?;

        let attributes = pending.head.attributes;
        let needs_attributes = !attributes.metadata.is_empty();
        let target = Target { path: storage.path(&object.key)?, attributes, needs_attributes };
        let mut upload = storage.upload(target).await?;
        for part in parts {
            let open = open_part(storage, id, part).await?;
            let size_bytes = open.head.size_bytes;
            let mut bytes = open.read(0..size_bytes).await?;
            while let Some(piece) = bytes.next().await? {
                upload.write(piece).await?;
            }
        }
        let stored = upload.finish(Ending { content_md5: None, keep_existing, etag: Some(etag) }).await?;
        if let Err(error) = remove(storage, id).await {
            // The object is there; an abort can remove the rest.
            tracing::warn!(bucket = %object.bucket, upload = id, %error, "the parts of a completed upload could not be removed");
        }
        Ok(stored)
    }

    /// Ends an upload without an object.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchUpload`], and those of the storage.
    pub async fn abort_multipart(&self, object: &ObjectRef, id: &str) -> Result<(), StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        find(storage, &object.key, id).await?;
        remove(storage, id).await
    }

    /// One page of the uploads on their way to a bucket.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchBucket`], and those of the storage.
    pub async fn list_multiparts(
        &self,
        bucket: &BucketName,
        request: ListUploadsRequest,
    ) -> Result<UploadsPage, StorageError> {
        let storage = self.bucket_storage(bucket)?;
        let wanted = wanted_uploads(storage, &request).await?;
        let (mut page, mut last) = (UploadsPage::default(), (String::new(), String::new()));
        for ((key, upload_id), initiated) in wanted {
            let common = common_prefix(&key, &request);
            if common.is_some_and(|common| page.prefixes.last().is_some_and(|have| have == common)) {
                continue;
            }
            if page.uploads.len() + page.prefixes.len() >= request.entries_max {
                page.next = Some(last);
                break;
            }
            match common {
                Some(common) => {
                    // Every key that begins so is passed with it.
                    last = (format!("{common}\u{10ffff}"), String::new());
                    page.prefixes.push(common.to_owned());
                }
                None => {
                    last = (key.clone(), upload_id.clone());
                    page.uploads.push(PendingUpload { key, upload_id, initiated });
                }
            }
        }
        Ok(page)
    }
}

/// The first uploads after the markers, one more than a page holds of those that are not rolled up.
async fn wanted_uploads(
    storage: &Storage,
    request: &ListUploadsRequest,
) -> Result<BTreeMap<(String, String), Timestamp>, StorageError> {
    let mut wanted = BTreeMap::new();
    if request.entries_max == 0 {
        return Ok(wanted);
    }
    let mut marker = String::new();
    loop {
        // Ids come in no order of keys, so all of them are looked at.
        let (prefix, delimiter) = (format!("{UPLOADS}/"), "/".to_owned());
        let ids = ListRequest { prefix: prefix.clone(), delimiter, marker, entries_max: PAGE_ENTRIES };
        let page = storage.list(Pager::new(ids), true).await?;
        for folder in &page.prefixes {
            let id = folder[prefix.len()..].trim_end_matches('/');
            let Ok((key, head)) = read_pending(storage, id).await else { continue };
            let after = match key.as_str().cmp(&request.key_marker) {
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Equal => !request.upload_id_marker.is_empty() && *id > *request.upload_id_marker,
                std::cmp::Ordering::Less => false,
            };
            if !after || !key.starts_with(&request.prefix) {
                continue;
            }
            // Of the keys that are rolled up together one is enough.
            let rolled = common_prefix(&key, request).map(str::to_owned);
            let twin = |kept: &String| rolled.is_some() && common_prefix(kept, request) == rolled.as_deref();
            if !wanted.keys().any(|(kept, _)| twin(kept)) {
                wanted.insert((key, id.to_owned()), head.modified);
            }
            if wanted.len() > request.entries_max + 1 {
                wanted.pop_last();
            }
        }
        match page.next_marker {
            Some(next) => marker = next,
            None => return Ok(wanted),
        }
    }
}

fn common_prefix<'a>(key: &'a str, request: &ListUploadsRequest) -> Option<&'a str> {
    let rest = key.strip_prefix(request.prefix.as_str())?;
    let at = rest.find(request.delimiter.as_str()).filter(|_| !request.delimiter.is_empty())?;
    Some(&key[..request.prefix.len() + at + request.delimiter.len()])
}

/// The upload of that id, when it is one to this key.
async fn find(storage: &Storage, key: &str, id: &str) -> Result<PendingHead, StorageError> {
    let (found, head) = read_pending(storage, id).await?;
    if found == key { Ok(PendingHead { head }) } else { Err(no_such_upload()) }
}

struct PendingHead {
    head: ObjectHead,
}

/// Key and head of the upload of that id.
async fn read_pending(storage: &Storage, id: &str) -> Result<(String, ObjectHead), StorageError> {
    if !is_id(id) {
        return Err(no_such_upload());
    }
    let open = storage.open(upload_path(id)).await.map_err(|error| match error.fault {
        StorageFault::NotFound => no_such_upload(),
        _ => error,
    })?;
    let head = open.head.clone();
    if head.size_bytes > KEY_BYTES_MAX {
        return Err(no_such_upload());
    }
    let (mut key, mut bytes) = (Vec::new(), open.read(0..head.size_bytes).await?);
    while let Some(piece) = bytes.next().await? {
        key.extend_from_slice(&piece);
    }
    let key = String::from_utf8(key).map_err(|_| no_such_upload())?;
    Ok((key, head))
}

/// The chosen part, which must have the ETag that the client was told.
async fn open_part(storage: &Storage, id: &str, part: &PartChoice) -> Result<OpenObject, StorageError> {
    let open = storage.open(part_path(id, part.number)).await.map_err(|error| match error.fault {
        StorageFault::NotFound => invalid_part(part),
        _ => error,
    })?;
    if open.head.etag.trim_matches('"') == part.etag.trim_matches('"') { Ok(open) } else { Err(invalid_part(part)) }
}

/// The ETag of the object that these parts make: the MD5 of their MD5s, which are their ETags, and how many there are.
fn etag_of(parts: &[PartChoice]) -> Result<String, StorageError> {
    let mut md5s = Hasher::new(Algorithm::Md5);
    for part in parts {
        let md5 = Digest::from_hex(Algorithm::Md5, part.etag.trim_matches('"')).ok_or_else(|| invalid_part(part))?;
        md5s.update(md5.as_bytes());
    }
    Ok(format!("\"{}-{}\"", md5s.finish(), parts.len()))
}

/// What completing an upload that is over has made, when it has: nothing is kept of uploads that ended, but an object that has the
/// ETag of these parts and is not older than the id of the upload holds what was asked for.
async fn completed_before(storage: &Storage, key: &str, id: &str, parts: &[PartChoice]) -> Option<Stored> {
    let began = is_id(id).then(|| i64::from_str_radix(&id[..ID_SECONDS_DIGITS], 16).ok())??;
    let head = storage.open(storage.path(key).ok()?).await.ok()?.head.clone();
    // File systems tell times that lag by some milliseconds.
    let is_ours = head.etag == etag_of(parts).ok()? && head.modified.unix_seconds() + 1 >= began;
    let crc64 = head.crc64.filter(|_| is_ours)?;
    Some(Stored { size_bytes: head.size_bytes, etag: head.etag, crc64, modified: head.modified })
}

/// Removes all that belongs to an upload; the upload itself first, so that no more parts come.
async fn remove(storage: &Storage, id: &str) -> Result<(), StorageError> {
    storage.delete(upload_path(id)).await?;
    loop {
        let request = ListRequest {
            prefix: format!("{UPLOADS}/{id}/"),
            delimiter: String::new(),
            marker: String::new(),
            entries_max: PAGE_ENTRIES,
        };
        let page = storage.list(Pager::new(request), true).await?;
        for listed in page.objects {
            storage.delete(listed.key).await?;
        }
        if page.next_marker.is_none() {
            return Ok(());
        }
    }
}

fn no_such_upload() -> StorageError {
    StorageError::new(StorageFault::NoSuchUpload, "the specified multipart upload does not exist")
}

fn invalid_part(part: &PartChoice) -> StorageError {
    let message = format!("part {} was not uploaded, or not with this ETag", part.number);
    StorageError::new(StorageFault::InvalidPart, message)
}

fn upload_path(id: &str) -> String {
    format!("{UPLOADS}/{id}/upload")
}

fn part_prefix(id: &str) -> String {
    format!("{UPLOADS}/{id}/part-")
}

/// Five digits, so that the order of names is that of numbers.
fn part_path(id: &str, number: u32) -> String {
    format!("{}{number:05}", part_prefix(id))
}

/// An id begins with so many hex digits of the seconds since 1970.
const ID_SECONDS_DIGITS: usize = 10;

/// Ten hex digits of the time and 32 that nobody can guess.
fn fresh_id() -> Result<String, StorageError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|_| StorageError::new(StorageFault::Unavailable, "the system gives no random bytes"))?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(format!("{:010x}{:032x}", seconds & 0xff_ffff_ffff, u128::from_be_bytes(random)))
}

/// Ids become parts of paths: nothing but those of our making may.
fn is_id(id: &str) -> bool {
    id.len() == 42 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
