//! The memory of a process that hashes a large file. In a process of its own, so that nothing else is measured.

use std::fs::File;
use std::sync::Arc;

use hashlane_engine::{BucketConfig, Engine, EngineOptions, HashRequest, folder_url};
use hashlane_job::{BucketName, ObjectRef};
use hashlane_lanes::Algorithm;

/// The most memory this process ever had resident, in KiB.
fn resident_kib_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Failure rule B7.
#[test]
fn a_large_file_needs_no_more_memory_than_the_budget() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    File::create(dir.path().join("large")).and_then(|file| file.set_len(512 << 20)).expect("sparse");
    let name = BucketName::parse("photos-1").expect("a name");
    let bucket = BucketConfig { name: name.clone(), region: String::new(), storage: folder_url(dir.path()) };
    let before = resident_kib_max();
    let engine = Engine::start(EngineOptions::default(), vec![bucket]).expect("started");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let request = HashRequest {
        object: ObjectRef { bucket: name, key: "large".into() },
        algorithms: vec![Algorithm::Sha256],
        checkpoint: None,
        progress: Arc::default(),
    };
    let hashed = runtime.block_on(engine.hash(request)).expect("hashed");
    assert_eq!(hashed.facts.size_bytes, 512 << 20);
    let grown = resident_kib_max() - before;
    assert!(grown < 48 * 1024, "{grown} KiB more");
}
