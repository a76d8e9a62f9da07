//! https on the api listener: a real handshake, changed certificates, and clients that do not keep to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hashlane_server::Tls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::exchange::{Ask, Line, PATIENCE};
use crate::server::{HOST, Server};

const SHORT: Duration = Duration::from_millis(150);

/// A certificate in a folder of its own.
struct Issued {
    folder: tempfile::TempDir,
    certificate: CertificateDer<'static>,
}

fn issue() -> (String, String, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([HOST.to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
    (cert.pem(), signing_key.serialize_pem(), cert.der().clone())
}

impl Issued {
    fn new() -> Issued {
        let mut issued =
            Issued { folder: tempfile::tempdir().expect("a folder"), certificate: CertificateDer::from(Vec::new()) };
        issued.renew();
        issued
    }

    /// Another certificate in the place of the one before.
    fn renew(&mut self) {
        let (certificate, key, der) = issue();
        self.write("cert.pem", &certificate);
        self.write("key.pem", &key);
        self.certificate = der;
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }

    fn tls(&self) -> Tls {
        Tls::load(&self.folder.path().join("cert.pem"), &self.folder.path().join("key.pem")).expect("it can be used")
    }
}

async fn start(tls: &Tls, header_timeout: Duration) -> Server {
    Server::start_with(|setup| {
        setup.options.tls = Some(tls.clone());
        setup.options.limits.header_timeout = header_timeout;
    })
    .await
}

/// Connects as a client that trusts exactly one certificate and speaks these protocols.
async fn connect(
    to: SocketAddr,
    trusted: &CertificateDer<'static>,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(to).await.expect("the server accepts");
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(HOST).expect("a name"), stream).await
}

fn query() -> Ask {
    Ask::get("/file_jobs/f93984788066911ed89ed352d4d9d2084").signed()
}

/// The whole answer to one request on a connection.
async fn exchange(stream: &mut TlsStream<TcpStream>, ask: &Ask) -> String {
    stream.write_all(&ask.bytes()).await.expect("the server takes bytes");
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !text.ends_with(b"</Response>") {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("in time");
        let count = read.expect("the server answers");
        assert!(count > 0, "closed after {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(text).expect("UTF-8")
}

/// Rule W2.1.
#[tokio::test]
async fn requests_are_answered_over_tls_with_http_1_1_and_connections_are_kept() {
    let issued = Issued::new();
    let server = start(&issued.tls(), PATIENCE * 3).await;
    for alpn in [&[] as &[&str], &["http/1.1"], &["h2", "http/1.1"]] {
        let mut stream = connect(server.api, &issued.certificate, alpn).await.expect("a handshake");
        let agreed = stream.get_ref().1.alpn_protocol();
        assert_eq!(agreed, (!alpn.is_empty()).then_some(&b"http/1.1"[..]));
        for _ in 0..2 {
            let text = exchange(&mut stream, &query()).await;
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("NonExistJobIds"), "{text}");
            assert!(text.contains("\r\nContent-Type: application/xml\r\n"), "{text}");
        }
    }
    let refused = connect(server.api, &issued.certificate, &["h2"]).await.expect_err("no protocol in common");
    assert!(refused.to_string().contains("ApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_open_ones_go_on() {
    let mut issued = Issued::new();
    let tls = issued.tls();
    let server = start(&tls, PATIENCE * 3).await;
    let old = issued.certificate.clone();
    let mut open = connect(server.api, &old, &[]).await.expect("a handshake");
    exchange(&mut open, &query()).await;

    issued.renew();
    connect(server.api, &old, &[]).await.expect("nothing changes by itself");
    tls.reload().expect("it can be used");
    assert!(connect(server.api, &old, &[]).await.is_err(), "the old one is not shown any more");
    let mut new = connect(server.api, &issued.certificate, &[]).await.expect("a handshake");
    exchange(&mut new, &query()).await;
    exchange(&mut open, &query()).await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_refused_and_the_one_before_stays() {
    let issued = Issued::new();
    let tls = issued.tls();
    let server = start(&tls, PATIENCE * 3).await;
    let (stranger, stranger_key, _) = issue();
    for (name, text, said) in [
        ("cert.pem", stranger.as_str(), "cannot be used with the key"),
        ("cert.pem", "no certificate", "there is no certificate in it"),
        ("cert.pem", "-----BEGIN CERTIFICATE-----\n????\n", "no certificate can be read from it"),
        ("key.pem", stranger_key.as_str(), "cannot be used with the key"),
        ("key.pem", "", "no private key can be read from it"),
    ] {
        let path = issued.folder.path().join(name);
        let before = std::fs::read_to_string(&path).expect("there");
        issued.write(name, text);
        let error = tls.reload().expect_err(text);
        assert!(error.message.contains(said) && error.message.contains(name), "{error}");
        std::fs::write(&path, before).expect("written");
    }
    std::fs::remove_file(issued.folder.path().join("key.pem")).expect("removed");
    assert!(tls.reload().is_err());
    let mut stream = connect(server.api, &issued.certificate, &[]).await.expect("a handshake");
    exchange(&mut stream, &query()).await;
    assert!(Tls::load(Path::new("/nonexistent"), Path::new("/nonexistent")).is_err());
}

#[tokio::test]
async fn a_client_that_speaks_plain_http_is_told_so_and_the_connection_is_closed() {
    let issued = Issued::new();
    let server = start(&issued.tls(), PATIENCE * 3).await;
    let mut line = Line::open(server.api).await;
    line.write(&query().bytes()).await;
    let reply = line.reply("GET").await;
    assert_eq!((reply.status, reply.header("Connection")), (400, Some("close")));
    assert!(reply.text().contains("https"), "{}", reply.text());
    assert!(line.closes_silently().await);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_or_does_not_end_is_dropped() {
    let issued = Issued::new();
    let server = start(&issued.tls(), SHORT).await;
    // Nothing; the beginning of a handshake; a record that promises more than it has; no record at all.
    for sent in [&b""[..], &[22], &[22, 3, 1, 2, 0, 1, 0, 1], &[22; 64]] {
        let mut line = Line::open(server.api).await;
        line.write(sent).await;
        line.closes_silently().await;
    }
    // One that was done in time has the time of a request head afterwards.
    let mut stream = connect(server.api, &issued.certificate, &[]).await.expect("a handshake");
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await.expect("closed in time");
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let issued = Issued::new();
    let server = start(&issued.tls(), PATIENCE * 3).await;
    let mut line = Line::open(server.api).await;
    line.write(&[22, 3, 1]).await;
    let stopping = tokio::spawn(server.listening.stop(PATIENCE * 3));
    line.closes_silently().await;
    tokio::time::timeout(PATIENCE, stopping).await.expect("stopped in time").expect("no panic");
}
