//! `hashlane serve` and `hashlane migrate` as operators and scripts meet them.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use support::{Server, credential, hashlane, run, stderr, stdout};

const DATA: &str = "hashlane-data";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

/// Failure rule E7.
#[test]
fn a_first_start_makes_a_private_data_directory_with_a_key_pair() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--admin", "127.0.0.1:0"]);
    let (api, admin) = (server.url("api").expect("an api"), server.url("admin").expect("an admin listener"));
    assert_eq!(server.ready, format!("ready api={api} admin={admin}"));
    assert!(!api.ends_with(":0") && api.starts_with("http://127.0.0.1:"), "{api}");

    let data = folder.path().join(DATA);
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("credentials.toml")), 0o600);
    assert!(data.join("hashlane.db").is_file());
    assert!(data.join("buckets/local-1250000000").is_dir());

    let value = |key: &str| credential(folder.path(), key);
    assert_eq!(value("endpoint"), Some(api));
    assert_eq!(value("admin_endpoint"), Some(admin));
    assert_eq!(value("bucket").as_deref(), Some("local-1250000000"));
    assert_eq!(value("region").as_deref(), Some("local"));
    let (id, key) = (value("secret_id").expect("an id"), value("secret_key").expect("a key"));
    let alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(id.starts_with("AKID") && id.len() == 36 && alphanumeric(&id), "{id}");
    assert!(key.len() == 32 && alphanumeric(&key));
}

#[test]
fn the_key_pair_survives_restarts_and_the_addresses_follow_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--admin", "127.0.0.1:0"]);
    let pair = |key: &str| credential(folder.path(), key).expect("there");
    let (id, key) = (pair("secret_id"), pair("secret_key"));
    assert_eq!(server.end_by(Signal::TERM).0.code(), Some(0));
    // What others may have made readable becomes private again.
    let file = folder.path().join(DATA).join("credentials.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");

    let server = Server::start(folder.path(), &["--admin", "off"]);
    assert_eq!((pair("secret_id"), pair("secret_key")), (id, key));
    assert_eq!(Some(pair("endpoint")), server.url("api"));
    assert_eq!(credential(folder.path(), "admin_endpoint"), None);
    assert_eq!(server.ready, format!("ready api={}", pair("endpoint")));
    assert_eq!(mode(&file), 0o600);
    let left: Vec<_> = fs::read_dir(folder.path().join(DATA)).expect("readable").flatten().collect();
    assert!(!left.iter().any(|entry| entry.file_name().to_string_lossy().contains(".new")), "{left:?}");
}

#[test]
fn sigterm_and_sigint_end_it_with_0_and_the_ready_line_is_all_it_prints() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().expect("a folder");
        let (status, out, err) = Server::start(folder.path(), &["--admin", "off"]).end_by(signal);
        assert_eq!((status.code(), out.as_str()), (Some(0), ""), "{signal:?}: {err}");
        assert!(err.contains("stopped"), "{err}");
    }
}

#[test]
fn a_second_serve_on_the_same_data_directory_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &["--admin", "off"]);
    let before = fs::read(folder.path().join(DATA).join("credentials.toml")).expect("readable");
    let second = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--admin", "off"]);
    assert_eq!(second.status.code(), Some(2));
    assert_eq!(stdout(&second), "");
    let said = stderr(&second);
    assert!(said.contains("another hashlane process uses") && said.contains("--data"), "{said}");
    assert_eq!(fs::read(folder.path().join(DATA).join("credentials.toml")).expect("readable"), before);
    assert_eq!(server.end_by(Signal::TERM).0.code(), Some(0));
}

#[test]
fn what_cannot_start_ends_with_2_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    fs::write(folder.path().join("a-file"), "").expect("written");
    for (args, expected) in [
        (&["--listen", &taken] as &[&str], "cannot listen on 127.0.0.1:"),
        (&["--data", "a-file/data"], "cannot create the folder a-file/data"),
        (&["no-such-folder"], "no-such-folder"),
    ] {
        let mut all = vec!["serve", "--admin", "off"];
        if !args.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(args);
        // The taken port must stay taken while the command runs.
        let _held = std::net::TcpListener::bind(&taken);
        let output = run(folder.path(), &all);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?} says {}", stderr(&output));
    }
}

#[test]
fn a_forced_platform_must_exist_and_an_empty_one_counts_as_unset() {
    let folder = tempfile::tempdir().expect("a folder");
    let serve = |platform: &str| {
        let mut command = hashlane(folder.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "off"]).env("HASHLANE_PLATFORM", platform);
        command
    };
    let lacking = if cfg!(target_arch = "aarch64") { "avx512" } else { "neon" };
    for platform in ["mmx", lacking] {
        let output = serve(platform).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{platform}");
        assert!(
            stderr(&output).contains("HASHLANE_PLATFORM") && stderr(&output).contains(platform),
            "{}",
            stderr(&output)
        );
    }
    for platform in ["", "scalar"] {
        assert_eq!(Server::start_command(&mut serve(platform)).end_by(Signal::TERM).0.code(), Some(0), "{platform:?}");
    }
}

#[test]
fn logs_are_json_lines_when_asked_for_and_never_hold_the_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let human = Server::start(folder.path(), &["--admin", "off"]).end_by(Signal::TERM).2;
    let secret = credential(folder.path(), "secret_key").expect("there");
    assert!(
        human.contains("from qcloud_cos import") && human.contains("curl ") && human.contains("started"),
        "{human}"
    );
    assert!(!human.contains('\x1b'), "no colours where there is no terminal");

    let mut command = hashlane(folder.path());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "off", "--log", "json"])
        .env("HASHLANE_LOG_FILTER", "trace");
    let json = Server::start_command(&mut command).end_by(Signal::TERM).2;
    for line in json.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event["level"].is_string(), "{line}");
    }
    for text in [&human, &json] {
        assert!(!text.contains(&secret), "the secret is in the log");
    }
}

#[test]
fn migrate_makes_a_store_and_leaves_a_new_one_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = run(folder.path(), &["migrate"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(stdout(&first).starts_with("made a new store with schema version "), "{}", stdout(&first));
    let second = run(folder.path(), &["migrate"]);
    assert!(stdout(&second).ends_with(" already\n"), "{}", stdout(&second));
}
