//! Callbacks over TLS. The certificates that are trusted come from the environment, so each test runs itself again as a
//! process of its own with another environment.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hashlane_callback::{CallbackOptions, Message, Sent, Transports};
use hashlane_job::{BucketName, CallbackFormat, CallbackTarget, JobId, NotifyAddress};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

fn certificates(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

/// Runs an ignored test of this file with these certificates as those of the system.
fn run_with_roots(test: &str, roots: &Path) {
    let output = Command::new(std::env::current_exe().expect("this test's file"))
        .args(["--exact", test, "--ignored"])
        .env("SSL_CERT_FILE", roots)
        // Failure rule D4: proxies of the environment do not come between; nobody listens at this one.
        .env("https_proxy", "http://127.0.0.1:1")
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env_remove("SSL_CERT_DIR")
        .output()
        .expect("the test runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// A receiver that has the certificate of `localhost` and answers 200.
fn start_receiver() -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(certificates("localhost.pem")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(certificates("localhost.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).expect("the configuration is fine");
            let mut stream = StreamOwned::new(connection, stream.expect("a connection"));
            let mut request = Vec::new();
            let mut bytes = [0; 1024];
            while !request.ends_with(b"<Response/>") {
                match stream.read(&mut bytes) {
                    Ok(count @ 1..) => request.extend_from_slice(&bytes[..count]),
                    // The other side does not trust us.
                    _ => break,
                }
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok();
        }
    });
    address
}

async fn send(url: String) -> Sent {
    send_trusting(url, None).await.expect("the options are fine")
}

async fn send_trusting(url: String, ca_file: Option<PathBuf>) -> Result<Sent, String> {
    let options = CallbackOptions {
        ca_file,
        allow_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(30),
        ..CallbackOptions::default()
    };
    let message = Message {
        job: JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("the documented id"),
        bucket: BucketName::parse("demo-1250000000").expect("a name"),
        event_id: "event-1".into(),
        request_id: "attempt-1".into(),
        content_type: "application/xml",
        body: Bytes::from_static(b"<Response/>"),
    };
    let target = CallbackTarget { address: NotifyAddress::Url(url), format: CallbackFormat::Xml };
    Ok(Transports::new(options)?.send(&target, &message).await)
}

#[tokio::test]
async fn the_certificates_of_a_file_are_trusted_beside_those_of_the_system() {
    let address = format!("https://localhost:{}/", start_receiver().port());
    let sent = send_trusting(address.clone(), Some(certificates("authority.pem"))).await;
    assert_eq!(sent, Ok(Sent::Delivered { said: "200 OK".into() }));
    let sent = send_trusting(address.clone(), Some(certificates("stranger.pem"))).await;
    assert!(matches!(&sent, Ok(Sent::Again { said, .. }) if said.contains("certificate")), "{sent:?}");
    for (name, expected) in [("absent.pem", "cannot read"), ("README.md", "no certificate")] {
        let refused = send_trusting(address.clone(), Some(certificates(name))).await.expect_err("no such file");
        assert!(refused.contains(expected) && refused.contains(name), "{refused}");
    }
}

#[test]
fn a_receiver_with_a_trusted_certificate_is_sent_to_and_one_with_another_name_is_not() {
    run_with_roots("when_the_authority_is_trusted", &certificates("authority.pem"));
}

#[test]
fn a_receiver_with_an_untrusted_certificate_is_not_sent_to() {
    run_with_roots("when_a_stranger_is_trusted", &certificates("stranger.pem"));
}

#[test]
fn a_system_without_root_certificates_says_so() {
    run_with_roots("when_there_are_no_certificates", Path::new("/dev/null"));
}

#[tokio::test]
#[ignore = "runs in a process of its own"]
async fn when_the_authority_is_trusted() {
    let port = start_receiver().port();
    let sent = send(format!("https://localhost:{port}/")).await;
    assert_eq!(sent, Sent::Delivered { said: "200 OK".into() });
    let sent = send(format!("https://127.0.0.1:{port}/")).await;
    assert!(matches!(&sent, Sent::Again { said, .. } if said.contains("certificate")), "{sent:?}");
}

#[tokio::test]
#[ignore = "runs in a process of its own"]
async fn when_a_stranger_is_trusted() {
    let port = start_receiver().port();
    let sent = send(format!("https://localhost:{port}/")).await;
    assert!(matches!(&sent, Sent::Again { said, .. } if said.contains("certificate")), "{sent:?}");
}

#[tokio::test]
#[ignore = "runs in a process of its own"]
async fn when_there_are_no_certificates() {
    let port = start_receiver().port();
    let sent = send(format!("https://localhost:{port}/")).await;
    assert!(matches!(&sent, Sent::Again { said, .. } if said.contains("ca-certificates")), "{sent:?}");
}
