//! Captured requests with random damage: never a panic, never a 5xx, and the server goes on serving.

use crate::capture;
use crate::exchange::Line;
use crate::server::Server;

const MUTATIONS: usize = 10_000;
/// Requests at once: enough to keep both cores busy.
const LANES: usize = 8;
/// What is sent of long bodies: damage to a megabyte of the same byte shows nothing.
const BODY_BYTES_MAX: usize = 512;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_damaged_requests_leave_the_server_serving() {
    let server = Server::start().await;
    let mut captures = capture::all();
    for capture in &mut captures {
        capture.bytes.truncate(capture.body_at + BODY_BYTES_MAX);
    }
    let captures = std::sync::Arc::new(captures);
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let (captures, api) = (captures.clone(), server.api);
            tokio::spawn(async move {
                let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ lane as u64);
                let mut answered = 0;
                for _ in 0..MUTATIONS / LANES {
                    let capture = &captures[random.below(captures.len())];
                    let mut bytes = capture.bytes.clone();
                    for _ in 0..1 + random.below(3) {
                        damage(&mut bytes, &mut random);
                    }
                    answered += check(api, &bytes).await;
                }
                answered
            })
        })
        .collect();
    let mut answered = 0;
    for lane in lanes {
        answered += lane.await.expect("no reply breaks a rule");
    }
    // Most damage leaves a request that can be parsed; if not, this test would show nothing.
    assert!(answered > MUTATIONS / 2, "{answered}");

    let whole = capture::named("ip-01-hash-minimal");
    let mut line = Line::open(server.api).await;
    line.write(&whole.bytes).await;
    line.reply("POST").await.expect_ok();
}

/// Sends one and checks every answer; says how many there were.
async fn check(api: std::net::SocketAddr, bytes: &[u8]) -> usize {
    let mut line = Line::open(api).await;
    // The server may refuse and close before it has taken everything.
    line.try_write(bytes).await;
    line.finish_writing().await;
    // The method may be damaged, and one request may have become two: whether an answer has a body is seen by its length.
    let method = if bytes.starts_with(b"HEAD") { "HEAD" } else { "GET" };
    let mut answers = 0;
    while let Some(reply) = line.try_reply(method).await {
        answers += 1;
        let shown = || String::from_utf8_lossy(bytes).into_owned();
        assert!((200..300).contains(&reply.status) || (400..500).contains(&reply.status), "{reply:?} for {}", shown());
        let bare = reply.header("x-ci-request-id").is_none();
        if bare {
            // What hyper itself refuses: an unreadable or too large head.
            assert!(matches!(reply.status, 400 | 414 | 431) && reply.body.is_empty(), "{reply:?} for {}", shown());
        } else if reply.status >= 400 && method != "HEAD" && !reply.body.is_empty() {
            reply.error();
        }
        if method == "HEAD" {
            break;
        }
    }
    answers
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] = random.next() as u8,
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes.insert(at, random.next() as u8),
        3 => {
            bytes.drain(at..(at + 1 + random.below(16)).min(bytes.len()));
        }
        4 => {
            let piece = bytes[at..(at + 1 + random.below(64)).min(bytes.len())].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        _ => bytes.truncate(at),
    }
}

/// xorshift64, seeded, so that a failure can be run again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
