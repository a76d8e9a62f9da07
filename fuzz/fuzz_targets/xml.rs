//! The readers of XML bodies, of requests and answers alike: no harm, bounded memory, and what is read and printed again reads
//! the same. And the writer: whatever text an answer is given, a client reads it as it was.
#![no_main]

use hashlane_fuzz::bounded;
use hashlane_job::{BucketName, JobId, QueueId, Timestamp};
use hashlane_wire::queue::{QueueDetail, QueueList, QueueUpdate};
use hashlane_wire::storage::{
    self, DeleteRefusal, DeleteRequest, KEYS_MAX, ListObjectsQuery, ObjectEntry, parse_complete,
};
use hashlane_wire::{
    ErrorAnswer, ErrorCode, Query, SubmitRequest, TimeOffset, WireError, check_content_md5, check_content_type,
    job_detail,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    requests(body);
    answers(body);
    let text = String::from_utf8_lossy(body);
    let _ = check_content_md5(Some(&text), body);
    let _ = check_content_type(Some(&text));
    // More text shows nothing more, and takes longer.
    let line: String = text.chars().take(32).collect();
    texts(&line);
    storage_texts(&line);
});

fn requests(body: &[u8]) {
    let submit = bounded(body.len(), || SubmitRequest::parse(body));
    refused_as(
        submit.as_ref().err(),
        &[ErrorCode::MissingContent, ErrorCode::InvalidContent, ErrorCode::InvalidArgument],
    );
    if let Ok(submit) = submit {
        assert_eq!(SubmitRequest::parse(&submit.print()), Ok(submit.clone()));
        submitted(submit);
    }
    let update = bounded(body.len(), || QueueUpdate::parse(body));
    refused_as(
        update.as_ref().err(),
        &[ErrorCode::MissingContent, ErrorCode::InvalidContent, ErrorCode::InvalidArgument],
    );
    if let Ok(update) = update {
        assert_eq!(QueueUpdate::parse(&update.print()), Ok(update));
    }
    if let Ok(delete) = bounded(body.len(), || DeleteRequest::parse(body)) {
        assert!((1..=KEYS_MAX).contains(&delete.keys.len()) && !delete.keys.contains(&String::new()));
        assert!(is_well_formed(&storage::print_deleted(&delete.keys, &[])));
    }
    if let Ok(parts) = bounded(body.len(), || parse_complete(body)) {
        assert!(parts.iter().all(|part| !part.etag.is_empty()));
    }
}

/// The answer to a submit tells the client what it asked for.
fn submitted(submit: SubmitRequest) {
    let id = JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("an id");
    let queue = QueueId::parse("p2911917386e148639319e13c285cc774").expect("an id");
    let bucket = BucketName::parse("demo-1250000000").expect("a name");
    let job = submit.clone().into_job(id, bucket, queue);
    let answer = job_detail::print_submitted(&job, "ap-x", TimeOffset::default());
    let (jobs, missing) = job_detail::parse(&answer).expect("our answer is one");
    assert_eq!((jobs.len(), missing.len()), (1, 0));
    assert_eq!((&jobs[0].object, &jobs[0].algorithm), (&submit.object, &submit.algorithm_as_given));
    assert_eq!((jobs[0].user_data.as_ref(), jobs[0].level), (submit.user_data.as_ref(), submit.level));
    assert_eq!(jobs[0].add_to_header, submit.add_to_header);
}

fn answers(body: &[u8]) {
    let _ = bounded(body.len(), || job_detail::parse(body));
    let _ = bounded(body.len(), || ErrorAnswer::parse(body));
    if let Ok(list) = bounded(body.len(), || QueueList::parse(body)) {
        let again = QueueList::parse(&list.print("r")).expect("a printed list is one");
        let is_counted = list.total > 0;
        assert!(again == list || !is_counted, "{list:?} became {again:?}");
    }
    if let Ok(queue) = bounded(body.len(), || QueueDetail::parse_updated(body)) {
        assert_eq!(QueueDetail::parse_updated(&queue.print_updated("r")), Ok(queue));
    }
}

/// Any text in an answer.
fn texts(text: &str) {
    // What XML cannot carry is replaced.
    let carried: String = text
        .chars()
        .map(|character| match character {
            '\t' | '\n' | '\r' => character,
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            _ => character,
        })
        .collect();
    let error = WireError::new(ErrorCode::InternalError, text);
    let answer = ErrorAnswer::parse(&error.body(text, text, text)).expect("our error is one");
    let or = |otherwise: &str| if carried.is_empty() { otherwise.to_owned() } else { carried.clone() };
    assert_eq!(answer.code, "InternalError");
    assert_eq!([&answer.message, &answer.resource], [&or("InternalError"), &or("/")]);
    assert_eq!([&answer.request_id, &answer.trace_id], [&or("-"), &or("-")]);

    let answer = job_detail::print_described(&[], &[text.to_owned()], "ap-x", TimeOffset::default());
    let (jobs, missing) = job_detail::parse(&answer).expect("our answer is one");
    assert!(jobs.is_empty() && missing.iter().eq(Some(&carried).filter(|text| !text.is_empty())));
}

/// Any text in the answers of storage calls, which no client of ours reads.
fn storage_texts(text: &str) {
    let mut list = ListObjectsQuery::parse(&Query::parse("delimiter=%2F").expect("a query")).expect("it fits");
    (list.prefix, list.marker) = (text.to_owned(), text.to_owned());
    let object = ObjectEntry { key: text, modified: Timestamp::default(), etag: text, size_bytes: 3 };
    let refusal = DeleteRefusal { key: text.to_owned(), error: WireError::new(ErrorCode::AccessDenied, text) };
    for body in [
        list.print("demo-1", &[object], &[text.to_owned()], Some(text)),
        storage::print_deleted(&[text.to_owned()], &[refusal]),
        storage::print_initiated("demo-1", text, text),
        storage::print_completed(text, "demo-1", text, text),
        storage::print_copied(text, 1, Timestamp::default()),
    ] {
        assert!(is_well_formed(&body), "{}", String::from_utf8_lossy(&body));
    }
}

/// Whether our reader takes a document; it is refused for the name of its root alone, which it looks at last.
fn is_well_formed(body: &[u8]) -> bool {
    job_detail::parse(body).is_err_and(|error| error.message == "the root of the answer is not Response")
}

fn refused_as(error: Option<&WireError>, codes: &[ErrorCode]) {
    if let Some(error) = error {
        assert!(codes.contains(&error.code), "{error}");
        assert!(error.message.len() < 300, "a message that grows with the input");
    }
}
