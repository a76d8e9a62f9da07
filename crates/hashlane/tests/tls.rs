//! https through the built binary: `[tls]`, the addresses it tells, SIGHUP, and the client commands against it.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use support::{Server, credential, hashlane, run, stderr, stdout};

const CONFIG: &str = "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n";

/// A certificate for loopback in the place of the one before; also kept under a name of its own.
fn issue(folder: &Path, name: &str) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(folder.join("cert.pem"), cert.pem()).expect("written");
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("written");
    fs::write(folder.join(name), cert.pem()).expect("written");
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("hashlane.toml"), CONFIG).expect("written");
    issue(folder.path(), "first.pem");
    folder
}

fn serve(folder: &Path) -> Server {
    Server::start(folder, &["--config", "hashlane.toml", "--admin", "off"])
}

/// Submits a job for the object `a` as a client that trusts one more certificate.
fn submit(folder: &Path, ca_file: &str) -> Output {
    hashlane(folder)
        .args(["job", "submit", "--wait", "--algo", "md5", "a"])
        .env("HASHLANE_CA_FILE", ca_file)
        .output()
        .expect("the binary runs")
}

#[track_caller]
fn expect_hashed(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    assert!(stdout(output).contains("5d41402abc4b2a76b9719d911017c592"), "{}", stdout(output));
}

#[test]
fn a_service_with_a_certificate_speaks_https_and_says_so_everywhere() {
    let folder = folder();
    let server = serve(folder.path());
    let api = server.url("api").expect("an api");
    assert!(api.starts_with("https://127.0.0.1:"), "{api}");
    assert_eq!(credential(folder.path(), "endpoint").as_deref(), Some(api.as_str()));
    fs::write(folder.path().join("hashlane-data/buckets/local-1250000000/a"), b"hello").expect("an object");

    expect_hashed(&submit(folder.path(), "first.pem"));
    let untrusted = run(folder.path(), &["job", "submit", "a"]);
    assert_eq!(untrusted.status.code(), Some(2));
    assert!(stderr(&untrusted).contains("certificate"), "{}", stderr(&untrusted));
    for (file, said) in [("nonexistent.pem", "cannot read nonexistent.pem"), ("key.pem", "there is none among them")] {
        let output = run(folder.path(), &["job", "submit", "--ca-file", file, "a"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }

    let mut plain = TcpStream::connect(api.strip_prefix("https://").expect("it is")).expect("it accepts");
    plain.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect("written");
    plain.shutdown(std::net::Shutdown::Write).expect("shut down");
    let mut answer = String::new();
    plain.read_to_string(&mut answer).expect("it closes");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https"), "{answer}");

    let (status, _, log) = server.end_by(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("Scheme='https'") && log.contains("HASHLANE_CA_FILE"), "{log}");
}

#[test]
fn sighup_puts_a_renewed_certificate_in_place_and_a_broken_one_leaves_the_one_before() {
    let folder = folder();
    let server = serve(folder.path());
    fs::write(folder.path().join("hashlane-data/buckets/local-1250000000/a"), b"hello").expect("an object");
    expect_hashed(&submit(folder.path(), "first.pem"));

    issue(folder.path(), "second.pem");
    server.signal(Signal::HUP);
    server.await_log("certificate read again", 1);
    expect_hashed(&submit(folder.path(), "second.pem"));
    assert_eq!(submit(folder.path(), "first.pem").status.code(), Some(2));

    fs::write(folder.path().join("cert.pem"), "broken").expect("written");
    server.signal(Signal::HUP);
    server.await_log("the one before stays", 1);
    expect_hashed(&submit(folder.path(), "second.pem"));

    issue(folder.path(), "third.pem");
    server.signal(Signal::HUP);
    server.await_log("certificate read again", 2);
    expect_hashed(&submit(folder.path(), "third.pem"));
    assert_eq!(server.end_by(Signal::TERM).0.code(), Some(0));
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_before_anything_starts() {
    let folder = folder();
    assert_eq!(run(folder.path(), &["config", "check", "--config", "hashlane.toml"]).status.code(), Some(0));
    issue(&folder.path().join("."), "other.pem");
    fs::copy(folder.path().join("first.pem"), folder.path().join("cert.pem")).expect("copied");
    for command in [
        &["config", "check", "--config", "hashlane.toml"] as &[&str],
        &["serve", "--config", "hashlane.toml", "--listen", "127.0.0.1:0", "--admin", "off"],
    ] {
        let output = run(folder.path(), command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(stderr(&output).contains("cert.pem: it cannot be used with the key key.pem"), "{}", stderr(&output));
    }
}

#[test]
fn without_a_certificate_sighup_keeps_its_usual_meaning() {
    let folder = tempfile::tempdir().expect("a folder");
    let (status, _, _) = Server::start(folder.path(), &["--admin", "off"]).end_by(Signal::HUP);
    assert_eq!(status.code(), None, "a service ends with the terminal that it was started on");
}
