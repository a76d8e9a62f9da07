//! The keys of a folder in the order of their bytes, walked without reading the whole tree.
//!
//! It promises that a page costs the folders it touches, and memory for one page: of each folder on the way down it holds the
//! next [`BATCH_ENTRIES`] names at most, and no open file. A folder's name sorts with its slash, since that is how its keys go
//! on: `a.txt` comes before `a/b`, and `a0` after it. Links to files are listed like files; folders are entered by
//! their own name only, so that a link among them cannot make the listing endless.

use std::collections::BinaryHeap;
use std::ffi::CStr;

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::{Folder, attributes, failure, folder, key};
use crate::storage::{ListPage, Pager, StorageError, Turn, UPLOADS};

/// How many names of a folder are kept while the rest of it is passed over. A folder of n names is read n/1001 times to
/// list all of it.
const BATCH_ENTRIES: usize = 1001;

/// Whether the walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    On,
    Over,
}

impl Folder {
    /// Fills a page.
    pub(crate) fn list(&self, mut pager: Pager, hidden: bool) -> Result<ListPage, StorageError> {
        // What lies beside the prefix's own folder cannot be on the page.
        let prefix = pager.request().prefix.clone();
        let start = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
        let is_path = start.is_empty()
            || match start.strip_prefix(UPLOADS).filter(|_| hidden) {
                Some(inside) => inside.starts_with('/'),
                None => key::path(&start[..start.len() - 1]).is_ok(),
            };
        if is_path {
            match self.descend(start, hidden, &mut pager) {
                Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(failure::at_write(errno)),
            }
        }
        let page = pager.finish();
        // Nothing is on a page of a folder that is gone, too.
        if page.objects.is_empty() && page.prefixes.is_empty() && self.probe().is_err() {
            return Err(folder::unreachable().into());
        }
        Ok(page)
    }

    /// Offers the keys beneath a folder; `path` is empty or ends with a slash.
    fn descend(&self, path: &str, hidden: bool, pager: &mut Pager) -> Result<Walk, Errno> {
        if !path.is_empty() && self.visit(path, pager, || self.is_marked(path)) == Walk::Over {
            return Ok(Walk::Over);
        }
        let mut after: Option<String> = None;
        loop {
            let batch = match self.next_names(path, after.as_deref(), hidden, pager) {
                // Removed, or closed to us: nothing of it can be read either.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG)
                    if !path.is_empty() =>
                {
                    return Ok(Walk::On);
                }
                batch => batch?,
            };
            let is_last = batch.len() < BATCH_ENTRIES;
            after = batch.last().cloned();
            for name in batch {
                if pager.rolled().is_some_and(|rolled| path.starts_with(rolled)) {
                    return Ok(Walk::On);
                }
                let key = format!("{path}{name}");
                if !pager.wants(&key) {
                    continue;
                }
                let walk = match name.ends_with('/') {
                    true => self.descend(&key, hidden, pager)?,
                    false => self.visit(&key, pager, || true),
                };
                if walk == Walk::Over {
                    return Ok(Walk::Over);
                }
            }
            if is_last {
                return Ok(Walk::On);
            }
        }
    }

    /// Offers one key, if there is an object under it.
    fn visit(&self, key: &str, pager: &mut Pager, is_object: impl FnOnce() -> bool) -> Walk {
        if !pager.wants(key) || !is_object() {
            return Walk::On;
        }
        match pager.offer(key) {
            Turn::Full => return Walk::Over,
            Turn::Skip => {}
            // One that vanished in between, or that cannot be read, is not listed.
            Turn::Take => {
                if let Ok(object) = self.open_object(key) {
                    pager.take(key, object.head);
                }
            }
        }
        Walk::On
    }

    fn is_marked(&self, path: &str) -> bool {
        let dir = self.beneath(path.trim_end_matches('/'), OFlags::RDONLY | OFlags::DIRECTORY);
        dir.is_ok_and(|dir| attributes::marked(&dir).is_some())
    }

    /// The first names of a folder after one, in order; those of folders with their slash.
    fn next_names(&self, path: &str, after: Option<&str>, hidden: bool, pager: &Pager) -> Result<Vec<String>, Errno> {
        let at = if path.is_empty() { "." } else { path.trim_end_matches('/') };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let dir = openat2(self.dir(), at, flags, Mode::empty(), resolve)?;
        let mut names = BinaryHeap::new();
        for entry in Dir::read_from(&dir)? {
            let entry = entry?;
            let Some(name) = self.name(path, entry.file_name(), entry.file_type(), hidden) else { continue };
            if after.is_some_and(|after| *name <= *after) || !pager.wants(&format!("{path}{name}")) {
                continue;
            }
            if names.len() < BATCH_ENTRIES {
                names.push(name);
            } else if names.peek().is_some_and(|last| name < *last) {
                names.pop();
                names.push(name);
            }
        }
        Ok(names.into_sorted_vec())
    }

    /// The name as it stands in keys; `None` for what has none.
    fn name(&self, path: &str, name: &CStr, kind: FileType, hidden: bool) -> Option<String> {
        let name = name.to_str().ok().filter(|name| !matches!(*name, "." | ".."))?;
        if name.starts_with(key::RESERVED) && !hidden {
            return None;
        }
        let kind = match kind {
            // A link, or a file system that does not tell.
            FileType::Symlink | FileType::Unknown => {
                let found = self.look(&format!("{path}{name}")).ok()?;
                match found.is_file() {
                    true => FileType::RegularFile,
                    false if kind == FileType::Unknown && found.is_dir() => FileType::Directory,
                    false => return None,
                }
            }
            kind => kind,
        };
        match kind {
            FileType::RegularFile => Some(name.to_owned()),
            FileType::Directory => Some(format!("{name}/")),
            _ => None,
        }
    }
}
