//! Buckets: names and where their objects are.

use std::fmt;

use hashlane_job::BucketName;

use crate::error::EngineError;
use crate::schemes::{self, Storage};

/// A bucket and where its objects are.
#[derive(Clone)]
pub struct BucketConfig {
    /// The name.
    pub name: BucketName,
    /// The region shown in answers.
    pub region: String,
    /// `fs:///absolute/path` (percent-encoded where needed, see [`folder_url`](crate::folder_url)) or `memory://`.
    pub storage: String,
}

impl fmt::Debug for BucketConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Storage URLs of other schemes will carry credentials: only the scheme is shown.
        let scheme = self.storage.split("://").next().unwrap_or_default();
        f.debug_struct("BucketConfig")
            .field("name", &self.name)
            .field("region", &self.region)
            .field("scheme", &scheme)
            .finish()
    }
}

/// The buckets of an engine, open; both lists in the same order.
#[derive(Debug)]
pub(crate) struct Buckets {
    configs: Vec<BucketConfig>,
    storages: Vec<Storage>,
}

impl Buckets {
    /// Opens every bucket; the error of the first that fails names it.
    pub(crate) fn open(configs: Vec<BucketConfig>) -> Result<Buckets, EngineError> {
        let mut storages = Vec::with_capacity(configs.len());
        for (number, bucket) in configs.iter().enumerate() {
            let of_bucket = |why: &str| EngineError::new(format!("bucket {}: {why}", bucket.name));
            if configs[..number].iter().any(|earlier| earlier.name == bucket.name) {
                return Err(of_bucket("it is configured twice; remove one"));
            }
            storages.push(schemes::open(&bucket.storage).map_err(|error| of_bucket(&error.message))?);
        }
        Ok(Buckets { configs, storages })
    }

    /// Buckets over storages that no scheme opens.
    #[cfg(test)]
    pub(crate) fn of(configs: Vec<BucketConfig>, storages: Vec<Storage>) -> Buckets {
        Buckets { configs, storages }
    }

    /// Every bucket.
    pub(crate) fn configs(&self) -> &[BucketConfig] {
        &self.configs
    }

    /// The storage of a bucket; `None` when there is no such bucket.
    pub(crate) fn storage(&self, name: &BucketName) -> Option<&Storage> {
        let number = self.configs.iter().position(|bucket| bucket.name == *name)?;
        self.storages.get(number)
    }
}
