//! A file layer that forgets: the files of one folder as programs see them, and as the disk has them.
//!
//! What POSIX promises after a cut of the power and nothing more: a write, a new length and a new or removed name are on the
//! disk when a later fsync of the file or folder has returned. Until then each 512 bytes of each write may be there or not,
//! in any order, and so may each length and each name.

use std::collections::BTreeMap;

use crate::chance::Chance;

/// What a disk writes as one.
const SECTOR: u64 = 512;

/// The files of a moment by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Length(u64),
}

#[derive(Debug)]
enum Naming {
    Made(String, usize),
    Removed(String),
}

/// What the disk surely has of a file, and what came since with the moment it came.
#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    unsynced: Vec<(u64, Change)>,
}

/// The layer.
#[derive(Debug)]
pub struct Layer {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    unsynced_names: Vec<(u64, Naming)>,
    now: u64,
}

/// How much of what was not synced is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// Each sector, length and name with a chance of so many per mille.
    PerMille(usize),
}

impl Layer {
    /// A disk that surely has these files.
    pub fn of(files: Files) -> Layer {
        let mut layer = Layer {
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            now: 0,
        };
        for (number, (name, synced)) in files.into_iter().enumerate() {
            layer.files.push(File { synced, unsynced: Vec::new() });
            layer.names.insert(name, number);
        }
        layer.synced_names = layer.names.clone();
        layer
    }

    /// The moment: what happened until now is before it.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Bytes were written; false when there is no such file.
    pub fn write(&mut self, name: &str, at: u64, bytes: Vec<u8>) -> bool {
        self.change(name, Change::Write { at, bytes })
    }

    /// A file was cut or grew; false when there is no such file.
    pub fn set_length(&mut self, name: &str, length: u64) -> bool {
        self.change(name, Change::Length(length))
    }

    fn change(&mut self, name: &str, change: Change) -> bool {
        let Some(file) = self.names.get(name) else { return false };
        self.now += 1;
        self.files[*file].unsynced.push((self.now, change));
        true
    }

    /// A file was opened that may not have been there.
    pub fn make(&mut self, name: &str) {
        if !self.names.contains_key(name) {
            self.now += 1;
            self.files.push(File::default());
            self.names.insert(name.to_owned(), self.files.len() - 1);
            self.unsynced_names.push((self.now, Naming::Made(name.to_owned(), self.files.len() - 1)));
        }
    }

    /// A name was removed.
    pub fn remove(&mut self, name: &str) {
        if self.names.remove(name).is_some() {
            self.now += 1;
            self.unsynced_names.push((self.now, Naming::Removed(name.to_owned())));
        }
    }

    /// An fsync of a file that began at that moment has returned. The name of the file stays what it was.
    pub fn sync(&mut self, name: &str, began: u64) {
        let Some(file) = self.names.get(name) else { return };
        let file = &mut self.files[*file];
        let end = file.unsynced.partition_point(|(at, _)| *at <= began);
        for (_, change) in file.unsynced.drain(..end) {
            apply(&mut file.synced, &change);
        }
    }

    /// An fsync of the folder that began at that moment has returned.
    pub fn sync_folder(&mut self, began: u64) {
        let end = self.unsynced_names.partition_point(|(at, _)| *at <= began);
        for (_, naming) in self.unsynced_names.drain(..end) {
            rename(&mut self.synced_names, &naming);
        }
    }

    /// How many writes, lengths and names are not synced, of this file or of all.
    pub fn unsynced(&self, name: Option<&str>) -> usize {
        match name {
            Some(name) => self.names.get(name).map_or(0, |file| self.files[*file].unsynced.len()),
            None => self.files.iter().map(|it| it.unsynced.len()).sum::<usize>() + self.unsynced_names.len(),
        }
    }

    /// What may be found after a cut of the power now.
    pub fn image(&self, kept: Kept, chance: &mut Chance) -> Files {
        let mut is_kept = move || match kept {
            Kept::Nothing => false,
            Kept::PerMille(times) => chance.per_mille(times),
        };
        let mut names = self.synced_names.clone();
        for (_, naming) in &self.unsynced_names {
            if is_kept() {
                rename(&mut names, naming);
            }
        }
        let mut content = |file: &File| {
            let mut content = file.synced.clone();
            for (_, change) in &file.unsynced {
                match change {
                    Change::Write { at, bytes } => {
                        for (at, sector) in sectors(*at, bytes) {
                            if is_kept() {
                                put(&mut content, at, sector);
                            }
                        }
                    }
                    Change::Length(_) if is_kept() => apply(&mut content, change),
                    Change::Length(_) => {}
                }
            }
            content
        };
        names.into_iter().map(|(name, file)| (name, content(&self.files[file]))).collect()
    }
}

fn rename(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Made(name, file) => names.insert(name.clone(), *file),
        Naming::Removed(name) => names.remove(name),
    };
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => put(content, *at, bytes),
        Change::Length(length) => content.resize(*length as usize, 0),
    }
}

fn put(content: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let (at, end) = (at as usize, at as usize + bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// The parts of a write that lie in one sector each.
fn sectors(at: u64, mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let (mut at, mut parts) = (at, Vec::new());
    while !bytes.is_empty() {
        let (part, rest) = bytes.split_at(bytes.len().min((SECTOR - at % SECTOR) as usize));
        parts.push((at, part));
        (at, bytes) = (at + part.len() as u64, rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> Layer {
        Layer::of(Files::from([("a".to_owned(), b"old".to_vec())]))
    }

    fn forgotten(layer: &Layer) -> Files {
        layer.image(Kept::Nothing, &mut Chance::of(1, 1))
    }

    #[test]
    fn what_was_not_synced_is_forgotten_and_what_was_is_not() {
        let mut layer = layer();
        assert!(layer.write("a", 0, b"new".to_vec()));
        assert_eq!(forgotten(&layer)["a"], b"old");
        layer.sync("a", layer.now());
        assert_eq!(forgotten(&layer)["a"], b"new");
        assert!(layer.set_length("a", 1));
        assert_eq!(forgotten(&layer)["a"], b"new");
        assert_eq!(layer.image(Kept::PerMille(1000), &mut Chance::of(1, 1))["a"], b"n");
    }

    #[test]
    fn a_write_after_the_beginning_of_a_sync_is_not_synced_by_it() {
        let mut layer = layer();
        assert!(layer.write("a", 0, b"new".to_vec()));
        let began = layer.now();
        assert!(layer.write("a", 0, b"NEW".to_vec()));
        layer.sync("a", began);
        assert_eq!(forgotten(&layer)["a"], b"new");
        assert_eq!(layer.unsynced(Some("a")), 1);
    }

    #[test]
    fn a_name_is_forgotten_until_its_folder_is_synced() {
        let mut layer = layer();
        layer.make("b");
        assert!(layer.write("b", 0, b"new".to_vec()));
        layer.sync("b", layer.now());
        assert!(!forgotten(&layer).contains_key("b"));
        layer.sync_folder(layer.now());
        assert_eq!(forgotten(&layer)["b"], b"new");
        layer.remove("a");
        assert_eq!(forgotten(&layer)["a"], b"old");
        layer.sync_folder(layer.now());
        assert!(!forgotten(&layer).contains_key("a"));
    }

    #[test]
    fn a_write_that_was_not_synced_is_torn_between_sectors() {
        let mut layer = layer();
        assert!(layer.write("a", 100, vec![7; 4096]));
        let torn = &layer.image(Kept::PerMille(500), &mut Chance::of(1, 1))["a"];
        let kept: Vec<bool> = (512..4096).step_by(512).map(|at| torn.get(at) == Some(&7)).collect();
        assert!(kept.contains(&true) && kept.contains(&false), "{kept:?}");
        for (number, kept) in kept.iter().enumerate() {
            let sector = (number + 1) * 512..(number + 2) * 512;
            assert!(torn.get(sector).unwrap_or(&[]).iter().all(|byte| (*byte == 7) == *kept));
        }
    }
}
