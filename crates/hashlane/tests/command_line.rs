//! The command line: help, refusals, exit codes.

mod support;

use std::fs;

use support::{hashlane, run, stderr, stdout};

/// Help texts are part of the interface: `HASHLANE_BLESS=1 cargo test -p hashlane --test command_line` rewrites them.
#[test]
fn help_texts_are_the_ones_that_were_agreed() {
    let folder = tempfile::tempdir().expect("a folder");
    let bless = std::env::var_os("HASHLANE_BLESS").is_some();
    for command in [
        "",
        "demo",
        "serve",
        "sum",
        "job",
        "job submit",
        "job get",
        "job wait",
        "job list",
        "job cancel",
        "job deliveries",
        "deliveries",
        "deliveries list",
        "deliveries replay",
        "callback",
        "callback test",
        "queue",
        "queue list",
        "queue update",
        "queue create",
        "config",
        "config check",
        "config show",
        "migrate",
        "backup",
        "check",
        "completions",
    ] {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.push("--help");
        let output = hashlane(folder.path()).args(&words).env("COLUMNS", "100").output().expect("runs");
        assert_eq!(output.status.code(), Some(0), "{command}");
        let name = if command.is_empty() { "hashlane".to_owned() } else { command.replace(' ', "-") };
        let path = format!("{}/tests/help/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        if bless {
            fs::write(&path, stdout(&output)).expect("written");
        }
        let agreed = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stdout(&output), agreed, "help of `{command}` changed; see this test's comment");
    }
}

#[test]
fn every_setting_flag_has_its_environment_name_in_the_help() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = stdout(&run(folder.path(), &["serve", "--help"]));
    for name in ["CONFIG", "DATA", "LISTEN", "ADMIN", "ROLE", "STORE"] {
        assert!(help.contains(&format!("[env: HASHLANE_{name}")), "{name}");
    }
}

#[test]
fn bad_usage_ends_with_2_and_a_suggestion() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, expected) in [
        (&["serve", "--lisen", "x"] as &[&str], "'--listen'"),
        (&["serv"], "'serve'"),
        (&[], "Usage: hashlane"),
        (&["job", "submit"], "<KEY>"),
        (&["job", "submit", "--level", "3", "a"], "3 is not in 0..=2"),
        (&["job", "submit", "--algo", "md6", "a"], "\"md6\" is none of the algorithms of jobs: md5, sha1, sha256"),
        (&["job", "submit", "--mq-name", "q", "a"], "--mq-name belongs to --callback-type tdmq"),
        (&["job", "submit", "--callback-type", "tdmq", "a"], "needs --mq-region and --mq-name"),
        (&["job", "get"], "<ID>"),
        (&["job", "cancel"], "<ID>"),
        (&["job", "list", "--state", "done"], "--state: \"done\" is none of the states of jobs: submitted, running"),
        (&["job", "list", "--since", "monday"], "--since: \"monday\" is not a time: write it like 2022-07-18T15:16:43"),
        (&["job", "list", "--all", "--limit", "1"], "cannot be used with"),
        (&["job", "list", "--limit", "0"], "0 is not in 1.."),
        (&["queue", "update", "p1"], "nothing to change: give --name"),
        (&["queue", "update", "p1", "--mq-region", "gz"], "--mq-name"),
        (&["queue", "update", "p1", "--state", "idle"], "[possible values: active, paused]"),
        (&["queue", "create", "a b"], "NAME: Name must be 1 to 128 Chinese characters"),
        (&["serve", "--log", "yaml"], "neither human nor json"),
        (
            &["serve", "--role", "wroker"],
            "--role or HASHLANE_ROLE: \"wroker\" is not a role: it is all, api or worker; did you mean `worker`?",
        ),
        (&["serve", "--listen", "here"], "--listen or HASHLANE_LISTEN: \"here\" is not an address"),
        (&["serve", "--store", "mysql://x"], "--store or HASHLANE_STORE: it is neither sqlite:PATH nor postgres://"),
        (
            &["serve", "--store", "postgres://u:hunter2@h/d"],
            "store.url asks for a feature that this version does not have yet",
        ),
        (&["serve", "--bucket", "a-1=s3://b"], "--bucket asks for a feature"),
        (&["config", "check", "--config", "nowhere.toml"], "cannot read the configuration file nowhere.toml"),
    ] {
        let output = run(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?} says\n{}", stderr(&output));
        assert!(!stderr(&output).contains("hunter2"), "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
    }
    assert!(!folder.path().join("hashlane-data").exists(), "a refused command leaves nothing behind");
}

#[test]
fn commands_of_later_versions_do_not_exist_as_stubs() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run(folder.path(), &["deliveries"]).status.code(), Some(2));
}

#[test]
fn config_check_says_whether_serve_would_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |text: &str| {
        fs::write(folder.path().join("h.toml"), text).expect("written");
        run(folder.path(), &["config", "check", "--config", "h.toml"])
    };
    let fine = check("[worker]\nlease = \"10s\"");
    assert_eq!((fine.status.code(), stdout(&fine).as_str()), (Some(0), "h.toml: fine\n"));
    let unknown = check("\n[worker]\nlese = 1");
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(stderr(&unknown), "hashlane: h.toml:3: unknown key `lese` in [worker]; did you mean `lease`?\n");
    for (text, said) in [
        ("[tls]\ncert = \"c\"\nkey = \"k\"", "the certificate of [tls] cannot be used: c: "),
        ("[[bucket]]\nname = \"a-1\"\nstorage = \"fs:///does/not/exist\"", "its folder /does/not/exist does not exist"),
        ("[worker]\nmemory = \"1KiB\"", "memory"),
    ] {
        let refused = check(text);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
    }
}

#[test]
fn config_show_tells_values_and_origins_but_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("h.toml"), "role = \"api\"\n[[key]]\nid = \"A\"\nsecret = \"hunter2\"")
        .expect("written");
    let output = hashlane(folder.path())
        .args(["config", "show", "--config", "h.toml", "--listen", "127.0.0.1:9"])
        .env("HASHLANE_ADMIN", "off")
        .output()
        .expect("runs");
    let shown = stdout(&output);
    let line = |start: &str| shown.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    assert!(line("listen").contains("\"127.0.0.1:9\"") && line("listen").ends_with("# --listen or HASHLANE_LISTEN"));
    assert!(line("admin_listen").contains("\"off\"") && line("admin_listen").ends_with("# --admin or HASHLANE_ADMIN"));
    assert!(line("role").ends_with("# h.toml:1"), "{shown}");
    assert!(line("lease").ends_with("# default"), "{shown}");
    assert!(line("secret").starts_with("secret = \"***\""), "{shown}");
    assert!(!shown.contains("hunter2"));
}

#[test]
fn completions_come_for_every_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(folder.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(stdout(&output).contains("hashlane"), "{shell}");
    }
}
