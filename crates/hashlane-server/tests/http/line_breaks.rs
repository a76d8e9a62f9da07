//! Line breaks that clients send: they never become a line of a head or of another document.

use crate::exchange::{Ask, Line};
use crate::jobs::minimal;
use crate::server::Server;
use crate::storage::{get, stored};

const INJECTED: &str = "X-Injected";

/// Failure rule C10.
#[tokio::test]
async fn a_line_break_in_a_key_or_a_parameter_never_becomes_a_line_of_a_head() {
    let server = Server::start().await;
    let broken = "a%0D%0AX-Injected:%20yes%0D%0A%0D%0Ab";
    stored(&server, &format!("/{broken}"), "abc").await;
    let targets = [
        format!("/{broken}"),
        format!("/{broken}?response-content-type={broken}&response-content-disposition={broken}"),
        format!("/{broken}?ci-process=filehash&type=md5"),
        format!("/{broken}?ci-process=filehash&type={broken}"),
        format!("/absent{broken}"),
        format!("/?prefix={broken}&delimiter={broken}&marker={broken}"),
        format!("/?prefix=a&encoding-type={broken}"),
        format!("/{broken}?uploadId={broken}"),
        format!("/file_jobs/{broken}"),
        format!("/file_jobs?tag={broken}"),
        format!("/file_queue?queueIds={broken}"),
        format!("/file_bucket?regions={broken}"),
    ];
    for target in &targets {
        for ask in [Ask::get(target).signed(), Ask::get(target), Ask::new("HEAD", target).signed()] {
            let reply = ask.send(server.api).await;
            reply.check_common();
            assert!(reply.headers.iter().all(|(name, _)| name != INJECTED), "{target}: {reply:?}");
            assert!(reply.headers.iter().all(|(_, value)| !value.contains('\r')), "{target}: {reply:?}");
        }
    }
    let whole = get(&server, &targets[1]).await;
    assert_eq!((whole.status, whole.body.as_slice()), (200, &b"abc"[..]));
    assert_eq!(whole.header("Content-Disposition"), None, "a value that no header can have is left out");
}

/// Failure rule C10.
#[tokio::test]
async fn a_line_break_in_a_submit_is_refused_where_it_would_reach_others_and_kept_in_a_key() {
    let server = Server::start().await;
    let with = |from: &str, to: &str| Ask::submit(minimal("a").replace(from, to)).signed();
    for ask in [
        with("</FileHashCodeConfig>", "</FileHashCodeConfig><UserData>a&#13;&#10;X-Injected: yes</UserData>"),
        with("</Request>", "<CallBack>http://h/&#13;&#10;X-Injected: yes</CallBack></Request>"),
        with("</Request>", "<CallBack>http://h/a\nb</CallBack></Request>"),
    ] {
        ask.send(server.api).await.expect_error(400, "InvalidArgument");
    }
    let reply = Ask::submit(minimal("a&#13;&#10;<![CDATA[</Object><X-Injected/>]]>")).signed().send(server.api).await;
    let text = reply.expect_ok();
    // The carriage return is a reference, because readers of XML would turn it into a line feed.
    assert!(text.contains("<Object>a&#13;\n&lt;/Object&gt;&lt;X-Injected/&gt;</Object>"), "{text}");
}

/// Failure rule C11.
#[tokio::test]
async fn a_request_whose_end_could_be_told_in_two_ways_is_refused_and_its_connection_closed() {
    let server = Server::start().await;
    let head = "POST /file_jobs HTTP/1.1\r\nHost: a\r\n";
    for ambiguous in [
        format!("{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456"),
        format!("{head}Content-Length: 5, 6\r\n\r\n123456"),
        format!("{head}Content-Length: +5\r\n\r\n12345"),
        format!("{head}Content-Length : 5\r\n\r\n12345"),
        format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        format!("{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        format!("{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        format!("{head}X: a\r\n Content-Length: 5\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ] {
        let mut line = Line::open(server.api).await;
        line.write(format!("{ambiguous}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        let reply = line.try_reply("POST").await;
        assert!(reply.as_ref().is_none_or(|reply| reply.status == 400), "{ambiguous}: {reply:?}");
        assert!(line.closes_silently().await, "{ambiguous}: nothing of what follows is answered");
    }
    // Both lengths at once: the chunks count, as RFC 9112 has it, and what follows them is a request of its own or none.
    let mut line = Line::open(server.api).await;
    line.write(format!("{head}Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").as_bytes()).await;
    let first = line.reply("POST").await;
    assert!(matches!(first.status, 400 | 403), "{first:?}");
    line.finish_writing().await;
    assert!(line.closes_silently().await);
}
