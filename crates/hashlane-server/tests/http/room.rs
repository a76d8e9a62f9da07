//! Too little disk or memory.

use crate::exchange::Ask;
use crate::jobs::minimal;
use crate::server::Server;

/// More than any machine has.
const TOO_MUCH: u64 = 1 << 60;

/// Failure rules A14 and E5.
#[tokio::test]
async fn with_too_little_disk_or_memory_jobs_are_told_to_come_back_and_everything_else_goes_on() {
    for (disk, memory, missing) in [(TOO_MUCH, 0, "disk space"), (0, TOO_MUCH, "memory")] {
        let server = Server::start_with(|setup| {
            let room = &mut setup.options.limits.room;
            room.folder = Some(std::env::temp_dir());
            (room.disk_free_bytes, room.memory_free_bytes) = (disk, memory);
        })
        .await;
        let refused = Ask::submit(minimal("a.txt")).signed().send(server.api).await;
        assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("1")));
        assert!(refused.text().contains("<Code>SlowDown</Code>"), "{}", refused.text());
        assert!(refused.text().contains(missing), "{}", refused.text());
        let counts = server.store.counts().await.expect("counts");
        assert_eq!(counts.waiting, 0, "what was refused was not stored");
        Ask::get("/file_jobs/f1d5ac0d3b0cf11eea1e5a1a1b6d3f0a1").signed().send(server.api).await.expect_ok();
    }
}

#[tokio::test]
async fn with_enough_disk_and_memory_jobs_are_accepted() {
    let server = Server::start_with(|setup| {
        let room = &mut setup.options.limits.room;
        room.folder = Some(std::env::temp_dir());
        (room.disk_free_bytes, room.memory_free_bytes) = (1, 1);
    })
    .await;
    Ask::submit(minimal("a.txt")).signed().send(server.api).await.expect_ok();
}
