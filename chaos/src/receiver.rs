//! The receivers of callbacks: what each job's callbacks said, and an answer that is now and then a 500 or none at all.
//!
//! Memory is bounded by the number of jobs: callbacks of one job that say the same are one entry and a count.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::chance::Chance;
use crate::failure::Failure;

/// A longer request is not ours.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// Longer than the service waits for an answer.
const HANG: Duration = Duration::from_secs(12);

/// What a job's callbacks said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The event id of the header.
    pub event: String,
    /// `State`.
    pub state: String,
    /// The digest in hex, empty when there is none.
    pub digest: String,
    /// How many said so.
    pub times: u64,
}

/// All that was received.
#[derive(Debug, Default)]
struct Record {
    jobs: HashMap<String, Said>,
    violations: Vec<String>,
    answered_badly: u64,
}

/// A listening receiver of each mood.
#[derive(Debug, Clone)]
pub struct Receivers {
    /// The addresses of the steady and the moody one.
    pub urls: [String; 2],
    record: Arc<Mutex<Record>>,
    calm: Arc<AtomicBool>,
}

impl Receivers {
    /// Listens on free ports of loopback until the program ends.
    pub async fn listen(seed: u64) -> Result<Receivers, Failure> {
        let record = Arc::new(Mutex::new(Record::default()));
        let calm = Arc::new(AtomicBool::new(false));
        let mut urls = [String::new(), String::new()];
        for (place, url) in urls.iter_mut().enumerate() {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            *url = format!("http://{}/", listener.local_addr()?);
            let mood = Mood {
                chance: Arc::new(Mutex::new(Chance::of(seed, 0xca11_bac0 + place as u64))),
                is_moody: place == 1,
                record: record.clone(),
                calm: calm.clone(),
            };
            tokio::spawn(async move {
                loop {
                    if let Ok((connection, _)) = listener.accept().await {
                        tokio::spawn(mood.clone().serve(connection));
                    }
                }
            });
        }
        Ok(Receivers { urls, record, calm })
    }

    /// From now on everything is taken.
    pub fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// What was received of each job, what cannot have been sent by a service that keeps its promises, and how many were not
    /// taken.
    pub fn record(&self) -> (HashMap<String, Said>, Vec<String>, u64) {
        let record = self.record.lock().expect("no holder panics");
        (record.jobs.clone(), record.violations.clone(), record.answered_badly)
    }
}

#[derive(Clone)]
struct Mood {
    chance: Arc<Mutex<Chance>>,
    is_moody: bool,
    record: Arc<Mutex<Record>>,
    calm: Arc<AtomicBool>,
}

impl Mood {
    /// One connection: request, record, answer, again. The record comes first: what is refused was received too.
    async fn serve(self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut received = Vec::new();
        loop {
            let (head_end, request_end) = loop {
                if let Some(ends) = ends(&received).filter(|(_, end)| received.len() >= *end) {
                    break ends;
                }
                if received.len() > REQUEST_BYTES_MAX || connection.read_buf(&mut received).await? == 0 {
                    return Ok(());
                }
            };
            let head = String::from_utf8_lossy(&received[..head_end]).into_owned();
            let said = read(&head, &received[head_end..request_end]);
            received.drain(..request_end);
            let (refuses, hangs) = {
                let mut chance = self.chance.lock().expect("no holder panics");
                let is_moody = self.is_moody && !self.calm.load(Ordering::Relaxed);
                (is_moody && chance.per_mille(200), is_moody && chance.per_mille(5))
            };
            self.note(said, refuses || hangs);
            if hangs {
                tokio::time::sleep(HANG).await;
                return Ok(());
            }
            let status = if refuses { "500 Internal Server Error" } else { "200 OK" };
            connection.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await?;
        }
    }

    fn note(&self, said: Result<(String, Said), String>, is_bad: bool) {
        let mut record = self.record.lock().expect("no holder panics");
        record.answered_badly += u64::from(is_bad);
        let (job, said) = match said {
            Ok(it) => it,
            Err(why) => return record.violations.push(why),
        };
        let known = record.jobs.entry(job.clone()).or_insert_with(|| Said { times: 0, ..said.clone() });
        known.times += 1;
        if (&known.event, &known.state, &known.digest) != (&said.event, &said.state, &said.digest) {
            let what = format!("job {job}: one callback said {known:?}, another {said:?}");
            record.violations.push(what);
        }
    }
}

/// The ends of head and body, once the head is complete.
fn ends(received: &[u8]) -> Option<(usize, usize)> {
    let head_end = received.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..head_end]).into_owned();
    let length = header(&head, "content-length").and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
    Some((head_end, head_end + length))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn read(head: &str, body: &[u8]) -> Result<(String, Said), String> {
    let wrong = |what: &str| format!("a callback {what}: {head}{}", String::from_utf8_lossy(body));
    let body: Value = serde_json::from_slice(body).map_err(|_| wrong("is not JSON"))?;
    let detail = &body["JobsDetail"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let job = text(&detail["JobId"]);
    if job.is_empty() || header(head, "x-ci-job-id") != Some(&job) {
        return Err(wrong("names no job, or another one in its header"));
    }
    let event = header(head, "x-ci-event-id").ok_or_else(|| wrong("has no event id"))?.to_owned();
    let result = &detail["Operation"]["FileHashCodeResult"];
    let digest = ["MD5", "SHA1", "SHA256"].iter().find_map(|name| result[*name].as_str()).unwrap_or_default();
    Ok((job, Said { event, state: text(&detail["State"]), digest: digest.to_owned(), times: 0 }))
}
