//! Answers and callbacks: the printed bodies to the byte, and what a client reads of them.

use hashlane_job::{
    BucketName, CallbackFormat, CallbackRequest, Delivery, FailureCode, FileFacts, Job, JobError, JobId, JobState,
    NewJob, ObjectRef, QueueId, Timestamp,
};
use hashlane_lanes::{Algorithm, Digest};
use hashlane_wire::callback_body::{self, BodyStyle};
use hashlane_wire::job_detail::{self, JobDetail, JobResult};
use hashlane_wire::{ErrorAnswer, ErrorCode, TimeOffset, WireError};
use proptest::prelude::*;

const DECLARATION: &str = "<?xml version='1.0' encoding='utf-8' ?>\n";
const REGION: &str = "ap-chongqing";
const ID: &str = "f93984788066911ed89ed352d4d9d2084";
const QUEUE: &str = "p2911917386e148639319e13c285cc774";

/// The job of the official sample.
fn sample() -> NewJob {
    NewJob {
        id: JobId::parse(ID).expect("it is an id"),
        object: ObjectRef {
            bucket: BucketName::parse("test-1234567890").expect("it is a bucket"),
            key: "input/test.mp4".into(),
        },
        queue: QueueId::parse(QUEUE).expect("it is a queue"),
        algorithm: Algorithm::Md5,
        algorithm_as_given: "MD5".into(),
        add_to_header: true,
        user_data: Some("This is my data.".into()),
        fresh: false,
        submitter: None,
        level: 0,
        callback: CallbackRequest::default(),
    }
}

fn job(state: JobState) -> Job {
    let began = Timestamp::from_unix_seconds(1_658_128_604);
    let ended = state.is_final().then(|| Timestamp::from_unix_seconds(1_658_128_605));
    let facts = FileFacts {
        digests: vec![Digest::from_hex(Algorithm::Md5, "1f3ede740849eaa2e79e9b269ea3db2a").expect("it is a digest")],
        size_bytes: 42_120,
        etag: "\"1f3ede740849eaa2e79e9b269ea3db2a\"".into(),
        modified: Timestamp::from_unix_seconds(1_674_991_862),
    };
    Job {
        request: sample(),
        state,
        queue_paused: false,
        progress: if state == JobState::Succeeded { 100 } else { 0 },
        started: (state != JobState::Waiting).then_some(began),
        ended,
        facts: (state == JobState::Succeeded).then_some(facts),
        error: (state == JobState::Failed)
            .then(|| JobError::permanent(FailureCode::NotFound, "there is no such object")),
        target: None,
        delivery: Delivery::default(),
    }
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).expect("a body is UTF-8")
}

fn described(job: Job) -> JobDetail {
    let body = job_detail::print_described(&[job], &[], REGION, TimeOffset::default());
    let (mut jobs, missing) = job_detail::parse(&body).expect("we read what we print");
    assert_eq!((jobs.len(), missing.len()), (1, 0));
    jobs.remove(0)
}

/// Rules W5.17, W5.19, W5.20, W5.21, W16.4, W16.6.
#[test]
fn the_answer_of_a_submit_is_the_official_sample() {
    let body = text(job_detail::print_submitted(&sample(), REGION, TimeOffset::default()));
    let expected = format!(
        "{DECLARATION}<Response><JobsDetail><Code>Success</Code><Message/><JobId>{ID}</JobId><State>Submitted</State>\
         <Progress>0</Progress><CreationTime>2022-07-18T15:16:43+0800</CreationTime><StartTime>-</StartTime>\
         <EndTime>-</EndTime><QueueId>{QUEUE}</QueueId><Tag>FileHashCode</Tag><Input><BucketId>test-1234567890</BucketId>\
         <Object>input/test.mp4</Object><Region>ap-chongqing</Region></Input><Operation><FileHashCodeConfig>\
         <Type>MD5</Type><AddToHeader>true</AddToHeader></FileHashCodeConfig><UserData>This is my data.</UserData>\
         <JobLevel>0</JobLevel></Operation></JobsDetail></Response>"
    );
    assert_eq!(body, expected);
}

/// Rules W6.4, W8.1, W16.12, W16.20.
#[test]
fn a_finished_job_shows_its_result_with_utc_and_a_quoted_etag() {
    let body = text(job_detail::print_described(&[job(JobState::Succeeded)], &[], REGION, TimeOffset::default()));
    for part in [
        "<Code>Success</Code><Message>success</Message>",
        "<State>Success</State><Progress>100</Progress>",
        "<StartTime>2022-07-18T15:16:44+0800</StartTime><EndTime>2022-07-18T15:16:45+0800</EndTime>",
        "<FileHashCodeResult><MD5>1f3ede740849eaa2e79e9b269ea3db2a</MD5><LastModified>2023-01-29T11:31:02+0000</LastModified>\
         <Etag>\"1f3ede740849eaa2e79e9b269ea3db2a\"</Etag><FileSize>42120</FileSize></FileHashCodeResult>",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    let result = described(job(JobState::Succeeded)).result.expect("it has a result");
    let expected = JobResult {
        digests: vec![("MD5".into(), "1f3ede740849eaa2e79e9b269ea3db2a".into())],
        file_size: 42_120,
        last_modified: "2023-01-29T11:31:02+0000".into(),
        etag: "\"1f3ede740849eaa2e79e9b269ea3db2a\"".into(),
    };
    assert_eq!(result, expected);
}

/// Rules W5.18, W5.24, W7.1, W7.2, W16.5.
#[test]
fn each_state_has_its_word_code_message_and_times() {
    let failed = |code| Job { error: Some(JobError::permanent(code, "why")), ..job(JobState::Failed) };
    let paused = Job { queue_paused: true, ..job(JobState::Waiting) };
    let running_in_a_paused_queue = Job { queue_paused: true, ..job(JobState::Running) };
    let waiting_again =
        Job { error: Some(JobError::temporary(FailureCode::Unreadable, "store timed out")), ..job(JobState::Waiting) };
    let (start, end) = ("2022-07-18T15:16:44+0800", "2022-07-18T15:16:45+0800");
    for (job, expected) in [
        (job(JobState::Waiting), ["Submitted", "Success", "", "-", "-"]),
        (waiting_again, ["Submitted", "Success", "", "-", "-"]),
        (paused, ["Pause", "Success", "", "-", "-"]),
        (job(JobState::Running), ["Running", "Success", "", start, "-"]),
        (running_in_a_paused_queue, ["Running", "Success", "", start, "-"]),
        (job(JobState::Succeeded), ["Success", "Success", "success", start, end]),
        (job(JobState::Cancelled), ["Cancel", "Success", "", start, end]),
        (job(JobState::Failed), ["Failed", "ResourceNotFound", "there is no such object", start, end]),
        (failed(FailureCode::Denied), ["Failed", "ResourceAccessDenied", "why", start, end]),
        (failed(FailureCode::Unreadable), ["Failed", "ResourceDownloadFailed", "why", start, end]),
        (failed(FailureCode::TooLarge), ["Failed", "InvalidArgument", "why", start, end]),
        (failed(FailureCode::HeaderDenied), ["Failed", "WriteTargetBucketDenied", "why", start, end]),
        (failed(FailureCode::Internal), ["Failed", "InternalError", "why", start, end]),
    ] {
        let is_final = job.state.is_final();
        let succeeded = job.state == JobState::Succeeded;
        let shown = described(job);
        let fields = [&shown.state, &shown.code, &shown.message, &shown.start_time, &shown.end_time];
        assert_eq!(fields, expected);
        assert_eq!((shown.is_final(), shown.result.is_some()), (is_final, succeeded), "{}", shown.state);
    }
}

/// Rules W5.22, W5.23.
#[test]
fn user_data_is_left_out_when_none_was_given_and_the_type_is_echoed_as_given() {
    let request = NewJob { user_data: None, algorithm_as_given: "md5".into(), add_to_header: false, ..sample() };
    let body = text(job_detail::print_submitted(&request, REGION, TimeOffset::default()));
    assert!(!body.contains("UserData") && body.contains("<Type>md5</Type><AddToHeader>false</AddToHeader>"), "{body}");
}

/// Rules W2.9, W6.2, W6.3.
#[test]
fn missing_ids_are_repeated_flat_and_the_root_is_never_empty() {
    let missing = ["a".to_owned(), "b".to_owned()];
    let body = job_detail::print_described(&[], &missing, REGION, TimeOffset::default());
    let expected = "<Response><NonExistJobIds>a</NonExistJobIds><NonExistJobIds>b</NonExistJobIds></Response>";
    assert_eq!(text(body.clone()), format!("{DECLARATION}{expected}"));
    assert_eq!(job_detail::parse(&body), Ok((Vec::new(), missing.to_vec())));
    let nothing = job_detail::print_described(&[], &[], REGION, TimeOffset::default());
    assert_eq!(text(nothing.clone()), format!("{DECLARATION}<Response><NonExistJobIds/></Response>"));
    assert_eq!(job_detail::parse(&nothing), Ok((Vec::new(), Vec::new())));
}

#[test]
fn an_answer_of_an_older_original_is_read_too() {
    let body = "<Response><JobsDetail><JobId>f1</JobId><State>Running</State><Progress/><Input><Bucket>b-1</Bucket></Input>\
        <New/></JobsDetail><JobsDetail/><RequestId>x</RequestId></Response>";
    let (jobs, missing) = job_detail::parse(body.as_bytes()).expect("it is an answer");
    let expected =
        JobDetail { job_id: "f1".into(), state: "Running".into(), bucket: "b-1".into(), ..JobDetail::default() };
    assert_eq!((jobs, missing), (vec![expected], Vec::new()));
    assert!(job_detail::parse(b"<Error/>").is_err() && job_detail::parse(b"").is_err());
}

/// Rules W9.9, W9.10.
#[test]
fn a_callback_in_xml_is_in_the_order_of_the_samples() {
    let (content_type, body) =
        callback_body::print(&job(JobState::Succeeded), REGION, CallbackFormat::Xml, BodyStyle::default());
    assert_eq!(content_type, "application/xml");
    let expected = format!(
        "{DECLARATION}<Response><EventName>TaskFinish</EventName><JobsDetail><Code>Success</Code>\
         <CreationTime>2022-07-18T15:16:43+0800</CreationTime><EndTime>2022-07-18T15:16:45+0800</EndTime>\
         <Input><BucketId>test-1234567890</BucketId><Object>input/test.mp4</Object><Region>ap-chongqing</Region></Input>\
         <JobId>{ID}</JobId><Message>success</Message><Operation><FileHashCodeConfig><Type>MD5</Type>\
         <AddToHeader>true</AddToHeader></FileHashCodeConfig><FileHashCodeResult>\
         <MD5>1f3ede740849eaa2e79e9b269ea3db2a</MD5><FileSize>42120</FileSize>\
         <LastModified>2023-01-29T11:31:02+0000</LastModified><Etag>\"1f3ede740849eaa2e79e9b269ea3db2a\"</Etag>\
         </FileHashCodeResult><UserData>This is my data.</UserData><JobLevel>0</JobLevel></Operation>\
         <QueueId>{QUEUE}</QueueId><StartTime>2022-07-18T15:16:44+0800</StartTime><State>Success</State>\
         <Tag>FileHashCode</Tag></JobsDetail></Response>"
    );
    assert_eq!(text(body), expected);
}

/// Rule W9.11.
#[test]
fn a_callback_in_json_has_no_wrapper_and_only_strings() {
    let (content_type, body) =
        callback_body::print(&job(JobState::Succeeded), REGION, CallbackFormat::Json, BodyStyle::default());
    assert_eq!(content_type, "application/json");
    let expected = format!(
        "{{\"EventName\":\"TaskFinish\",\"JobsDetail\":{{\"Code\":\"Success\",\
         \"CreationTime\":\"2022-07-18T15:16:43+0800\",\"EndTime\":\"2022-07-18T15:16:45+0800\",\
         \"Input\":{{\"BucketId\":\"test-1234567890\",\"Object\":\"input/test.mp4\",\"Region\":\"ap-chongqing\"}},\
         \"JobId\":\"{ID}\",\"Message\":\"success\",\"Operation\":{{\"FileHashCodeConfig\":{{\"Type\":\"MD5\",\
         \"AddToHeader\":\"true\"}},\"FileHashCodeResult\":{{\"MD5\":\"1f3ede740849eaa2e79e9b269ea3db2a\",\
         \"FileSize\":\"42120\",\"LastModified\":\"2023-01-29T11:31:02+0000\",\
         \"Etag\":\"\\\"1f3ede740849eaa2e79e9b269ea3db2a\\\"\"}},\"UserData\":\"This is my data.\",\"JobLevel\":\"0\"}},\
         \"QueueId\":\"{QUEUE}\",\"StartTime\":\"2022-07-18T15:16:44+0800\",\"State\":\"Success\",\
         \"Tag\":\"FileHashCode\"}}}}"
    );
    assert_eq!(text(body), expected);
}

/// Rules W9.12, W16.13.
#[test]
fn a_callback_in_json_can_have_its_job_in_an_array_of_one_and_in_xml_it_is_the_same() {
    let style = BodyStyle { json_array: true, ..BodyStyle::default() };
    let job = job(JobState::Succeeded);
    let print = |format, style| text(callback_body::print(&job, REGION, format, style).1);
    let object = print(CallbackFormat::Json, BodyStyle::default());
    let array: serde_json::Value = serde_json::from_str(&print(CallbackFormat::Json, style)).expect("it is JSON");
    let object: serde_json::Value = serde_json::from_str(&object).expect("it is JSON");
    assert_eq!(array["EventName"], "TaskFinish");
    assert_eq!(array["JobsDetail"], serde_json::json!([object["JobsDetail"]]));
    assert_eq!(print(CallbackFormat::Xml, style), print(CallbackFormat::Xml, BodyStyle::default()));
}

/// Rule W9.11.
#[test]
fn a_callback_of_a_failed_job_has_the_reason_and_no_result() {
    let silent = Job {
        request: NewJob { user_data: None, ..sample() },
        error: Some(JobError::permanent(FailureCode::Internal, "")),
        ..job(JobState::Failed)
    };
    let print = |job: &Job, format| text(callback_body::print(job, REGION, format, BodyStyle::default()).1);
    for format in [CallbackFormat::Xml, CallbackFormat::Json] {
        let body = print(&job(JobState::Failed), format);
        assert!(body.contains("ResourceNotFound") && body.contains("there is no such object"), "{body}");
        assert!(body.contains("Failed") && !body.contains("FileHashCodeResult"), "{body}");
        assert!(!print(&silent, format).contains("UserData"));
    }
    assert!(print(&silent, CallbackFormat::Xml).contains("<Message/>"));
    assert!(!print(&silent, CallbackFormat::Json).contains("Message"), "empty values are left out");
}

/// Rules W2.16, W16.10.
#[test]
fn an_error_body_always_has_its_five_children() {
    let body = WireError::new(ErrorCode::NoSuchKey, "a < b").body("/a&b", "id1", "id2");
    let expected = "<Error><Code>NoSuchKey</Code><Message>a &lt; b</Message><Resource>/a&amp;b</Resource>\
        <RequestId>id1</RequestId><TraceId>id2</TraceId></Error>";
    assert_eq!(text(body), format!("{DECLARATION}{expected}"));
    let empty = ErrorAnswer::parse(&WireError::new(ErrorCode::SlowDown, "").body("", "", "")).expect("it is an error");
    for value in [&empty.code, &empty.message, &empty.resource, &empty.request_id, &empty.trace_id] {
        assert!(!value.is_empty(), "{empty:?}");
    }
    assert_eq!(ErrorAnswer::parse(b"<Response/>"), None);
    assert_eq!(ErrorAnswer::parse(b"<html>"), None);
}

/// What stands in an XML answer for a text: characters that XML cannot carry are replaced.
fn carried(text: &str) -> String {
    let fits = |character: char| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|character| if fits(character) { character } else { char::REPLACEMENT_CHARACTER }).collect()
}

proptest! {
    /// Failure rule C10.
    #[test]
    fn hostile_text_neither_breaks_an_answer_nor_changes_on_the_way(
        key in prop_oneof![any::<String>(), "[<>&'\"\\]\r\n\t\u{0}\u{1f}a]{1,40}"],
        user_data in prop::option::of("[ -~]{1,40}"),
        message: String,
    ) {
        let request = NewJob {
            object: ObjectRef { key: key.clone(), ..sample().object }, user_data: user_data.clone(), ..sample()
        };
        let failed = Job {
            error: Some(JobError::permanent(FailureCode::Internal, message.clone())), request, ..job(JobState::Failed)
        };
        let shown = described(failed.clone());
        prop_assert_eq!(&shown.object, &carried(&key));
        prop_assert_eq!(&shown.user_data, &user_data);
        prop_assert_eq!(&shown.message, &carried(&message));

        let (_, json) = callback_body::print(&failed, REGION, CallbackFormat::Json, BodyStyle::default());
        let json: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
        let detail = &json["JobsDetail"];
        prop_assert_eq!(detail["Input"]["Object"].as_str().unwrap_or_default(), key);
        prop_assert_eq!(detail["Message"].as_str().unwrap_or_default(), message.as_str());

        let error = WireError::new(ErrorCode::InvalidArgument, message.clone()).body(&shown.object, "r", "t");
        let answer = ErrorAnswer::parse(&error).expect("it is an error");
        prop_assert!(message.is_empty() || answer.message == carried(&message));
    }
}
