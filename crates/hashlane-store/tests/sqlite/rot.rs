//! Bits that flip in the files of a store while nobody looks.

use std::collections::HashMap;

use hashlane_job::{FileFacts, Job, JobId, Outcome, Stage};
use hashlane_lanes::{Algorithm, Hasher};
use hashlane_store::{JobStore, StoreErrorKind};

use crate::conformance::world::{World, bucket, facts};
use crate::files::{Files, image, url};

const JOBS: usize = 60;
/// Flips of the everyday suite; `HASHLANE_TEST_FLIPS` asks for another number.
const FLIPS: usize = 250;

/// The jobs that a store tells of, each asked for alone; none where the store itself cannot be opened or read.
async fn told(store: &JobStore, ids: &[JobId]) -> (Vec<Job>, usize) {
    let (mut jobs, mut refused) = (Vec::new(), 0);
    for id in ids {
        match store.get(&bucket(), &[*id]).await {
            Ok(job) => jobs.extend(job),
            Err(error) => {
                let is_damage = matches!(error.kind, StoreErrorKind::DamagedJob(_) | StoreErrorKind::Corrupt);
                assert!(is_damage || error.kind == StoreErrorKind::Unavailable, "{error}");
                refused += 1;
            }
        }
    }
    (jobs, refused)
}

/// Failure rule A22: wherever a bit flips, no digest is told that was not stored for that job.
#[tokio::test(flavor = "multi_thread")]
async fn no_flipped_bit_of_the_file_ever_becomes_a_wrong_digest() {
    let flips = std::env::var("HASHLANE_TEST_FLIPS").map_or(FLIPS, |it| it.parse().expect("a number"));
    let files = Files::new();
    let world = files.world();
    let desk = world.open_ready().await;
    let ids = desk.submit_many(&bucket(), JOBS).await;
    let mut truth: HashMap<JobId, FileFacts> = HashMap::new();
    for (number, lease) in desk.claim(Stage::Hash, JOBS).await.into_iter().enumerate() {
        let digests = vec![Hasher::digest(Algorithm::Md5, &number.to_le_bytes())];
        let facts = FileFacts { digests, size_bytes: 1 << number, ..facts() };
        truth.insert(lease.token.job, facts.clone());
        desk.settle(lease.token, Outcome::Hashed { facts, version: None }).await;
    }
    desk.store.close().await;
    let whole = std::fs::read(files.path()).expect("the file is read");

    let (mut refused, mut unopened) = (0, 0);
    // A walk over all bits of the file in strides that share no factor with it, so that all pages have their turn.
    let bits = whole.len() * 8;
    let stride = (bits / flips) | 1;
    for flip in 0..flips {
        let bit = (flip * stride + flip * 31) % bits;
        let rotten = Files::new();
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(rotten.path(), bytes).expect("the file is written");
        let world = World::new(url(&rotten.path()), (), image);
        let Ok(store) = JobStore::open(&world.url, world.options()).await else {
            unopened += 1;
            continue;
        };
        let (jobs, errors) = told(&store, &ids).await;
        refused += errors;
        for job in jobs {
            if let Some(facts) = &job.facts {
                assert_eq!(Some(facts), truth.get(&job.request.id), "bit {bit}: a wrong result is told");
            }
        }
        store.close().await;
    }
    println!("{flips} flips: {refused} answers refused, {unopened} stores not opened, no wrong digest");
    assert!(refused > 0, "some flips hit results");
}
