//! `hashlane job deliveries`, `deliveries` and `callback test` against a running `hashlane serve` and a receiver.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::{Server, hashlane, run, stderr, stdout};

/// A receiver that answers with the status that it is told, and keeps head and body of each request.
struct Receiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Receiver {
    fn start(status: u16) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let (status, requests) = (Arc::new(AtomicU16::new(status)), Arc::new(Mutex::new(Vec::new())));
        let (own_status, own_requests) = (status.clone(), requests.clone());
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let request = read(&stream);
                own_requests.lock().expect("no panic").push(request);
                let status = own_status.load(Ordering::SeqCst);
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 7\r\nConnection: close\r\n\r\nsecret\n");
                (&stream).write_all(answer.as_bytes()).ok();
            }
        });
        Receiver { address, status, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?token=hush", self.address)
    }

    fn requests(&self) -> Vec<(String, String)> {
        self.requests.lock().expect("no panic").clone()
    }
}

fn read(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        head.push_str(&line);
        line.clear();
    }
    let mut body = vec![0; header(&head, "content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).expect("a whole body");
    (head, String::from_utf8(body).expect("UTF-8"))
}

fn header(head: &str, name: &str) -> String {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

fn code(output: &Output, expected: i32) -> String {
    assert_eq!(output.status.code(), Some(expected), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("a JSON line")
}

fn submit(folder: &Path, callback: &str) -> String {
    let objects = folder.join("hashlane-data/buckets/local-1250000000");
    fs::write(objects.join("a"), "abc").expect("written");
    code(&run(folder, &["job", "submit", "--callback", callback, "a"]), 0).trim().to_owned()
}

/// D8, D10: from the failed callback to its replay, with the commands that an operator has.
#[test]
fn a_callback_that_was_given_up_is_found_and_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    // Callbacks that are taken are told at debug.
    let server = Server::start_command(
        hashlane(folder)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .env("HASHLANE_LOG_FILTER", "info,hashlane_worker=debug"),
    );
    let receiver = Receiver::start(410);
    let id = submit(folder, &receiver.url());
    server.await_log("410 Gone", 1);

    let shown = code(&run(folder, &["job", "deliveries", &id]), 0);
    assert!(shown.contains("attempt 1  failed     410  ") && shown.contains("410 Gone\ncallback_failed"), "{shown}");
    assert!(shown.contains(&format!("to url  event evt-{id}")) && !shown.contains("hush"), "{shown}");
    let delivery = json(&code(&run(folder, &["job", "deliveries", "--json", &id]), 0));
    assert_eq!((&delivery["callback_failed"], &delivery["record"][0]["status"]), (&true.into(), &410.into()));
    let job = json(&code(&run(folder, &["job", "get", "--json", &id]), 0));
    assert_eq!(job["delivery"]["callback_failed"], true);

    let listed = code(&run(folder, &["deliveries", "list"]), 0);
    assert!(listed.starts_with(&id) && listed.contains("attempts 1  410 Gone  local-1250000000/a"), "{listed}");
    let listed = json(&code(&run(folder, &["deliveries", "list", "--state", "failed", "--json"]), 0));
    assert_eq!((&listed["id"], &listed["delivery"]["state"]), (&id.as_str().into(), &"failed".into()));
    assert_eq!(code(&run(folder, &["deliveries", "list", "--until", "2001-01-01T00:00:00Z"]), 0), "");
    assert_eq!(code(&run(folder, &["deliveries", "list", "--state", "pending"]), 0), "");

    // A range in which it is not, then one in which it is, then the job by itself.
    let none = run(folder, &["deliveries", "replay", "--until", "2001-01-01T00:00:00Z", "--json"]);
    assert_eq!(code(&none, 0), "{\"replayed\":0}\n");
    receiver.status.store(503, Ordering::SeqCst);
    let replayed = run(folder, &["deliveries", "replay", "--since", "2001-01-01T00:00:00+0000"]);
    assert_eq!(code(&replayed, 0), "1 callbacks are sent again\n");
    server.await_log("503 Service Unavailable", 1);
    let again = run(folder, &["deliveries", "replay", "--job", &id]);
    assert_eq!(code(&again, 0), format!("{id}: its callback is due already\n"));
    let listed = code(&run(folder, &["deliveries", "list", "--state", "pending"]), 0);
    assert!(listed.contains("due in "), "{listed}");
    receiver.status.store(200, Ordering::SeqCst);
    server.await_log("200 OK", 1);
    let listed = code(&run(folder, &["deliveries", "list", "--state", "delivered"]), 0);
    assert!(listed.starts_with(&id), "{listed}");
    let replayed = run(folder, &["deliveries", "replay", "--job", &id, "--json"]);
    assert_eq!(json(&code(&replayed, 0))["replayed"], "due");
    server.await_log("200 OK", 2);

    let requests = receiver.requests();
    assert_eq!(requests.len(), 4);
    for (head, body) in &requests {
        assert_eq!(header(head, "x-ci-event-id"), format!("evt-{id}"));
        assert_eq!(*body, requests[0].1, "the body is the stored one");
    }
}

#[test]
fn what_cannot_be_replayed_ends_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let _server = Server::start(folder, &["--admin", "127.0.0.1:0"]);
    let id = submit(folder, "no");
    code(&run(folder, &["job", "wait", &id]), 0);
    for (args, exit, told) in [
        (&["deliveries", "replay", "--job", id.as_str()] as &[&str], 1, "the job has no callback"),
        (&["deliveries", "replay", "--job", "f93984788066911ed89ed352d4d9d2084"], 1, "no such job"),
        (&["job", "deliveries", "f93984788066911ed89ed352d4d9d2084"], 1, "no such job"),
        (&["job", "deliveries", "../metrics"], 1, "there is no job ../metrics"),
        (&["deliveries", "list", "--bucket", "absent-1"], 1, "no such bucket"),
        (&["deliveries", "replay"], 2, "--since"),
        (&["deliveries", "replay", "--state", "pending", "--all"], 2, "pending"),
        (&["deliveries", "list", "--since", "yesterday"], 2, "--since: \"yesterday\" is not a time"),
        (&["deliveries", "list", "--admin-endpoint", "http://127.0.0.1:1"], 2, "cannot ask the admin listener"),
        (&["deliveries", "list", "--data", "elsewhere"], 2, "--admin-endpoint"),
    ] {
        let output = run(folder, args);
        code(&output, exit);
        assert!(stderr(&output).contains(told), "{args:?}: {}", stderr(&output));
    }
    let shown = code(&run(folder, &["job", "deliveries", &id]), 0);
    assert_eq!(shown, "none: no callback is wanted, or the job has not ended\n");
}

#[test]
fn a_sample_callback_is_sent_as_the_service_would_send_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let receiver = Receiver::start(200);
    let told = code(&run(folder, &["callback", "test", &receiver.url()]), 0);
    assert!(told.starts_with("taken\n200 OK  ") && told.contains(" ms  event evt-f"), "{told}");
    let told = json(&code(&run(folder, &["callback", "test", "--format", "json", "--json", &receiver.url()]), 0));
    assert_eq!((&told["outcome"], &told["said"]), (&"delivered".into(), &"200 OK".into()));
    let requests = receiver.requests();
    assert!(requests[0].1.contains("<EventName>TaskFinish</EventName>"), "{}", requests[0].1);
    let (head, body) = &requests[1];
    assert_eq!(header(head, "content-type"), "application/json");
    assert_eq!(header(head, "x-ci-event-id"), told["event_id"].as_str().expect("an event id"));
    assert_eq!(json(body)["JobsDetail"]["State"], "Success");

    receiver.status.store(500, Ordering::SeqCst);
    let told = code(&run(folder, &["callback", "test", &receiver.url()]), 1);
    assert!(told.starts_with("not taken: a real callback would be sent again later\n500 "), "{told}");
    assert!(told.contains("\n  500 ") && told.contains("\n  | "), "the answer is shown: {told}");

    // With a configuration file nothing private is allowed that it does not list.
    fs::write(folder.join("strict.toml"), "").expect("written");
    let told = code(&run(folder, &["callback", "test", "--config", "strict.toml", &receiver.url()]), 1);
    assert!(told.starts_with("not taken: a real callback would be given up\n"), "{told}");
    assert_eq!(receiver.requests().len(), 3);
    code(&run(folder, &["callback", "test", "--config", "absent.toml", &receiver.url()]), 2);
    code(&run(folder, &["callback", "test", "ftp://example.com/"]), 1);
    assert!(!folder.join("hashlane-data").exists(), "no data directory is made");
}
