//! What is told when an engine cannot start, and whether its buckets answer.

use hashlane_engine::{BucketConfig, Engine, EngineOptions, folder_url};
use hashlane_job::BucketName;

use crate::bucket::{NAME, run, start};

fn bucket(name: &str, storage: &str) -> BucketConfig {
    BucketConfig { name: BucketName::parse(name).expect("a name"), region: "local".into(), storage: storage.into() }
}

#[test]
fn a_bucket_that_cannot_be_opened_is_named_with_what_to_do() {
    for (buckets, message) in [
        (
            vec![bucket("a-1", "memory://"), bucket("b-1", "fs:///does/not/exist")],
            "bucket b-1: its folder /does/not/exist does not exist; create it, or correct the bucket's storage",
        ),
        (
            vec![bucket("a-1", "gopher://x")],
            "bucket a-1: its storage has the unknown scheme \"gopher\"; known are fs:///srv/photos, memory://",
        ),
        (
            vec![bucket("a-1", "memory://"), bucket("a-1", "memory://")],
            "bucket a-1: it is configured twice; remove one",
        ),
    ] {
        let error = Engine::start(EngineOptions::default(), buckets).expect_err(message);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_probe_tells_whether_the_storage_answers() {
    run(async {
        let name = BucketName::parse(NAME).expect("a name");
        assert!(start(EngineOptions::default(), "memory://").probe(&name).await.is_ok());

        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = dir.path().join("in");
        std::fs::create_dir(&folder).expect("made");
        let engine = start(EngineOptions::default(), &folder_url(&folder));
        assert!(engine.probe(&name).await.is_ok());

        let other = BucketName::parse("other-1").expect("a name");
        assert_eq!(engine.probe(&other).await.expect_err("unknown").message, "bucket other-1: it is not configured");

        std::fs::rename(&folder, dir.path().join("old")).expect("moved");
        let error = engine.probe(&name).await.expect_err("gone");
        assert!(error.message.starts_with(&format!("bucket {NAME}: its folder ")), "{error}");
        std::fs::create_dir(&folder).expect("made");
        let error = engine.probe(&name).await.expect_err("another");
        assert!(error.message.ends_with("was replaced or mounted anew; restart the server"), "{error}");
    });
}
