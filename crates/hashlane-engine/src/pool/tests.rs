//! What the hashing threads promise each other's messages.

use bytes::Bytes;
use hashlane_lanes::{Algorithm, Hasher};
use opendal::Buffer;

use super::*;
use crate::reading::Reading;

fn pool(threads: usize, slots: usize) -> Pool {
    let budget = Budget { threads, slots, chunk_bytes: 4096, piece_bytes: 4096, awaited_slots: 0 };
    Pool::start(budget, Platform::detect()).expect("threads")
}

fn request() -> crate::HashRequest {
    let bucket = hashlane_job::BucketName::parse("pool-1250000000").expect("a name");
    let object = hashlane_job::ObjectRef { bucket, key: "k".into() };
    crate::HashRequest { object, algorithms: vec![Algorithm::Md5], checkpoint: None, progress: Arc::default() }
}

fn message(input: Input) -> Message {
    let reading = Arc::new(Reading::new(&request()));
    Message { algorithms: vec![Algorithm::Md5], input, bytes_max: None, course: Course::Whole, reading }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Hands in a message that is to be fed.
async fn open(pool: &Pool) -> (Feeder, Ticket) {
    let seat = pool.seat(false).await.expect("a seat");
    let (feeder, input) = Feeder::new(pool.thread(&seat));
    (feeder, pool.submit(message(input), seat).expect("taken"))
}

fn md5(content: &[u8]) -> Digest {
    Hasher::digest(Algorithm::Md5, content)
}

async fn hash(pool: &Pool, content: &'static [u8]) -> Digest {
    let (feeder, ticket) = open(pool).await;
    assert!(feeder.feed(Buffer::from(content)).await);
    feeder.end().await;
    ticket.read().await.expect("hashed").digests[0]
}

#[test]
fn a_panic_fails_its_own_message_and_the_thread_goes_on() {
    run(async {
        let pool = pool(1, 2);
        let (feeder, ticket) = open(&pool).await;
        assert!(feeder.feed(Buffer::from("before ")).await);

        let seat = pool.seat(false).await.expect("a seat");
        let panicking = pool.submit(message(Input::Panic), seat).expect("taken");
        match panicking.read().await {
            Err(Unread::Failed(error)) => assert_eq!((error.code, error.may_retry), (FailureCode::Internal, false)),
            other => panic!("{other:?}"),
        }

        assert!(feeder.feed(Buffer::from("and after")).await);
        feeder.end().await;
        assert_eq!(ticket.read().await.expect("hashed").digests, [md5(b"before and after")]);
        assert_eq!(hash(&pool, b"new").await, md5(b"new"));
    });
}

#[test]
fn a_message_whose_bytes_are_late_holds_up_no_other() {
    run(async {
        let pool = pool(1, 2);
        let (late, late_ticket) = open(&pool).await;
        for _ in 0..100 {
            assert_eq!(hash(&pool, b"quick").await, md5(b"quick"));
        }
        assert!(late.feed(Buffer::from("late")).await);
        late.end().await;
        assert_eq!(late_ticket.read().await.expect("hashed").digests, [md5(b"late")]);
    });
}

#[test]
fn a_message_that_is_dropped_gives_its_seat_back() {
    run(async {
        let pool = pool(2, 1);
        for _ in 0..50 {
            // A dropped feeder, a dropped ticket, and both: there are only two seats, so a lost one would be waited for.
            let (feeder, ticket) = open(&pool).await;
            drop(feeder);
            assert!(matches!(ticket.read().await, Err(Unread::Failed(_))));
            let (feeder, ticket) = open(&pool).await;
            drop(ticket);
            while feeder.feed(Buffer::from(vec![0; 10_000])).await {}
            drop(open(&pool).await);
        }
        assert_eq!(hash(&pool, b"still here").await, md5(b"still here"));
    });
}

#[test]
fn messages_go_to_the_least_busy_thread() {
    run(async {
        let pool = pool(3, 4);
        let mut seats = Vec::new();
        for _ in 0..6 {
            seats.push(pool.seat(false).await.expect("a seat"));
        }
        assert_eq!(*pool.crew.lock_taken(), [2, 2, 2]);
        seats.retain(|seat| seat.desk != 1);
        assert_eq!(pool.seat(false).await.expect("a seat").desk, 1);
    });
}

#[test]
fn a_message_is_the_same_however_it_is_cut() {
    run(async {
        let pool = pool(1, 4);
        let content: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        for piece_bytes in [1, 63, 64, 65, 4095, 4096, 4097, 50_000, 100_000] {
            let (feeder, ticket) = open(&pool).await;
            // The second one makes them share steps; alone, a message takes a shorter way.
            let (other, other_ticket) = open(&pool).await;
            for piece in content.chunks(piece_bytes) {
                assert!(feeder.feed(Buffer::from(Bytes::copy_from_slice(piece))).await);
            }
            drop((other, other_ticket));
            feeder.end().await;
            let read = ticket.read().await.expect("hashed");
            assert_eq!((read.message_bytes, read.digests[0]), (100_000, md5(&content)), "pieces of {piece_bytes}");
        }
    });
}

#[test]
fn stopping_fails_what_is_in_and_what_comes() {
    run(async {
        let pool = pool(2, 2);
        let (_feeder, ticket) = open(&pool).await;
        pool.join();
        match ticket.read().await {
            Err(Unread::Failed(error)) => assert!(error.may_retry, "{error}"),
            other => panic!("{other:?}"),
        }
        assert!(pool.seat(false).await.is_err());
    });
}
