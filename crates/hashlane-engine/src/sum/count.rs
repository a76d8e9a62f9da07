//! How much there is to do: a walk of its own that counts files and bytes, for whoever shows how long it will take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::folder::{Folder, Kind, c_path};
use super::intake::Walk;

/// Files and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SumTotal {
    /// Regular files.
    pub files: u64,
    /// Their lengths together.
    pub bytes: u64,
}

impl SumTotal {
    /// Counts what [`Intake::path`](super::Intake::path) would sum of these paths; none when `stop` was set meanwhile. What
    /// cannot be read counts for nothing.
    pub fn of(paths: &[Vec<u8>], recursive: bool, stop: &AtomicBool) -> Option<SumTotal> {
        let mut total = SumTotal::default();
        let working = Arc::new(Folder::working());
        for path in paths.iter().filter_map(|path| c_path(path).ok()) {
            match Folder::kind_of_path(&path) {
                Ok(Kind::File) => total.add(working.file_bytes(&path)),
                Ok(Kind::Folder) if recursive => {
                    let mut walk = Walk::default();
                    let _ = walk.enter(&working, &path, true);
                    while let Some((folder, kind, name)) = walk.next() {
                        match kind {
                            Kind::File => total.add(folder.file_bytes(&name)),
                            Kind::Folder => drop(walk.enter(&folder, &name, false)),
                            Kind::Link | Kind::Special => {}
                        }
                        if stop.load(Ordering::Relaxed) {
                            return None;
                        }
                    }
                }
                _ => {}
            }
        }
        Some(total)
    }

    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}
