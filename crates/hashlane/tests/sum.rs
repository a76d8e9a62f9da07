//! `hashlane sum`: what it prints and checks, beside coreutils' own tools.

mod support;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::{hashlane, run, stderr, stdout};

const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";
const HELLO_SHA1: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
const WORLD: &str = "7d793037a0760186574b0282f2f435e7";

/// Names that lines cannot hold as they are, and some that they can.
const NAMES: [&[u8]; 9] =
    [b"plain", b"a b", b" lead", b"back\\slash", b"new\nline", b"cr\rx", b"\xff\xfe", b"*star", b"par (1) = x"];

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn write(directory: &Path, name: &[u8], content: &[u8]) {
    fs::write(directory.join(OsStr::from_bytes(name)), content).expect("written");
}

/// Another tool in the same directory.
fn tool(directory: &Path, name: &str, args: &[&OsStr]) -> Output {
    Command::new(name).args(args).current_dir(directory).env("LC_ALL", "C").output().expect("coreutils are installed")
}

fn with_input(directory: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut command = hashlane(directory);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("taken");
    child.wait_with_output().expect("it ends")
}

#[test]
fn lines_are_those_of_coreutils_whatever_the_names() {
    let folder = folder();
    for (number, name) in NAMES.iter().enumerate() {
        write(folder.path(), name, &vec![b'x'; number * 1000]);
    }
    let names = NAMES.map(OsStr::from_bytes);
    for (algorithm, other) in [("md5", "md5sum"), ("SHA1", "sha1sum"), ("Sha256", "sha256sum")] {
        for (ours, theirs) in [
            (&[][..], &[][..]),
            (&["--zero"][..], &["--zero"][..]),
            (&["--format", "bsd"], &["--tag"]),
            (&["--format", "bsd", "-z"], &["--tag", "-z"]),
        ] {
            let output =
                hashlane(folder.path()).args(["sum", "-a", algorithm]).args(ours).args(names).output().expect("runs");
            let theirs: Vec<&OsStr> = theirs.iter().map(OsStr::new).chain(names).collect();
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&tool(folder.path(), other, &theirs).stdout),
                "{other} {ours:?}"
            );
            assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
        }
    }
}

#[test]
fn coreutils_check_our_lines_and_we_check_theirs() {
    let folder = folder();
    for name in NAMES {
        write(folder.path(), name, name);
    }
    let names = NAMES.map(OsStr::from_bytes);
    for ours in [&["sum"][..], &["sum", "--format", "bsd"]] {
        let output = hashlane(folder.path()).args(ours).args(names).output().expect("runs");
        write(folder.path(), b"ours", &output.stdout);
        let checked = tool(folder.path(), "md5sum", &["-c".as_ref(), "ours".as_ref()]);
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let own = run(folder.path(), &["sum", "-c", "ours"]);
        assert_eq!(String::from_utf8_lossy(&own.stdout), String::from_utf8_lossy(&checked.stdout));
        assert_eq!(own.status.code(), Some(0));
    }
    for (theirs, args) in [("md5sum", &[][..]), ("sha256sum", &["--tag"]), ("sha1sum", &["--binary"])] {
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).chain(names).collect();
        write(folder.path(), b"theirs", &tool(folder.path(), theirs, &args).stdout);
        let checked = run(folder.path(), &["sum", "--quiet", "-c", "theirs"]);
        assert_eq!((checked.status.code(), stdout(&checked).as_str(), stderr(&checked).as_str()), (Some(0), "", ""));
    }
}

#[test]
fn ten_thousand_files_come_in_the_order_of_their_names_on_any_number_of_threads() {
    let folder = folder();
    let mut expected = String::new();
    // Folders stand among the files by their own names; sizes differ so that digests come out of order.
    for (number, name) in ["0", "a", "a-b", "a.txt", "b"].iter().enumerate() {
        let path = folder.path().join("tree").join(name);
        if *name == "a.txt" {
            fs::write(&path, "hello").expect("written");
            expected += &format!("{HELLO}  tree/a.txt\n");
            continue;
        }
        fs::create_dir_all(&path).expect("made");
        for file in 0..2500 {
            let bytes = vec![number as u8; file * 7919 % 9000 * usize::from(file % 10 == 0) + file % 70];
            fs::write(path.join(format!("{file:04}")), &bytes).expect("written");
            expected += &format!(
                "{}  tree/{name}/{file:04}\n",
                hashlane_lanes::Hasher::digest(hashlane_lanes::Algorithm::Md5, &bytes)
            );
        }
    }
    write(folder.path(), b"last", b"world");
    expected += &format!("{WORLD}  last\n");
    for threads in ["1", "3", "16"] {
        let output = run(folder.path(), &["sum", "-r", "-j", threads, "tree/", "last"]);
        assert!(stdout(&output) == expected, "{threads} threads: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn several_algorithms_come_from_one_command_in_every_format() {
    let folder = folder();
    write(folder.path(), b"a,b", b"hello");
    for (args, expected) in [
        (&["-a", "sha1,md5"][..], format!("SHA1 (a,b) = {HELLO_SHA1}\nMD5 (a,b) = {HELLO}\n")),
        (
            &["-a", "MD5", "-a", "sha1,md5", "--format", "json"],
            format!("{{\"name\":\"a,b\",\"bytes\":5,\"digests\":{{\"md5\":\"{HELLO}\",\"sha1\":\"{HELLO_SHA1}\"}}}}\n"),
        ),
        (&["-a", "md5,sha1", "--format", "csv"], format!("name,bytes,md5,sha1\n\"a,b\",5,{HELLO},{HELLO_SHA1}\n")),
    ] {
        let output = hashlane(folder.path()).arg("sum").args(args).arg("a,b").output().expect("runs");
        assert_eq!(stdout(&output), expected);
    }
}

#[test]
fn every_algorithm_of_the_lanes_can_be_asked_for_and_checked() {
    let folder = folder();
    // Large enough that algorithms are spread over threads.
    let content: Vec<u8> = (0..17_000_003_u32).map(|number| (number * 31 % 251) as u8).collect();
    write(folder.path(), b"large", &content);
    write(folder.path(), b"small", b"hello");
    let all = hashlane_lanes::Algorithm::ALL.map(hashlane_lanes::Algorithm::name).join(",");
    let output = run(folder.path(), &["sum", "-a", &all, "large", "small"]);
    let mut expected = String::new();
    for (name, content) in [("large", &content[..]), ("small", b"hello")] {
        for algorithm in hashlane_lanes::Algorithm::ALL {
            let digest = hashlane_lanes::Hasher::digest(algorithm, content);
            expected += &format!("{} ({name}) = {digest}\n", algorithm.name().to_uppercase());
        }
    }
    assert_eq!(stdout(&output), expected);
    let checked = with_input(folder.path(), &["sum", "-c", "-"], expected.as_bytes());
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let help = stdout(&run(folder.path(), &["sum", "--help"]));
    for algorithm in hashlane_lanes::Algorithm::ALL {
        assert!(help.contains(algorithm.name()), "{algorithm}");
    }
}

#[test]
fn what_cannot_be_read_is_told_and_counted_and_the_rest_goes_on() {
    let folder = folder();
    let directory = folder.path();
    fs::create_dir_all(directory.join("d/e")).expect("made");
    write(directory, b"d/a", b"hello");
    write(directory, b"d/z", b"world");
    let made = tool(directory, "mkfifo", &["d/pipe".as_ref()]);
    assert!(made.status.success());
    for (link, to) in [("d/link", "a"), ("d/e/loop", ".."), ("to-a", "d/a"), ("to-d", "d")] {
        std::os::unix::fs::symlink(to, directory.join(link)).expect("linked");
    }
    // A regular file that nobody can read, not even root.
    let args = ["sum", "-r", "missing", "d", "/proc/self/mem", "/dev/null", "to-a", "to-d", "d/a/b"];
    let output = run(directory, &args);
    let expected = format!("{HELLO}  d/a\n{WORLD}  d/z\n{HELLO}  to-a\n{HELLO}  to-d/a\n{WORLD}  to-d/z\n");
    assert_eq!(stdout(&output), expected);
    let special = "it is a pipe, socket or device, not a regular file; give - to read stdin";
    assert_eq!(
        stderr(&output),
        format!(
            "hashlane: missing: no such file or directory\nhashlane: d/pipe: {special}\nhashlane: /proc/self/mem: \
             input/output error\nhashlane: /dev/null: {special}\nhashlane: to-d/pipe: {special}\nhashlane: d/a/b: not a \
             directory\nhashlane: 6 files or folders could not be read\n"
        )
    );
    assert_eq!(output.status.code(), Some(2));

    let output = run(directory, &["sum", "d", "d/a"]);
    assert_eq!(stdout(&output), format!("{HELLO}  d/a\n"));
    assert_eq!(stderr(&output), "hashlane: d: it is a folder; -r sums the files in it\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_stream_is_summed_in_its_place() {
    let folder = folder();
    write(folder.path(), b"a", b"world");
    let output = with_input(folder.path(), &["sum", "a", "-", "a"], b"hello");
    assert_eq!(stdout(&output), format!("{WORLD}  a\n{HELLO}  -\n{WORLD}  a\n"));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_check_says_what_md5sum_says_and_exits_by_what_it_found() {
    let folder = folder();
    let directory = folder.path();
    write(directory, b"a", b"hello");
    write(directory, b"b", b"world");
    let lists: BTreeMap<&str, String> = BTreeMap::from([
        ("fine", format!("# a comment\n\n{HELLO}  a\r\n{WORLD}  b\n")),
        ("differs", format!("{HELLO}  a\n{HELLO}  b\n{HELLO}  missing\nwrong\n")),
        ("lacks", format!("{HELLO}  a\n{HELLO}  missing\n")),
        ("all-missing", format!("{HELLO}  missing\n")),
        ("wrong", format!("wrong\nMD6 (a) = {HELLO}\n{HELLO}  a\n")),
        ("none", "wrong\n".to_owned()),
    ]);
    for (name, text) in &lists {
        write(directory, name.as_bytes(), text.as_bytes());
    }
    for (args, code, said) in [
        (&["fine"][..], 0, "a: OK\nb: OK\n"),
        (&["--quiet", "fine"], 0, ""),
        (&["--status", "fine"], 0, ""),
        (&["fine", "lacks"], 2, "a: OK\nb: OK\na: OK\nmissing: FAILED open or read\n"),
        (&["differs"], 1, "a: OK\nb: FAILED\nmissing: FAILED open or read\n"),
        (&["--quiet", "differs"], 1, "b: FAILED\nmissing: FAILED open or read\n"),
        (&["--status", "differs"], 1, ""),
        (&["lacks"], 2, "a: OK\nmissing: FAILED open or read\n"),
        (&["--ignore-missing", "lacks"], 0, "a: OK\n"),
        (&["--ignore-missing", "all-missing"], 2, ""),
        (&["wrong"], 0, "a: OK\n"),
        (&["--strict", "wrong"], 2, "a: OK\n"),
        (&["--warn", "wrong"], 0, "a: OK\n"),
        (&["none"], 2, ""),
        (&["nowhere"], 2, ""),
    ] {
        let output = hashlane(directory).args(["sum", "--check"]).args(args).output().expect("runs");
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(code), said), "{args:?}");
        let theirs =
            Command::new("md5sum").arg("--check").args(args).current_dir(directory).env("LC_ALL", "C").output();
        let theirs = theirs.expect("coreutils are installed");
        assert_eq!(stdout(&output), stdout(&theirs), "{args:?}");
        assert_eq!(output.status.success(), theirs.status.success(), "{args:?}");
        let ours = stderr(&output).replace("hashlane: ", "md5sum: ").to_lowercase();
        let theirs = stderr(&theirs).replace(" MD5 checksum", " checksum").to_lowercase();
        assert_eq!(ours, theirs, "{args:?}");
    }
}

#[test]
fn the_algorithm_of_a_line_is_its_tag_else_what_was_asked_else_told_by_its_length() {
    let folder = folder();
    write(folder.path(), b"a", b"hello");
    for (args, list, code) in [
        (&[][..], format!("{HELLO}  a\n{HELLO_SHA1}  a\nSHA1 (a) = {HELLO_SHA1}\n"), 0),
        (&["-a", "sha1"], format!("{HELLO_SHA1}  a\nMD5 (a) = {HELLO}\n"), 0),
        (&["-a", "sha1"], format!("{HELLO}  a\n"), 2),
    ] {
        let args: Vec<&str> = ["sum", "-c", "-"].iter().chain(args).copied().collect();
        let output = with_input(folder.path(), &args, list.as_bytes());
        assert_eq!(output.status.code(), Some(code), "{list}: {}", stderr(&output));
    }
}

#[test]
fn bad_usage_says_what_to_give_instead() {
    let folder = folder();
    for (args, said) in [
        (&["-a", "md6", "a"][..], "--algo: \"md6\" is none of the algorithms: md5, sha1, sha256"),
        (&["-a", "md5,sha1", "--format", "gnu", "a"], "give bsd, json or csv for several"),
        (&["-z", "--format", "json", "a"], "--zero is for --format gnu and bsd"),
        (&["-c", "-a", "md5,sha1", "a"], "--check takes one ALGO at most"),
        (&["-c", "-r", "a"], "cannot be used with"),
        (&["--quiet", "a"], "--check"),
        (&["-j", "0", "a"], "0 is not in 1..=1024"),
        (&["--recursiv", "a"], "--recursive"),
    ] {
        let output = hashlane(folder.path()).arg("sum").args(args).output().expect("runs");
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{args:?}");
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
    let forced = hashlane(folder.path()).args(["sum", "a"]).env("HASHLANE_PLATFORM", "z80").output().expect("runs");
    assert_eq!(forced.status.code(), Some(2));
    assert!(stderr(&forced).contains("HASHLANE_PLATFORM"), "{}", stderr(&forced));
}

#[test]
fn a_reader_that_goes_away_ends_the_command_at_once() {
    let folder = folder();
    // Nobody waits for the digest of so much.
    fs::File::create(folder.path().join("huge")).and_then(|file| file.set_len(1 << 40)).expect("made");
    write(folder.path(), b"list", HELLO.as_bytes());
    let mut command = hashlane(folder.path());
    command.args(["sum", "list", "huge", "huge", "huge"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot write to stdout"), "{}", stderr(&output));
}
