//! The storage calls of the engine on single objects, and listings.

use std::sync::Arc;

use bytes::Bytes;
use hashlane_job::{BucketName, ObjectRef};

use super::read::Source;
use super::upload::Target;
use super::{
    Attributes, Ending, ListPage, ListRequest, ObjectHead, OpenObject, Pager, Precondition, StorageError, StorageFault,
    Stored, Terms, UPLOADS, Upload,
};
use crate::engine::Engine;
use crate::local::{Folder, LocalObject, Wanted, blocking};
use crate::schemes::Storage;

impl Engine {
    /// What is told of an object.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchBucket`], [`StorageFault::NotFound`], [`StorageFault::InvalidKey`], and those of the storage.
    pub async fn head_object(&self, object: &ObjectRef) -> Result<ObjectHead, StorageError> {
        Ok(self.open_object(object).await?.head)
    }

    /// Opens one version of an object.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::head_object`].
    pub async fn open_object(&self, object: &ObjectRef) -> Result<OpenObject, StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        storage.open(storage.path(&object.key)?).await
    }

    /// Begins an upload. Nothing of it can be seen before [`Upload::finish`].
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchBucket`], [`StorageFault::InvalidKey`], and those of the storage.
    pub async fn begin_upload(&self, object: &ObjectRef, attributes: Attributes) -> Result<Upload, StorageError> {
        self.bucket_storage(&object.bucket)?.upload(self.target(object, attributes)?).await
    }

    /// Whether an upload could be published now, on these terms: for refusing it before its bytes come. What holds when they
    /// have come is asked once more then.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::begin_upload`], [`StorageFault::PreconditionFailed`] and [`StorageFault::Exists`].
    pub async fn check_ending(&self, object: &ObjectRef, ending: &Ending) -> Result<(), StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        let (path, terms) = (storage.path(&object.key)?, ending.terms());
        if terms.precondition.is_none() && !terms.keep_existing {
            return Ok(());
        }
        match storage {
            Storage::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.check_terms(&path, &terms)).await
            }
            Storage::Objects(objects) => objects.may_store(&path, &terms).await,
        }
    }

    /// Stores an object that is at hand as a whole.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::begin_upload`] and [`Upload::finish`].
    pub async fn put_object(
        &self,
        object: &ObjectRef,
        body: Bytes,
        attributes: Attributes,
    ) -> Result<Stored, StorageError> {
        let mut upload = self.begin_upload(object, attributes).await?;
        upload.write(body).await?;
        upload.finish(Ending::default()).await
    }

    /// Copies an object that is open, also within or onto itself, with the attributes it had or with new ones.
    ///
    /// # Errors
    ///
    /// Those of reading and of [`Engine::begin_upload`].
    pub async fn copy_object(
        &self,
        from: OpenObject,
        to: &ObjectRef,
        attributes: Option<Attributes>,
        ending: Ending,
    ) -> Result<Stored, StorageError> {
        let attributes = attributes.unwrap_or_else(|| from.head.attributes.clone());
        if let (Source::File(file), Some(crc64), Storage::Folder(folder)) =
            (&from.source, from.head.crc64, self.bucket_storage(&to.bucket)?)
            && from.head.size_bytes > 0
        {
            return copy_file(folder, file.clone(), crc64, self.target(to, attributes)?, &ending).await;
        }
        let mut upload = self.begin_upload(to, attributes).await?;
        let size_bytes = from.head.size_bytes;
        let mut bytes = from.read(0..size_bytes).await?;
        while let Some(piece) = bytes.next().await? {
            upload.write(piece).await?;
        }
        upload.finish(ending).await
    }

    /// Deletes an object; one that does not exist is deleted already.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchBucket`], [`StorageFault::InvalidKey`], and those of the storage.
    pub async fn delete_object(&self, object: &ObjectRef) -> Result<(), StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        storage.delete(storage.path(&object.key)?, Terms::default()).await
    }

    /// Deletes an object when a precondition holds of what is there in that moment.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::delete_object`], and [`StorageFault::PreconditionFailed`].
    pub async fn delete_object_if(&self, object: &ObjectRef, precondition: Precondition) -> Result<(), StorageError> {
        let storage = self.bucket_storage(&object.bucket)?;
        let terms = Terms { precondition: Some(precondition), ..Terms::default() };
        storage.delete(storage.path(&object.key)?, terms).await
    }

    /// One page of the keys of a bucket.
    ///
    /// # Errors
    ///
    /// [`StorageFault::NoSuchBucket`], and those of the storage.
    pub async fn list_objects(&self, bucket: &BucketName, request: ListRequest) -> Result<ListPage, StorageError> {
        let storage = self.bucket_storage(bucket)?;
        if request.entries_max == 0 || request.prefix.starts_with(UPLOADS) {
            return Ok(ListPage::default());
        }
        storage.list(Pager::new(request), false).await
    }

    fn target(&self, object: &ObjectRef, attributes: Attributes) -> Result<Target, StorageError> {
        let needs_attributes = !attributes.metadata.is_empty();
        let path = self.bucket_storage(&object.bucket)?.path(&object.key)?;
        Ok(Target { path, attributes, needs_attributes })
    }

    pub(super) fn bucket_storage(&self, bucket: &BucketName) -> Result<&Storage, StorageError> {
        let missing = || StorageError::new(StorageFault::NoSuchBucket, "the specified bucket does not exist");
        self.open_storage(bucket).ok_or_else(missing)
    }
}

/// A copy of a file from one folder to another or to the same, without reading it here: ETag and CRC are those of its upload. It
/// stops when nobody waits for it any more.
async fn copy_file(
    folder: &Arc<Folder>,
    file: Arc<LocalObject>,
    crc64: u64,
    target: Target,
    ending: &Ending,
) -> Result<Stored, StorageError> {
    let turn = folder.copy_turn().await?;
    let (wanted, wish) = Wanted::while_held();
    let (folder, terms) = (folder.clone(), ending.terms());
    let copied = blocking(move || {
        let _turn = turn;
        let mut temporary = folder.temporary()?;
        temporary.copy(&file, &wanted)?;
        let etag = file.head.etag.clone();
        let modified = temporary.store(&target, &etag, crc64, &terms)?;
        Ok(Stored { size_bytes: file.head.size_bytes, etag, crc64, modified })
    });
    let copied = copied.await;
    drop(wish);
    copied
}

/// The same few verbs for every scheme, on paths that were checked. Uploads on their way are kept with them as well, under
/// [`UPLOADS`].
impl Storage {
    /// The path that a key names.
    pub(super) fn path(&self, key: &str) -> Result<String, StorageError> {
        let checked = match self {
            Storage::Folder(_) => crate::local::object_path(key),
            Storage::Objects(_) => crate::objects::object_path(key),
        };
        let checked = checked.map_err(|refused| StorageError::new(StorageFault::InvalidKey, refused.message))?;
        Ok(checked.to_owned())
    }

    pub(super) async fn open(&self, path: String) -> Result<OpenObject, StorageError> {
        match self {
            Storage::Folder(folder) => {
                let folder = folder.clone();
                let file = blocking(move || folder.open_object(&path)).await?;
                Ok(OpenObject { head: file.head.clone(), source: Source::File(Arc::new(file)) })
            }
            Storage::Objects(objects) => {
                let (head, version) = objects.head(&path).await?;
                Ok(OpenObject { head, source: Source::Object { objects: objects.clone(), path, version } })
            }
        }
    }

    pub(super) async fn upload(&self, target: Target) -> Result<Upload, StorageError> {
        match self {
            Storage::Folder(folder) => {
                let folder = folder.clone();
                Ok(Upload::to_folder(target, blocking(move || folder.temporary()).await?))
            }
            Storage::Objects(objects) => {
                let writer = objects.writer(&target.path).await?;
                Ok(Upload::to_objects(target, objects.clone(), writer))
            }
        }
    }

    pub(super) async fn delete(&self, path: String, terms: Terms) -> Result<(), StorageError> {
        match self {
            Storage::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.delete(&path, &terms)).await
            }
            Storage::Objects(objects) => objects.delete(&path, &terms).await,
        }
    }

    /// `hidden`: what is listed are uploads on their way.
    pub(super) async fn list(&self, pager: Pager, hidden: bool) -> Result<ListPage, StorageError> {
        match self {
            Storage::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.list(pager, hidden)).await
            }
            Storage::Objects(objects) => objects.list(pager, hidden).await,
        }
    }
}
