//! Local folders as buckets: keys are paths beneath the folder, objects are regular files.
//!
//! It promises that no key, link or race leads out of the folder, that nothing but a regular file is ever read, and that a
//! digest belongs to one version of the file. What it leaves out on purpose: OpenDAL, whose service for folders follows
//! links wherever they lead, and would copy every byte through async tasks. The hashing thread reads a file itself, into
//! its lane's own buffer.
//!
//! Linux only: it stands on `openat2` (Linux 5.6) and refuses to start without. The alternative, walking components
//! with `O_NOFOLLOW`, would refuse links that stay inside the bucket, and be a second path that nobody tests.

mod assembly;
mod attributes;
mod change_time;
mod copy;
mod failure;
mod file;
mod folder;
mod header;
mod journal;
mod key;
mod object;
mod part_file;
mod publish;
mod sink;
mod walk;

pub(crate) use copy::Wanted;
pub(crate) use file::{OpenFile, Opened};
pub(crate) use folder::Folder;
pub(crate) use key::object_path;
pub(crate) use object::{LocalObject, blocking};
pub(crate) use part_file::PartFile;
pub(crate) use sink::Temporary;
