//! Connections: kept, pipelined, slow, too many, and told to end.

use std::time::Duration;

use crate::exchange::{Ask, Line, PATIENCE};
use crate::jobs::minimal;
use crate::server::Server;

const SHORT: Duration = Duration::from_millis(150);

fn query() -> Ask {
    Ask::get("/file_jobs/f93984788066911ed89ed352d4d9d2084").signed()
}

/// Rules W2.9, W2.10, W2.11, W2.13, W2.14, W2.15, S4.9.
#[tokio::test]
async fn header_names_have_the_capitals_that_sdks_look_for() {
    let server = Server::start().await;
    let names = |headers: &[(String, String)]| {
        let mut names: Vec<String> = headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names.join(" ")
    };
    let fine = query().send(server.api).await;
    assert_eq!(names(&fine.headers), "Content-Length Content-Type Date Server x-ci-request-id x-cos-request-id");
    assert_eq!(fine.header("Content-Type"), Some("application/xml"));
    assert_eq!(fine.header("Server"), Some("tencent-ci"));

    let refused = Ask::get("/a.txt").header("Connection", "close").send(server.api).await;
    assert_eq!(
        names(&refused.headers),
        "Connection Content-Length Content-Type Date Server x-ci-request-id x-ci-trace-id x-cos-request-id x-cos-trace-id"
    );
    assert_eq!(refused.header("Server"), Some("tencent-cos"));

    server.store.clone().close().await;
    let later = Ask::submit(minimal("a")).signed().send(server.api).await;
    assert!(later.header("Retry-After").is_some());
}

/// Rule W2.1.
#[tokio::test]
async fn a_connection_is_kept_for_further_requests_also_after_errors() {
    let server = Server::start().await;
    let mut line = Line::open(server.api).await;
    for ask in [query(), Ask::get("/a"), Ask::submit("no XML").signed(), Ask::submit("unsigned"), query()] {
        line.write(&ask.bytes()).await;
        line.reply("GET").await.check_common();
    }
    let head = Ask::new("HEAD", "/a");
    line.write(&head.bytes()).await;
    assert_eq!(line.reply("HEAD").await.status, 403);
    line.write(&query().bytes()).await;
    line.reply("GET").await.expect_ok();
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start().await;
    let asks = [query(), Ask::submit(minimal("a")).signed(), Ask::get("/a"), query()];
    let mut line = Line::open(server.api).await;
    line.write(&asks.iter().flat_map(Ask::bytes).collect::<Vec<u8>>()).await;
    let mut statuses = Vec::new();
    for _ in &asks {
        statuses.push(line.reply("GET").await.status);
    }
    assert_eq!(statuses, [200, 200, 403, 200]);
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked_for_a_wanted_body() {
    let server = Server::start().await;
    let ask = Ask::submit(minimal("a")).header("Expect", "100-continue").signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    assert_eq!(line.reply("POST").await.status, 100);
    line.write(&ask.body).await;
    line.reply("POST").await.expect_ok();
}

#[tokio::test]
async fn a_client_that_stops_sending_after_its_request_still_gets_the_answer() {
    let server = Server::start().await;
    for _ in 0..20 {
        let mut line = Line::open(server.api).await;
        line.write(&Ask::submit(minimal("a")).signed().bytes()).await;
        line.finish_writing().await;
        line.reply("POST").await.expect_ok();
        assert!(line.closes_silently().await);
    }
}

/// Feeds one byte after the other, and ends when the server closes the socket.
async fn dribble(mut line: Line, byte: u8) {
    let feed = async {
        while line.try_write(&[byte]).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, feed).await.expect("the server drops the connection");
}

/// Failure rule C7.
#[tokio::test]
async fn a_dribbled_request_head_is_dropped() {
    let server = Server::start_with(|setup| setup.options.limits.header_timeout = SHORT).await;
    let mut line = Line::open(server.api).await;
    line.write(b"GET / HTTP/1.1\r\nHost: x\r\nx-slow: ").await;
    dribble(line, b'a').await;
    // Also on a connection that has been of use.
    let mut line = Line::open(server.api).await;
    line.write(&query().bytes()).await;
    line.reply("GET").await.expect_ok();
    dribble(line, b'a').await;
    query().send(server.api).await.expect_ok();
}

/// Failure rule C7.
#[tokio::test]
async fn a_dribbled_body_is_dropped_whether_it_is_wanted_or_not() {
    let server = Server::start_with(|setup| setup.options.limits.body_timeout = SHORT).await;
    let ask = Ask::submit(vec![b' '; 100_000]).signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    dribble(line, b' ').await;

    let mut line = Line::open(server.api).await;
    line.write(&Ask::submit(vec![b' '; 100_000]).head_bytes()).await;
    line.reply("POST").await.expect_error(403, "AccessDenied");
    assert!(line.closes_silently().await);
    query().send(server.api).await.expect_ok();
}

/// Failure rule C7.
#[tokio::test]
async fn a_silent_connection_is_closed_and_an_idle_one_is_kept_for_longer() {
    let server = Server::start_with(|setup| setup.options.limits.header_timeout = SHORT).await;
    let mut kept = Line::open(server.api).await;
    kept.write(&query().bytes()).await;
    kept.reply("GET").await.expect_ok();
    let mut silent = Line::open(server.api).await;
    assert!(silent.closes_silently().await);
    kept.write(&query().bytes()).await;
    kept.reply("GET").await.expect_ok();

    let server = Server::start_with(|setup| setup.options.limits.idle_timeout = SHORT).await;
    let mut idle = Line::open(server.api).await;
    idle.write(&query().bytes()).await;
    idle.reply("GET").await.expect_ok();
    assert!(idle.closes_silently().await);
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let server = Server::start_with(|setup| setup.options.limits.head_bytes_max = 16 * 1024).await;
    query().header("x-long", &"a".repeat(8 * 1024)).send(server.api).await.expect_ok();
    let mut line = Line::open(server.api).await;
    line.try_write(&query().header("x-long", &"a".repeat(32 * 1024)).bytes()).await;
    assert!(line.try_reply("GET").await.is_none_or(|reply| reply.status == 431));
}

/// Failure rules C7, E8.
#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let server = Server::start_with(|setup| setup.options.limits.connections_per_ip_max = 2).await;
    let mut lines = [Line::open(server.api).await, Line::open(server.api).await];
    for line in &mut lines {
        line.write(&query().bytes()).await;
        line.reply("GET").await.expect_ok();
    }
    assert!(Line::open(server.api).await.closes_silently().await);
    for line in &mut lines {
        line.write(&query().bytes()).await;
        line.reply("GET").await.expect_ok();
    }
}

/// Failure rules C7, E8.
#[tokio::test]
async fn a_connection_over_the_limit_waits_for_a_place() {
    let server = Server::start_with(|setup| setup.options.limits.connections_max = 1).await;
    let mut first = Line::open(server.api).await;
    first.write(&query().bytes()).await;
    first.reply("GET").await.expect_ok();
    let mut second = Line::open(server.api).await;
    second.write(&query().bytes()).await;
    first.write(&query().bytes()).await;
    first.reply("GET").await.expect_ok();
    drop(first);
    second.reply("GET").await.expect_ok();
}

#[tokio::test]
async fn a_stop_lets_the_request_in_flight_finish_and_takes_no_other() {
    let server = Server::start().await;
    let ask = Ask::submit(minimal("a")).header("Expect", "100-continue").signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    assert_eq!(line.reply("POST").await.status, 100);
    let mut idle = Line::open(server.api).await;
    idle.write(&query().bytes()).await;
    idle.reply("GET").await.expect_ok();

    let (api, listening) = (server.api, server.listening);
    let stop = tokio::spawn(listening.stop(Duration::from_secs(60)));
    assert!(idle.closes_silently().await);
    line.write(&ask.body).await;
    let reply = line.reply("POST").await;
    reply.expect_ok();
    stop.await.expect("it stops");
    assert!(tokio::net::TcpStream::connect(api).await.is_err());
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_its_grace() {
    let server = Server::start().await;
    let ask = Ask::submit(minimal("a")).header("Expect", "100-continue").signed();
    let mut line = Line::open(server.api).await;
    line.write(&ask.head_bytes()).await;
    assert_eq!(line.reply("POST").await.status, 100);
    server.listening.stop(Duration::ZERO).await;
    assert!(line.closes_silently().await);
}
