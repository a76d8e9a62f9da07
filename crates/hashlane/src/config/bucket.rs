//! The buckets: those of the file, those of `--bucket`, and the local one.

use std::path::{Path, PathBuf};

use hashlane_callback::SigningSecret;
use hashlane_job::BucketName;

use super::access::read_secret;
use super::callback::read_signing_secrets;
use super::document::Section;
use super::later::Later;
use super::setting::{ConfigError, Kind, Origin};
use super::storage::{self, Storage};
use super::{LOCAL_BUCKET, LOCAL_REGION, address};
use crate::cli::SettingArgs;

/// One bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// Its name.
    pub(crate) name: BucketName,
    /// The region shown in answers.
    pub(crate) region: String,
    /// Where its objects are.
    storage: Storage,
    /// What its callbacks are signed with in place of `callback.signing_secrets`, when there are any.
    pub(crate) signing_secrets: Vec<SigningSecret>,
}

impl Bucket {
    /// The URL of its objects, as the engine takes it.
    pub(crate) fn url(&self) -> String {
        self.storage.url()
    }
}

/// The buckets of the file, with those of `--bucket` added or put in place of one with the same name; the local bucket
/// where a DIR was given, the default bucket asks for it by name, or nothing else is there.
pub(super) fn read_buckets(
    root: &Section<'_>,
    args: &SettingArgs,
    data_dir: &Path,
    default_bucket: Option<&BucketName>,
    later: &mut Vec<Later>,
) -> Result<(Vec<Bucket>, Option<PathBuf>), ConfigError> {
    const FLAG: &str = "--bucket";
    let mut buckets: Vec<Bucket> = Vec::new();
    for table in root.sections("bucket")? {
        let bucket = Bucket {
            name: table.read_required("name", Kind::Text, address::bucket)?,
            region: table.read("region", Kind::Text, LOCAL_REGION, address::region)?,
            storage: table.read_required("storage", Kind::Text, Storage::parse)?,
            signing_secrets: read_signing_secrets(&table)?,
        };
        read_secret(&table, "access_key_id")?;
        read_secret(&table, "secret_access_key")?;
        if buckets.iter().any(|earlier| earlier.name == bucket.name) {
            return Err(table.wrong_key("name", &format!("two buckets have the name {}", bucket.name)));
        }
        if let Storage::Remote { scheme } = bucket.storage {
            later.push(Later::refused(
                &table,
                "storage",
                &format!("its objects are behind {scheme}, which is missing"),
            ));
        }
        table.close()?;
        buckets.push(bucket);
    }
    for text in &args.bucket {
        let wrong = |why: String| ConfigError(format!("{FLAG}: {why}"));
        let (name, url) = storage::named(text).map_err(wrong)?;
        let name = address::bucket(&name).map_err(wrong)?;
        let storage = Storage::parse(&url).map_err(wrong)?;
        if let Storage::Remote { scheme } = storage {
            later.push(Later::refused_flag(
                FLAG,
                &format!("the objects of {name} are behind {scheme}, which is missing"),
            ));
        }
        let bucket = Bucket { name, region: LOCAL_REGION.into(), storage, signing_secrets: Vec::new() };
        note_bucket(root, &bucket, Origin::Flag(FLAG))?;
        match buckets.iter_mut().find(|earlier| earlier.name == bucket.name) {
            Some(earlier) => *earlier = bucket,
            None => buckets.push(bucket),
        }
    }
    let name = address::bucket(LOCAL_BUCKET).map_err(ConfigError)?;
    let asked_for = default_bucket == Some(&name) && buckets.iter().all(|bucket| bucket.name != name);
    if args.dir.is_none() && !buckets.is_empty() && !asked_for {
        return Ok((buckets, None));
    }
    let (folder, origin) = match &args.dir {
        Some(dir) => (dir.clone(), Origin::Flag("DIR")),
        None => (data_dir.join("buckets").join(LOCAL_BUCKET), Origin::Default),
    };
    let absolute = std::path::absolute(&folder)
        .map_err(|error| ConfigError(format!("DIR: {} is no usable path: {error}", folder.display())))?;
    let storage = Storage::Folder(absolute.clone());
    let bucket = Bucket { name, region: LOCAL_REGION.into(), storage, signing_secrets: Vec::new() };
    note_bucket(root, &bucket, origin)?;
    buckets.retain(|earlier| earlier.name != bucket.name);
    buckets.push(bucket);
    Ok((buckets, args.dir.is_none().then_some(absolute)))
}

/// Makes a bucket that no file names part of what `config show` prints.
fn note_bucket(root: &Section<'_>, bucket: &Bucket, origin: Origin) -> Result<(), ConfigError> {
    let table = root.absent_table("bucket");
    table.note_text("name", bucket.name.as_str(), origin.clone());
    table.note_text("region", &bucket.region, origin.clone());
    table.note_text("storage", &bucket.url(), origin);
    table.close()
}
