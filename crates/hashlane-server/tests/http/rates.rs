//! Requests per second of an access key.

use std::time::Duration;

use crate::exchange::Ask;
use crate::jobs::minimal;
use crate::server::Server;

/// Failure rule E5.
#[tokio::test]
async fn a_key_over_its_rate_is_told_to_come_back_and_may_after_a_second() {
    let server = Server::start_with(|setup| setup.options.limits.requests_per_second = 2).await;
    let body = || minimal("a.txt");
    for _ in 0..2 {
        Ask::submit(body()).signed().send(server.api).await.expect_ok();
    }
    // One that nobody signed spends nothing, and is not told of rates.
    assert_eq!(Ask::submit(body()).send(server.api).await.status, 403);
    let refused = Ask::submit(body()).signed().send(server.api).await;
    assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("1")));
    assert!(refused.text().contains("<Code>SlowDown</Code>"), "{}", refused.text());

    let counts = server.store.counts().await.expect("counts");
    assert_eq!(counts.waiting, 2, "what was refused was not stored");

    server.clock.advance(Duration::from_secs(1));
    Ask::submit(body()).signed().send(server.api).await.expect_ok();
}
