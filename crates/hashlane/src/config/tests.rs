//! What users may rely on when they write a configuration.

use std::path::{Path, PathBuf};

use super::*;

const EXAMPLE: &str = include_str!("../../../../docs/hashlane.example.toml");

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a temporary file");
    std::fs::write(file.path(), text).expect("a written file");
    file
}

fn load(text: &str, args: SettingArgs) -> Result<Config, String> {
    let file = file(text);
    let args = SettingArgs { config: Some(file.path().display().to_string()), ..args };
    Config::load(&args).map_err(|error| error.to_string().replace(&file.path().display().to_string(), "FILE"))
}

fn check(text: &str) -> Result<Config, String> {
    load(text, SettingArgs::default())
}

#[test]
fn the_example_is_a_configuration_that_serve_accepts() {
    let config = check(EXAMPLE).expect("the example");
    assert!(config.later.is_empty(), "{:?}", config.later);
    assert_eq!(config.buckets[0].url(), "fs:///srv/photos");
}

#[test]
fn every_key_that_the_example_only_shows_is_known_too() {
    let shown: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|char: char| char == '[' || char.is_ascii_lowercase()) => rest,
            _ => line,
        })
        .collect();
    let config = check(&shown.join("\n")).expect("the example with every key");
    assert_eq!(config.later.len(), 1, "s3: {:?}", config.later);
    assert!(config.tls.is_some());
    assert_eq!(config.keys.len(), 1);
}

#[test]
fn the_example_says_the_defaults_where_it_says_nothing_else() {
    let stated = check(EXAMPLE).expect("the example");
    let silent = Config::load(&SettingArgs::default()).expect("the defaults");
    let differs =
        ["default_bucket", "base_domains", "name", "region", "storage", "photos.example.com", "allow_networks"];
    for setting in silent.settings.iter().filter(|setting| !differs.contains(&setting.key.as_str())) {
        let same = |it: &&Setting| it.header == setting.header && it.key == setting.key;
        let Some(found) = stated.settings.iter().find(same) else { panic!("{} is missing", setting.key) };
        if setting.key != "delays" {
            assert_eq!(found.value, setting.value, "{}{}", setting.header, setting.key);
        }
    }
    assert_eq!(stated.callback.delays, silent.callback.delays);
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_the_way_out() {
    for (text, expected) in [
        ("lisen = \"x\"", "FILE:1: unknown key `lisen`; did you mean `listen`?"),
        ("\n[worker]\nlese = \"1s\"", "FILE:3: unknown key `lese` in [worker]; did you mean `lease`?"),
        ("[wroker]\n", "FILE:1: unknown key `wroker`; did you mean `worker`?"),
        ("[[bucket]]\nnam = \"a-1\"", "FILE:2: [[bucket]] lacks `name`"),
        (
            "[mq.bg]\nurl = \"amqp://h\"",
            "FILE:1: mq.bg: there is no such MqRegion; there are sh, bj, gz, cd, hk; did you mean `bj`?",
        ),
        (
            "[worker]\nlease = \"1 fortnight\"",
            "FILE:2: worker.lease: \"1 fortnight\" is not a duration: write it like 500ms, 30s, 5m, 2h or 30d",
        ),
        ("[worker]\nlease = 30", "FILE:2: worker.lease: \"30\" is not a duration"),
        (
            "[worker]\nmemory = true",
            "FILE:2: worker.memory: expected a string with a unit, found a value of type boolean",
        ),
        (
            "[worker]\nhash_threads = \"4\"",
            "FILE:2: worker.hash_threads: expected a whole number, found a value of type string",
        ),
        ("[worker]\nhash_threads = -1", "FILE:2: worker.hash_threads: -1 is not a whole number from 0 to 1024"),
        ("worker = 3", "FILE:1: worker: expected a table, found a value of type integer"),
        ("[bucket]\nname = \"a-1\"", "FILE:1: bucket: expected an array of tables, written [[...]]"),
        (
            "role = \"wroker\"",
            "FILE:1: role: \"wroker\" is not a role: it is all, api or worker; did you mean `worker`?",
        ),
        ("listen = \"8480\"", "FILE:1: listen: \"8480\" is not an address and a port: write 127.0.0.1:8480"),
        ("admin_listen = \"of\"", "or `off`"),
        ("time_offset = \"Beijing\"", "FILE:1: time_offset: \"Beijing\" is not an offset: write it like +08:00"),
        ("error_dialect = \"CI\"", "FILE:1: error_dialect: \"CI\" is not a dialect: it is cos or ci"),
        ("default_bucket = \"other-1\"", "FILE:1: default_bucket: there is no bucket other-1"),
        ("[store]\nurl = \"mysql://x\"", "FILE:2: store.url: it is neither sqlite:PATH nor postgres://"),
        ("[tls]\ncert = \"c\"", "FILE:2: [tls] lacks `key`"),
        ("[[key]]\nid = \"A\"", "FILE:2: [[key]] has no secret: give it as `secret`, `secret_file` or `secret_env`"),
        (
            "[[key]]\nid = \"A\"\nsecret = \"s\"\nsecret_env = \"X\"",
            "FILE:4: key.secret_env: `secret` is given too: keep one of them",
        ),
        ("[[key]]\nid = \"A\"\nsecret_file = \"/nonexistent\"", "FILE:3: key.secret_file: cannot read /nonexistent"),
        (
            "[[key]]\nid = \"A\"\nsecret_env = \"HASHLANE_TEST_UNSET\"",
            "FILE:3: key.secret_env: the environment variable HASHLANE_TEST_UNSET is not set",
        ),
        (
            "[[bucket]]\nname = \"a-1\"\nstorage = \"memry://\"",
            "FILE:3: bucket.storage: unknown storage scheme \"memry\"; did you mean `memory`?",
        ),
        (
            "[[bucket]]\nname = \"Photos\"\nstorage = \"memory://\"",
            "FILE:2: bucket.name: \"Photos\" is not a bucket name",
        ),
        (
            "[callback]\nallow_networks = [\"intranet\"]",
            "FILE:2: callback.allow_networks: \"intranet\" is not a network",
        ),
        ("[callback]\nallow_networks = \"10.0.0.0/8\"", "FILE:2: callback.allow_networks: expected a list of strings"),
        ("[callback]\ndelays = []", "FILE:2: callback.delays: an empty list"),
        ("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"", "FILE:2:"),
        ("= 3", "FILE:1:"),
    ] {
        let error = check(text).expect_err(text);
        assert!(error.contains(expected), "{text}\n  says {error}\n  not  {expected}");
    }
}

#[test]
fn a_flag_wins_over_the_file_and_an_empty_one_does_not_count() {
    let args = |listen: &str| SettingArgs { listen: Some(listen.into()), ..SettingArgs::default() };
    let text = "listen = \"127.0.0.1:1\"";
    assert_eq!(load(text, args("127.0.0.1:2")).expect("a configuration").listen.port(), 2);
    assert_eq!(load(text, args("")).expect("a configuration").listen.port(), 1);
    let error = load(text, args("nowhere")).expect_err("no address");
    assert!(error.starts_with("--listen or HASHLANE_LISTEN: \"nowhere\" is not an address"), "{error}");
}

#[test]
fn features_of_later_versions_are_refused_and_never_ignored() {
    let keys = "[[bucket]]\nname = \"a-1\"\nstorage = ";
    for text in [
        "[store]\nurl = \"postgres://u:p@h/d\"",
        &format!("{keys}\"s3://b?endpoint=http://h\"") as &str,
        &format!("{keys}\"cos://b\""),
    ] {
        let later = check(text).expect(text).later;
        assert_eq!(later.len(), 1, "{text}");
        assert!(later[0].text.contains("FILE:") || later[0].text.contains(".toml:"), "{}", later[0].text);
    }
    for text in ["[cache]\nresults = true", "[limits]\nrequests_per_second = 5"] {
        assert!(check(text).expect(text).later.is_empty(), "{text}");
    }
}

#[test]
fn the_local_bucket_is_there_when_nothing_else_is_and_when_a_folder_was_given() {
    let names = |config: &Config| -> Vec<String> { config.buckets.iter().map(|it| it.name.to_string()).collect() };
    let configured = "[[bucket]]\nname = \"photos-1\"\nstorage = \"memory://\"";
    let with_dir = SettingArgs { dir: Some(PathBuf::from("/srv")), ..SettingArgs::default() };
    let with_bucket = SettingArgs { bucket: vec!["extra-2=memory://".into()], ..SettingArgs::default() };

    let plain = check("").expect("the defaults");
    assert_eq!((names(&plain), plain.own_folder.is_some()), (vec![LOCAL_BUCKET.to_owned()], true));
    assert_eq!(plain.default_bucket.map(|it| it.to_string()).as_deref(), Some(LOCAL_BUCKET));
    assert_eq!(names(&check(configured).expect("a bucket")), ["photos-1"]);
    let both = load(configured, with_dir).expect("a bucket and a folder");
    assert_eq!((names(&both), both.own_folder), (vec!["photos-1".to_owned(), LOCAL_BUCKET.to_owned()], None));
    assert_eq!(both.default_bucket, None);
    let asked_for = check(&format!("default_bucket = \"{LOCAL_BUCKET}\"\n{configured}")).expect("a default bucket");
    assert_eq!(
        (names(&asked_for), asked_for.own_folder.is_some()),
        (vec!["photos-1".into(), LOCAL_BUCKET.into()], true)
    );
    assert_eq!(names(&load(configured, with_bucket.clone()).expect("two buckets")), ["photos-1", "extra-2"]);
    assert_eq!(names(&load("", with_bucket).expect("one bucket")), ["extra-2"]);
}

#[test]
fn a_bucket_flag_takes_the_place_of_the_bucket_of_that_name() {
    let configured = "[[bucket]]\nname = \"photos-1\"\nstorage = \"fs:///srv\"";
    let args = SettingArgs { bucket: vec!["photos-1=memory://".into()], ..SettingArgs::default() };
    let config = load(configured, args).expect("one bucket");
    assert_eq!(config.buckets.iter().map(Bucket::url).collect::<Vec<_>>(), ["memory://"]);
    for (flag, expected) in
        [("photos-1", "is not NAME=URL"), ("P=memory://", "is not a bucket name"), ("a-1=x://", "scheme")]
    {
        let args = SettingArgs { bucket: vec![flag.into()], ..SettingArgs::default() };
        let error = load("", args).expect_err(flag);
        assert!(error.starts_with("--bucket: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn loopback_callbacks_are_allowed_only_without_a_file_and_on_a_loopback_listener() {
    let args = |listen: &str| SettingArgs { listen: Some(listen.into()), ..SettingArgs::default() };
    let networks = |config: Config| config.callback.allow_networks.len();
    assert_eq!(networks(Config::load(&args("127.0.0.1:0")).expect("defaults")), 2);
    assert_eq!(networks(Config::load(&args("0.0.0.0:0")).expect("defaults")), 0);
    assert_eq!(networks(check("").expect("an empty file")), 0);
}

/// A secret for signing.
const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[test]
fn signing_secrets_stand_in_the_file_or_in_one_of_their_own() {
    let secrets = file(&format!("{SIGNING}\nwhsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n"));
    let from_file = check(&format!("[callback]\nsigning_secrets_file = {:?}", secrets.path())).expect("a file");
    assert_eq!(from_file.callback.signing_secrets.len(), 2);
    let inline = check(&format!("[callback]\nsigning_secrets = [\"{SIGNING}\"]")).expect("a list");
    assert_eq!(inline.callback.signing_secrets[..], from_file.callback.signing_secrets[..1]);
    assert!(check("").expect("nothing").callback.signing_secrets.is_empty());
    let empty = file("\n");
    for (text, expected) in [
        (format!("signing_secrets_file = {:?}", empty.path()), "there is no secret in it"),
        (format!("signing_secrets = []\nsigning_secrets_file = {:?}", secrets.path()), "keep one of them"),
        ("signing_secrets_env = \"HASHLANE_TEST_UNSET\"".into(), "is not set"),
        ("signing_secrets = [\"whsec_c2hvcnQ=\"]".into(), "has 5 bytes"),
        ("ports = [0]".into(), "not a port"),
        ("ports = [\"443\"]".into(), "a list of whole numbers"),
    ] {
        let error = check(&format!("[callback]\n{text}")).expect_err(&text);
        assert!(error.contains(expected), "{error}");
    }
}

/// Failure rule E7.
#[test]
fn no_secret_is_ever_shown() {
    let secret = file("hunter2-file\n");
    let broker = file("amqps://guest:hunter2@127.0.0.1/%2f\n");
    let text = format!(
        "[store]\nurl = \"postgres://u:hunter2@h/d\"\n[[key]]\nid = \"A\"\nsecret = \"hunter2\"\ntoken = \"hunter2\"\n\
         [[key]]\nid = \"B\"\nsecret_file = {:?}\n[callback]\nsigning_secrets = [\"{SIGNING}\", \"{SIGNING}\"]\n\
         [[bucket]]\nname = \"a-1\"\nstorage = \"s3://b\"\nsecret_access_key = \"hunter2\"\n\
         [mq.gz]\nurl = \"amqp://guest:hunter2@127.0.0.1\"\n[mq.bj]\nurl = \"nats://hunter2@127.0.0.1\"\n\
         [mq.sh]\nurl_file = {:?}",
        secret.path(),
        broker.path()
    );
    let config = check(&text).expect("a configuration");
    assert_eq!(config.keys[1].secret.reveal(), "hunter2-file");
    assert_eq!((config.callback.signing_secrets.len(), config.callback.brokers.len()), (2, 3));
    for shown in [config.show(), format!("{:?}", config.keys), format!("{:?}", config.callback)] {
        assert!(!shown.contains("hunter2") && !shown.contains(SIGNING), "{shown}");
    }
    assert!(config.show().contains("amqp://guest:***@127.0.0.1"), "{}", config.show());
    for text in ["[callback]\nsigning_secrets = [\"whsec_hunter2!\"]", "[mq.gz]\nurl = \"hunter2://hunter2@h\""] {
        let error = check(text).expect_err("no secret, no protocol");
        assert!(error.contains("FILE:2") && !error.contains("@h") && !error.contains("whsec_h"), "{error}");
    }
    let error = check("[[key]]\nid = \"A\"\nsecret = \"hunter2 with blanks\"").expect_err("blanks");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn what_config_show_prints_is_a_configuration_with_the_same_meaning() {
    let shown = check(EXAMPLE).expect("the example").show();
    let again = check(&shown).expect("what was shown");
    let without_origin = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  #").next().unwrap_or_default().trim_end().to_owned()).collect()
    };
    assert_eq!(without_origin(&shown), without_origin(&again.show()));
}

#[test]
fn a_file_with_a_secret_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let file = file("[[key]]\nid = \"A\"\nsecret = \"s\"");
    let args = SettingArgs { config: Some(file.path().display().to_string()), ..SettingArgs::default() };
    let set = |mode| std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).expect("a mode");
    set(0o644);
    let told = Config::load(&args).expect("a configuration").exposed_secrets();
    assert!(matches!(&told[..], [one] if one.contains("has mode 0644")), "{told:?}");
    set(0o600);
    assert!(Config::load(&args).expect("a configuration").exposed_secrets().is_empty());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let args = SettingArgs { config: Some("/nonexistent/h.toml".into()), ..SettingArgs::default() };
    let error = Config::load(&args).expect_err("no file").to_string();
    assert!(error.starts_with("cannot read the configuration file /nonexistent/h.toml: "), "{error}");
    assert!(!Path::new("/nonexistent").exists());
}
