//! Multipart uploads: parts come one by one, and one object appears at the end.
//!
//! An upload on its way is hidden in its bucket: `.hashlane-uploads/<id>/upload` holds the key and the attributes of the object
//! to be; where its parts are is the storage's business (`local/assembly.rs`, `hidden_parts.rs`). So an upload outlives a
//! restart wherever objects do. It promises that completing checks every part by its ETag, is atomic and happens once: whoever
//! completes or aborts an upload has it alone, and who comes second is told what the first one did. What is left out on
//! purpose: expiry; uploads that nobody completes or aborts stay until somebody does.

mod hidden_parts;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hashlane_job::{BucketName, ObjectRef, Timestamp};
use hashlane_lanes::{Algorithm, Digest, Hasher};

use super::upload::Target;
use super::{Attributes, Ending, ListRequest, ObjectHead, Pager, StorageError, StorageFault, Stored, UPLOADS, Upload};
use crate::engine::Engine;
use crate::local::{PartFile, blocking};
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
    pub stored: Stored,
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
    /// Those of [`Engine::begin_upload`]; [`StorageFault::Conflict`] when the key is in the way of other objects already;
    /// [`StorageFault::Unsupported`] where the storage keeps no attributes.
    pub async fn initiate_multipart(&self, object: &ObjectRef, attributes: Attributes) -> Result<String, StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        let key = storage.path(&object.key)?;
        if key.ends_with('/') {
            return Err(StorageError::new(StorageFault::InvalidKey, "a key that ends with a slash has no parts"));
        }
        if let Storage::Folder(folder) = storage {
            let (folder, key) = (folder.clone(), key.clone());
            blocking(move || folder.check_target(&key)).await?;
        }
        let id = fresh_id()?;
        let target = Target { path: upload_path(&id), attributes, needs_attributes: true };
        let mut upload = storage.upload(target).await?;
        upload.write(Bytes::from(key)).await?;
        upload.finish(Ending::default()).await?;
        Ok(id)
    }

    /// Begins to store a part; end it with [`Engine::finish_part`]. `announced` is its length, as far as it is known: parts of
    /// one length are written to where they will lie in the object.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchUpload`], [`StorageFault::InvalidPart`] for a number that no part has, and those of the storage.
    pub async fn begin_part(
        &self,
        object: &ObjectRef,
        id: &str,
        number: u32,
        announced: Option<u64>,
    ) -> Result<Upload, StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        let key = storage.path(&object.key).map_err(|_| no_such_upload())?;
        let check_number = move || match (1..=PART_NUMBER_MAX).contains(&number) {
            true => Ok(()),
            false => {
                let message = format!("the part number must be 1 to {PART_NUMBER_MAX}");
                Err(StorageError::new(StorageFault::InvalidPart, message))
            }
        };
        match storage {
            Storage::Folder(folder) => {
                let (folder, id) = (folder.clone(), checked(id)?.to_owned());
                let begun = blocking(move || {
                    let assembly = folder.assembly(&id, &key)?;
                    check_number()?;
                    PartFile::begin(&folder, assembly, number, announced)
                });
                Ok(Upload::to_part(begun.await?))
            }
            Storage::Objects(_) => {
                find(storage, &key, id).await?;
                check_number()?;
                hidden_parts::begin(storage, id, number).await
            }
        }
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
        let storage = self.bucket_storage(&object.bucket)?;
        match storage {
            // It belongs to its upload already.
            Storage::Folder(_) => part.finish(ending).await,
            Storage::Objects(objects) => {
                let gate = objects.claims().of(id, Default::default);
                let _beside_parts_only = gate.read().await;
                find(storage, &object.key, id).await?;
                part.finish(ending).await
            }
        }
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
        let (parts, is_truncated) = match storage {
            Storage::Folder(folder) => {
                let (folder, id, key) = (folder.clone(), checked(id)?.to_owned(), object.key.clone());
                blocking(move || folder.assembly(&id, &key)?.parts(after, entries_max)).await?
            }
            Storage::Objects(_) => {
                find(storage, &object.key, id).await?;
                hidden_parts::list(storage, id, after, entries_max).await?
            }
        };
        let parts = parts.into_iter().map(|(number, stored)| StoredPart { number, stored }).collect();
        Ok(PartsPage { parts, is_truncated: is_truncated && entries_max > 0 })
    }

    /// Puts the chosen parts together to the object, and ends the upload. Asked again, at the same time or later, it waits for
    /// the first and tells of its object once more, when that is what these parts make and came after the upload began: the
    /// answer may have got lost. In a local folder it goes on when the future is dropped.
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
        ending: Ending,
    ) -> Result<Stored, StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        match complete(storage, object, id, parts, ending).await {
            Err(gone) if gone.fault == StorageFault::NoSuchUpload => {
                completed_before(storage, &object.key, id, parts).await.ok_or(gone)
            }
            completed => completed,
        }
    }

    /// Ends an upload without an object.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchUpload`], and those of the storage.
    pub async fn abort_multipart(&self, object: &ObjectRef, id: &str) -> Result<(), StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        match storage {
            Storage::Folder(folder) => {
                let (folder, name, key) = (folder.clone(), checked(id)?.to_owned(), object.key.clone());
                let of_key = {
                    let folder = folder.clone();
                    blocking(move || folder.assembly(&name, &key))
                };
                let assembly = of_key.await?;
                let alone = assembly.gate.clone().write_owned().await;
                blocking(move || {
                    let _alone = alone;
                    assembly.abort(&folder)
                })
                .await
            }
            Storage::Objects(objects) => {
                let gate = objects.claims().of(checked(id)?, Default::default);
                let _alone = gate.write().await;
                find(storage, &object.key, id).await?;
                hidden_parts::remove(storage, id).await
            }
        }
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

/// Completes an upload that is on its way.
async fn complete(
    storage: &Storage,
    object: &ObjectRef,
    id: &str,
    parts: &[PartChoice],
    ending: Ending,
) -> Result<Stored, StorageError> {
    let key = storage.path(&object.key).map_err(|_| no_such_upload())?;
    match storage {
        Storage::Folder(folder) => {
            let of_key = {
                let (folder, id, key) = (folder.clone(), checked(id)?.to_owned(), key.clone());
                blocking(move || folder.assembly(&id, &key))
            };
            let assembly = of_key.await?;
            // Whoever waits here for another completion leaves nothing behind when its client goes.
            let alone = assembly.gate.clone().write_owned().await;
            let etag = etag_of_choice(|| assembly.parts(0, 0).map(|_| ()), parts)?;
            let plan = assembly.plan(parts)?;
            let turn = match plan.copies() {
                true => Some(folder.copy_turn().await?),
                false => None,
            };
            let folder = folder.clone();
            blocking(move || {
                let (_alone, _turn) = (alone, turn);
                assembly.complete(&folder, &plan, &key, &etag, &ending.terms())
            })
            .await
        }
        Storage::Objects(objects) => {
            let gate = objects.claims().of(checked(id)?, Default::default);
            let _alone = gate.write().await;
            let pending = find(storage, &key, id).await?;
            let etag = etag_of_choice(|| Ok(()), parts)?;
            let target = Target {
                path: key,
                needs_attributes: !pending.attributes.metadata.is_empty(),
                attributes: pending.attributes,
            };
            let stored =
                hidden_parts::put_together(storage, id, parts, target, Ending { etag: Some(etag), ..ending }).await?;
            if let Err(error) = hidden_parts::remove(storage, id).await {
                // The object is there; an abort can remove the rest.
                tracing::warn!(upload = id, %error, "the parts of a completed upload could not be removed");
            }
            Ok(stored)
        }
    }
}

/// The ETag that the chosen parts make, when the choice makes sense; `exists` says whether there is an upload at all.
fn etag_of_choice(
    exists: impl FnOnce() -> Result<(), StorageError>,
    parts: &[PartChoice],
) -> Result<String, StorageError> {
    exists()?;
    if parts.is_empty() {
        return Err(StorageError::new(StorageFault::InvalidPart, "no part is named; an upload has at least one"));
    }
    if !parts.is_sorted_by(|one, next| one.number < next.number) {
        let message = "the parts are not in ascending order of their numbers";
        return Err(StorageError::new(StorageFault::InvalidPartOrder, message));
    }
    etag_of(parts)
}

/// The upload of that id, when it is one to this key.
async fn find(storage: &Storage, key: &str, id: &str) -> Result<ObjectHead, StorageError> {
    let (found, head) = read_pending(storage, id).await?;
    if found == key { Ok(head) } else { Err(no_such_upload()) }
}

/// An id that can be one of ours: ids become parts of paths.
fn checked(id: &str) -> Result<&str, StorageError> {
    if is_id(id) { Ok(id) } else { Err(no_such_upload()) }
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

pub(crate) fn no_such_upload() -> StorageError {
    StorageError::new(StorageFault::NoSuchUpload, "the specified multipart upload does not exist")
}

pub(crate) fn invalid_part(part: &PartChoice) -> StorageError {
    let message = format!("part {} was not uploaded, or not with this ETag", part.number);
    StorageError::new(StorageFault::InvalidPart, message)
}

fn upload_path(id: &str) -> String {
    format!("{UPLOADS}/{id}/upload")
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
pub(crate) fn is_id(id: &str) -> bool {
    id.len() == 42 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
