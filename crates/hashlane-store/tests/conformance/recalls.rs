//! Promises about results that are found again: only for the same version of the same object, as long as their job is kept.

use std::time::Duration;

use hashlane_job::{FileFacts, JobId, NewJob, ObjectRef, ObjectVersion, Outcome, Stage};
use hashlane_lanes::{Algorithm, Digest};

use super::world::{BEGIN, Desk, World, bucket, bucket_named, facts, hashed};

fn version(words: &str) -> ObjectVersion {
    ObjectVersion::from_words(words.into())
}

fn facts_of(byte: u8) -> FileFacts {
    let digest = Digest::from_bytes(Algorithm::Md5, &[byte; 16]).expect("an MD5 digest has 16 bytes");
    FileFacts { digests: vec![digest], ..facts() }
}

/// Hashes a job, and has its result be found again by these words.
async fn hash(desk: &Desk<'_>, job: NewJob, words: Option<&str>, facts: FileFacts) -> JobId {
    let id = desk.submit(job).await;
    let lease = desk.claim_one(Stage::Hash).await;
    desk.settle(lease.token, Outcome::Hashed { facts, version: words.map(version) }).await;
    id
}

async fn recall(desk: &Desk<'_>, object: &ObjectRef, words: &str) -> Option<FileFacts> {
    desk.store.recall(object, Algorithm::Md5, &version(words)).await.expect("the store reads")
}

pub(crate) async fn a_result_is_found_for_the_same_version_of_the_same_object_and_for_nothing_else(world: World) {
    let desk = world.open_ready().await;
    let job = desk.draft().await;
    let object = job.object.clone();
    assert_eq!(recall(&desk, &object, "v1").await, None, "nothing was hashed");
    hash(&desk, job, Some("v1"), facts_of(1)).await;
    assert_eq!(recall(&desk, &object, "v1").await, Some(facts_of(1)));

    assert_eq!(recall(&desk, &object, "v2").await, None, "another version");
    let other = ObjectRef { key: "another".into(), ..object.clone() };
    assert_eq!(recall(&desk, &other, "v1").await, None, "another key");
    desk.store.open_service(&bucket_named("second")).await.expect("the service opens");
    for name in ["second", "third"] {
        let other = ObjectRef { bucket: bucket_named(name), ..object.clone() };
        assert_eq!(recall(&desk, &other, "v1").await, None, "another bucket");
    }
    let found = desk.store.recall(&object, Algorithm::Sha256, &version("v1")).await;
    assert_eq!(found, Ok(None), "another algorithm");
}

pub(crate) async fn the_newest_of_several_results_of_a_version_is_found(world: World) {
    let desk = world.open_ready().await;
    let object = desk.draft().await.object;
    for byte in [1, 2, 3] {
        hash(&desk, desk.draft().await, Some("v1"), facts_of(byte)).await;
        assert_eq!(recall(&desk, &object, "v1").await, Some(facts_of(byte)));
    }
}

pub(crate) async fn a_result_that_was_not_settled_with_its_version_is_never_found(world: World) {
    let desk = world.open_ready().await;
    let object = desk.draft().await.object;
    hash(&desk, desk.draft().await, None, facts_of(1)).await;
    for words in ["", "v1"] {
        assert_eq!(recall(&desk, &object, words).await, None);
    }
}

pub(crate) async fn a_result_is_found_after_a_restart_and_leaves_with_its_job(world: World) {
    let desk = world.open_ready().await;
    let object = desk.draft().await.object;
    hash(&desk, desk.draft().await, Some("v1"), facts_of(1)).await;
    desk.store.close().await;
    let desk = Desk { store: world.open().await, world: &world };
    assert_eq!(recall(&desk, &object, "v1").await, Some(facts_of(1)));

    world.pass(Duration::from_secs(86_400));
    let pruned = desk.store.prune(BEGIN.plus(Duration::from_secs(3_600)), 10).await;
    assert_eq!(pruned, Ok(1));
    assert_eq!(recall(&desk, &object, "v1").await, None);
}

pub(crate) async fn that_a_job_wants_a_reading_of_its_own_is_kept_over_a_restart(world: World) {
    let desk = world.open_ready().await;
    let fresh = desk.submit(NewJob { fresh: true, ..desk.draft().await }).await;
    let plain = desk.submit_one().await;
    desk.store.close().await;
    let desk = Desk { store: world.open().await, world: &world };
    assert_eq!([desk.job(fresh).await.request.fresh, desk.job(plain).await.request.fresh], [true, false]);
    for lease in desk.claim(Stage::Hash, 2).await {
        assert_eq!(lease.job.request.fresh, lease.token.job == fresh);
        desk.settle(lease.token, hashed()).await;
    }
    assert_eq!(desk.store.get(&bucket(), &[fresh]).await.expect("it is read")[0].facts, Some(facts()));
}
