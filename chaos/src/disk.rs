//! Where the data directory is: a small file system of its own that can be filled, or a plain folder.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// The place, mounted as long as this lives.
#[derive(Debug)]
pub struct Disk {
    /// Where it is mounted; `None` for a plain folder.
    mounted: Option<PathBuf>,
}

impl Disk {
    /// Mounts a tmpfs of so many MiB at a folder.
    pub fn mount(folder: &Path, mebibytes: usize) -> Result<Disk, Failure> {
        std::fs::create_dir_all(folder)?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=0700"), "tmpfs"])
            .arg(folder)
            .output()?;
        if !mounted.status.success() {
            return Err(Failure::new(String::from_utf8_lossy(&mounted.stderr).trim().to_owned()));
        }
        Ok(Disk { mounted: Some(folder.to_owned()) })
    }

    /// A plain folder.
    pub fn plain() -> Disk {
        Disk { mounted: None }
    }

    /// Whether it can be filled without harm to others.
    pub fn can_be_filled(&self) -> bool {
        self.mounted.is_some()
    }

    fn filler(&self) -> Result<PathBuf, Failure> {
        let mounted = self.mounted.as_ref().ok_or_else(|| Failure::new("only a file system of its own is filled"))?;
        Ok(mounted.join("filler"))
    }

    /// Writes until nothing more fits.
    pub fn fill(&self) -> Result<(), Failure> {
        let mut file = File::options().create(true).append(true).open(self.filler()?)?;
        for size in [1 << 20, 4096] {
            let block = vec![0x5a; size];
            loop {
                match file.write(&block) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Takes that back.
    pub fn free(&self) -> Result<(), Failure> {
        Ok(std::fs::remove_file(self.filler()?)?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(mounted) = &self.mounted {
            // Lazily: the service, which may still be ending, has files open in it.
            let _ = Command::new("umount").arg("--lazy").arg(mounted).status();
        }
    }
}
