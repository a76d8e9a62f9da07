//! Synchronous hashes (spec section 10): the answer, the limits, and what is refused.

use std::fs::File;
use std::time::Duration;

use hashlane_server::AccessKey;

use crate::exchange::{Ask, Line};
use crate::server::{HOST, NOW, OTHER_HOST, Server, full_key};

const MD5: &str = "5d41402abc4b2a76b9719d911017c592";
const SHA1: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A file that nobody lives to see hashed: at 1 GB/s this takes a quarter of an hour.
const ENDLESS_BYTES: u64 = 1 << 40;

fn ask(key: &str, query: &str) -> Ask {
    Ask::get(&format!("/{key}?ci-process=filehash&{query}"))
}

fn write(server: &Server, key: &str, content: &[u8]) {
    std::fs::write(server.objects.join(key), content).expect("an object");
}

/// Rules W8.1, W10.3, W10.5, W16.16.
#[tokio::test]
async fn each_algorithm_gives_its_one_digest_with_the_facts_of_the_object() {
    let server = Server::start().await;
    write(&server, "a b+c.txt", b"hello");
    for (query, element, digest) in [
        ("type=md5", "MD5", MD5),
        ("type=SHA1&addtoheader=", "SHA1", SHA1),
        ("type=Sha256&addtoheader=false", "SHA256", SHA256),
    ] {
        let reply = ask("a%20b+c.txt", query).signed().send(server.api).await;
        let text = reply.expect_ok();
        assert_eq!(reply.header("Server"), Some("tencent-cos"));
        assert!(text.contains(&format!("<FileHashCodeResult><{element}>{digest}</{element}><FileSize>5</FileSize>")));
        assert!(text.contains("+0000</LastModified><Etag>\""), "{text}");
        let input =
            "<Input><Bucket>demo-1250000000</Bucket><Object>a b+c.txt</Object><Region>ap-chongqing</Region></Input>";
        assert!(text.contains(input), "{text}");
        for other in ["MD5", "SHA1", "SHA256"].into_iter().filter(|other| *other != element) {
            assert!(!text.contains(&format!("<{other}>")), "{text}");
        }
    }
    write(&server, "empty", b"");
    let text = ask("empty", "type=md5").signed().send(server.api).await.expect_ok();
    assert!(text.contains("<MD5>d41d8cd98f00b204e9800998ecf8427e</MD5><FileSize>0</FileSize>"), "{text}");
}

#[tokio::test]
async fn a_head_with_the_parameters_of_a_hash_is_a_plain_head() {
    let server = Server::start().await;
    write(&server, "a", b"hello");
    let head = |query: &str| Ask::new("HEAD", &format!("/a{query}")).signed();
    let (plain, hash) = (head(""), head("?ci-process=filehash&type=md6"));
    let (plain, hash) = (plain.send(server.api).await, hash.send(server.api).await);
    assert_eq!((hash.status, hash.header("Content-Length"), hash.body.len()), (200, Some("5"), 0));
    assert_eq!((plain.status, plain.header("ETag")), (200, hash.header("ETag")));
}

/// Rules W10.2, W14.11.
#[tokio::test]
async fn what_cannot_be_hashed_is_refused_with_its_code() {
    let server = Server::start().await;
    write(&server, "a", b"hello");
    std::fs::create_dir(server.objects.join("folder")).expect("a folder");
    let made = std::process::Command::new("mkfifo").arg(server.objects.join("pipe")).status().expect("mkfifo runs");
    assert!(made.success());
    std::os::unix::fs::symlink("/etc/hostname", server.objects.join("leak")).expect("a link");
    for (target, status, code) in [
        ("/missing?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("/a?ci-process=filehash&type=md6", 400, "InvalidArgument"),
        ("/a?ci-process=filehash", 400, "InvalidArgument"),
        ("/a?ci-process=filehash&type=md5&addtoheader=maybe", 400, "InvalidArgument"),
        // There is no object under keys that GET calls absent; what lies there and is no file is another matter (E1).
        ("/folder?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("/folder/?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("/..%2Fothers%2Fa?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("/a//b?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("//a?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("/.%2Fa?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("/%00?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("/.hashlane-uploads?ci-process=filehash&type=md5", 404, "NoSuchKey"),
        ("/pipe?ci-process=filehash&type=md5", 403, "AccessDenied"),
        ("/leak?ci-process=filehash&type=md5", 403, "AccessDenied"),
        ("/a?ci-process=other&type=md5", 405, "MethodNotAllowed"),
    ] {
        let reply = Ask::get(target).signed().send(server.api).await;
        let message = reply.expect_error(status, code);
        assert!(!message.contains("/tmp"), "{message}");
    }
    let ghost = ask("a", "type=md5").host("ghost-1250000000.cos.x.myqcloud.com").signed();
    ghost.send(server.api).await.expect_error(404, "NoSuchBucket");
    ask("a", "type=md5").host(OTHER_HOST).signed().send(server.api).await.expect_error(404, "NoSuchKey");
}

/// Rules W8.3, W13.2.
#[tokio::test]
async fn an_object_that_is_not_smaller_than_the_limit_is_refused() {
    let server = Server::start_with(|setup| setup.options.limits.sync_object_bytes = Some(5)).await;
    write(&server, "four", b"1234");
    write(&server, "five", b"12345");
    ask("four", "type=md5").signed().send(server.api).await.expect_ok();
    let reply = ask("five", "type=md5").signed().send(server.api).await;
    assert_eq!(reply.expect_error(400, "InvalidArgument"), "the object has 5 bytes and must have fewer than 5");
}

/// Rule W10.8.
#[tokio::test]
async fn a_closed_service_is_refused_in_the_words_of_the_original_until_it_is_opened() {
    let server = Server::start_with(|setup| {
        setup.opened = false;
        setup.options.auto_open = false;
    })
    .await;
    write(&server, "a", b"hello");
    let ask = ask("a", "type=md5").signed();
    assert_eq!(
        ask.send(server.api).await.expect_error(403, "AccessDenied"),
        "file processing is not active yet, please apply for file processing service first"
    );
    let open = Ask::new("POST", "/file_bucket").header("Content-Length", "0").signed();
    open.send(server.api).await.expect_ok();
    ask.send(server.api).await.expect_ok();
}

/// Rule W10.1.
#[tokio::test]
async fn storing_the_digest_takes_the_permission_to_write_beside_that_to_read() {
    let limited = |id: &str, actions: &[&str]| AccessKey {
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        ..full_key(id, "secret")
    };
    let server = Server::start_with(|setup| {
        setup.options.keys.extend([
            limited("reader", &["cos:GetObject"]),
            limited("writer", &["cos:PutObject"]),
            limited("both", &["cos:GetObject", "cos:PutObject"]),
        ]);
    })
    .await;
    write(&server, "a", b"hello");
    let by = |id: &str, query: &str| ask("a", query).signed_by(id, "secret", NOW, NOW + 60);
    let (plain, with_header) = ("type=md5", "type=md5&addtoheader=true");
    by("reader", plain).send(server.api).await.expect_ok();
    by("reader", with_header).send(server.api).await.expect_error(403, "AccessDenied");
    by("writer", plain).send(server.api).await.expect_error(403, "AccessDenied");
    by("both", plain).send(server.api).await.expect_ok();
    let text = by("both", with_header).send(server.api).await.expect_ok();
    assert!(text.contains(MD5), "{text}");
}

/// Rules W10.7, W13.2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_run_as_the_engine_keeps_slots_for_and_each_ends_in_time() {
    // Longer than the wait for a turn.
    let server = Server::start_with(|setup| {
        setup.options.limits.sync_timeout = Duration::from_millis(1500);
        setup.options.limits.sync_object_bytes = None;
    })
    .await;
    write(&server, "endless", b"");
    File::options()
        .write(true)
        .open(server.objects.join("endless"))
        .and_then(|file| file.set_len(ENDLESS_BYTES))
        .expect("a sparse file");
    let mut lines = Vec::new();
    for _ in 0..=server.awaited_slots {
        let mut line = Line::open(server.api).await;
        line.write(&ask("endless", "type=md5").signed().bytes()).await;
        lines.push(line);
    }
    let mut slow_downs = 0;
    for mut line in lines {
        let reply = line.reply("GET").await;
        match reply.status {
            503 => {
                reply.expect_error(503, "SlowDown");
                assert!(reply.header("Retry-After").is_some());
                slow_downs += 1;
            }
            _ => {
                reply.expect_error(504, "RequestTimeout");
            }
        }
    }
    assert_eq!(slow_downs, 1);
    // What was given up has given its turn and its slot back.
    write(&server, "a", b"hello");
    for _ in 0..=server.awaited_slots {
        ask("a", "type=md5").host(HOST).signed().send(server.api).await.expect_ok();
    }
}

#[tokio::test]
async fn the_marker_of_a_folder_has_the_digest_of_nothing() {
    let server = Server::start().await;
    Ask::new("PUT", "/folder/").header("Content-Length", "0").signed().send(server.api).await.expect_ok();
    let text = ask("folder/", "type=md5&addtoheader=true").signed().send(server.api).await.expect_ok();
    assert!(text.contains("<MD5>d41d8cd98f00b204e9800998ecf8427e</MD5><FileSize>0</FileSize>"), "{text}");
    let head = Ask::new("HEAD", "/folder/").signed().send(server.api).await;
    assert_eq!(head.header("x-cos-meta-md5"), Some("d41d8cd98f00b204e9800998ecf8427e"));
}

#[tokio::test]
async fn with_auto_open_a_synchronous_hash_opens_the_service_as_its_first_use() {
    let server = Server::start_with(|setup| setup.opened = false).await;
    write(&server, "a", b"hello");
    assert!(server.store.queues(&crate::server::bucket()).await.expect("read").is_empty());
    ask("a", "type=md5").signed().send(server.api).await.expect_ok();
    assert_eq!(server.store.queues(&crate::server::bucket()).await.expect("read").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hash_whose_client_left_gives_its_turn_back() {
    let server = Server::start_with(|setup| {
        setup.options.limits.sync_timeout = Duration::from_secs(3600);
        setup.options.limits.sync_object_bytes = None;
    })
    .await;
    write(&server, "endless", b"");
    let endless = File::options().write(true).open(server.objects.join("endless"));
    endless.and_then(|file| file.set_len(ENDLESS_BYTES)).expect("a sparse file");
    write(&server, "a", b"hello");
    for leaves_politely in [true, false] {
        let mut lines = Vec::new();
        for _ in 0..server.awaited_slots {
            let mut line = Line::open(server.api).await;
            line.write(&ask("endless", "type=md5").signed().bytes()).await;
            lines.push(line);
        }
        // All turns are taken.
        while ask("a", "type=md5").signed().send(server.api).await.status == 200 {}
        for mut line in lines {
            if leaves_politely {
                line.finish_writing().await;
            }
        }
        let again = async { while ask("a", "type=md5").signed().send(server.api).await.status != 200 {} };
        tokio::time::timeout(crate::exchange::PATIENCE, again).await.expect("the turns come back");
    }
}
