//! The recorded requests of the official Python SDK: signatures, routes, and submit bodies.

mod capture;
mod mutations;

use capture::{ACCESS_KEY, Capture, NOW, SECRET, host_rules};
use hashlane_job::{CallbackAddress, CallbackFormat, CallbackRequest, MqMode, MqTarget};
use hashlane_lanes::Algorithm;
use hashlane_wire::{
    Call, ErrorCode, StorageOperation, SubmitRequest, WireError, address, check_content_md5, check_content_type,
    check_job_ids, route, sign,
};

/// Rule S1.3.
/// Failure rule C5.
#[test]
fn all_72_signed_captures_verify_and_the_anonymous_one_is_unsigned() {
    let mut unsigned = Vec::new();
    for capture in Capture::all() {
        let head = capture.head();
        match sign::presented(&head).unwrap_or_else(|error| panic!("{}: {error}", capture.name)) {
            Some(presented) => {
                assert_eq!(presented.access_key, ACCESS_KEY, "{}", capture.name);
                let verified = sign::verify(&head, &presented, Some(SECRET), None, NOW, sign::Rules::default());
                assert_eq!(verified, Ok(()), "{}", capture.name);
                let token = capture.name.starts_with("tk-").then(|| "made/up+token=".to_owned());
                assert_eq!(presented.token, token, "{}", capture.name);
            }
            None => unsigned.push(capture.name.clone()),
        }
    }
    assert_eq!(unsigned, ["an-01-hash"]);
}

/// Rule S2.10.
#[test]
fn a_capture_verifies_although_a_proxy_dropped_its_content_length() {
    let all = Capture::all();
    let mut capture = all.into_iter().find(|capture| capture.name == "ip-01-hash-minimal").expect("it is there");
    capture.headers.retain(|(name, _)| name != "Content-Length");
    let head = capture.head();
    let presented = sign::presented(&head).expect("it is readable").expect("it is signed");
    let verify = |body_bytes| sign::verify(&head, &presented, Some(SECRET), body_bytes, NOW, sign::Rules::default());
    assert_eq!(verify(Some(capture.body.len() as u64)), Ok(()));
    assert_eq!(verify(Some(1)), Err(sign::Fault::WrongDigest));
    assert_eq!(verify(None), Err(sign::Fault::WrongDigest));
}

/// Rules W2.2, S2.13.
#[test]
fn every_capture_is_addressed_to_its_bucket_and_routed_to_its_call() {
    let rules = host_rules();
    let all = Capture::all();
    let found: Vec<(String, &str)> = all
        .iter()
        .map(|capture| {
            let address = address(&capture.header("host").expect("every capture has a Host"), &rules);
            assert_eq!(address.bucket.as_deref(), Some("demo-1250000000"), "{}", capture.name);
            assert_eq!(address.region.as_deref(), Some("ap-chongqing"), "{}", capture.name);
            assert_eq!(
                address.ci_host,
                capture.header("host").is_some_and(|host| host.contains("ci.")),
                "{}",
                capture.name
            );
            let call = route(&capture.head(), &address, capture.name != "an-01-hash").expect("a capture has a route");
            check_details(&capture.name, &call);
            (capture.name.clone(), call.route_label())
        })
        .collect();
    let expected: Vec<(String, &str)> = ROUTES.iter().map(|(name, label)| ((*name).to_owned(), *label)).collect();
    assert_eq!(found, expected);
}

/// The ids and keys of calls that have some.
fn check_details(name: &str, call: &Call) {
    let job = "f93984788066911ed89ed352d4d9d2084".to_owned();
    match call {
        Call::DescribeJobs { ids } => {
            let others =
                ["f00000000066911ed89ed352d4d9d2085".to_owned(), "f11111111066911ed89ed352d4d9d2086".to_owned()];
            let expected = if name == "ip-21-query-3" { [vec![job], others.to_vec()].concat() } else { vec![job] };
            assert_eq!(*ids, expected, "{name}");
            assert_eq!(check_job_ids(ids), Ok(()), "{name}");
        }
        Call::CancelJob { id } => assert_eq!(*id, job, "{name}"),
        Call::UpdateQueue { id } => assert_eq!(id, "p2911917386e148639319e13c285cc774", "{name}"),
        Call::DescribeBatch { id } | Call::CancelBatch { id } => {
            assert_eq!(id, "b3deffea2f84911ec9cb15254008618d9", "{name}");
        }
        Call::Storage { key, operation } => {
            if *operation == StorageOperation::ListBuckets {
                assert_eq!(*key, None, "{name}");
                return;
            }
            let expected = match (name, operation) {
                ("ip-31-sync-sha256-header", _) => "dir/a b+c.txt",
                ("ip-32-sync-unicode", _) => "目录/é😀.bin",
                ("ip-71-put-object-md5", _) => "目录/a b+c!'()*~.txt",
                ("ip-72-put-object-stream", _) => "chunk.bin",
                ("ip-80-copy-object", _) => "b.txt",
                ("ip-84-upload-file-small", _) => "small.bin",
                ("ip-85-upload-file-multipart", _) => "",
                ("ps-01-presigned-get", _) => "目录/a b.txt",
                (name, _) if name.starts_with("ip-85-") => "big.bin",
                (
                    _,
                    StorageOperation::ListObjects
                    | StorageOperation::DeleteObjects
                    | StorageOperation::HeadBucket
                    | StorageOperation::PutBucket,
                ) => "",
                _ => "a.txt",
            };
            assert_eq!(key.as_deref(), Some(expected), "{name}");
        }
        _ => {}
    }
}

/// Rule W5.4.
#[test]
fn every_captured_submit_is_read_as_it_was_meant() {
    let mut submits = 0;
    for capture in Capture::all().into_iter().filter(|capture| capture.name.contains("-hash")) {
        submits += 1;
        assert_eq!(check_content_type(capture.header("content-type").as_deref()), Ok(()), "{}", capture.name);
        assert_eq!(
            check_content_md5(capture.header("content-md5").as_deref(), &capture.body),
            Ok(()),
            "{}",
            capture.name
        );
        assert_eq!(
            SubmitRequest::parse(&capture.body).map_err(|error| error.code),
            expected(&capture.name),
            "{}",
            capture.name
        );
    }
    assert_eq!(submits, 20);
}

fn expected(name: &str) -> Result<SubmitRequest, ErrorCode> {
    let plain = SubmitRequest {
        object: "a.txt".into(),
        algorithm: Algorithm::Md5,
        algorithm_as_given: "MD5".into(),
        add_to_header: false,
        user_data: None,
        level: 0,
        queue: None,
        callback: CallbackRequest::default(),
    };
    Ok(match name {
        "ip-01-hash-minimal" => SubmitRequest { object: "mytest.mp4".into(), ..plain },
        "ip-02-hash-all-url" => SubmitRequest {
            object: "input/test.mp4".into(),
            algorithm: Algorithm::Sha256,
            algorithm_as_given: "SHA256".into(),
            add_to_header: true,
            user_data: Some("This is my data.".into()),
            queue: Some("p2911917386e148639319e13c285cc774".into()),
            callback: CallbackRequest {
                address: CallbackAddress::Url("http://127.0.0.1:9/cb?a=1&b=2".into()),
                format: Some(CallbackFormat::Json),
            },
            ..plain
        },
        "ip-03-hash-callback-no" => SubmitRequest {
            algorithm: Algorithm::Sha1,
            algorithm_as_given: "SHA1".into(),
            callback: CallbackRequest { address: CallbackAddress::Silent, format: None },
            ..plain
        },
        "ip-04-hash-tdmq" => SubmitRequest {
            callback: CallbackRequest {
                address: CallbackAddress::Mq(MqTarget {
                    region: "bj".into(),
                    mode: MqMode::Queue,
                    name: "queueName".into(),
                }),
                format: Some(CallbackFormat::Xml),
            },
            ..plain
        },
        "ip-05-hash-bool" => SubmitRequest { add_to_header: true, ..plain },
        "ip-07-hash-unicode-key" => SubmitRequest {
            object: "目录/文件 名&<x>\"'+%25é😀.bin".into(),
            algorithm: Algorithm::Sha1,
            algorithm_as_given: "SHA1".into(),
            ..plain
        },
        // A tab is not printable; a config without a type and a type given twice say nothing that could be done.
        "ip-08-hash-userdata" | "ip-10-hash-empty-config" | "ip-11-hash-none-config" | "ip-12-hash-list-type" => {
            return Err(ErrorCode::InvalidArgument);
        }
        "ip-09-hash-leading-slash" => {
            SubmitRequest { object: "/lead/a.txt".into(), algorithm_as_given: "md5".into(), ..plain }
        }
        _ => plain,
    })
}

/// Rule W5.16.
#[test]
fn the_malformed_sample_of_the_official_page_is_refused() {
    let body = b"<Request><Tag>FileHashCode</Tag><CallBackFormat>JSON<CallBackFormat></Request>";
    assert_eq!(SubmitRequest::parse(body).map_err(|error: WireError| error.code), Err(ErrorCode::InvalidContent));
}

/// File and label of its call. `sv-01` lists buckets, though its query has names of a listing of one (docs/wire.md, deviations).
const ROUTES: [(&str, &str); 73] = [
    ("an-01-hash", "submit_job"),
    ("di-01-hash", "submit_job"),
    ("dm-01-hash", "submit_job"),
    ("dm-02-query", "describe_jobs"),
    ("dm-03-sync", "sync_hash"),
    ("dm-04-put", "put_object"),
    ("dm-05-list", "list_objects"),
    ("dn-01-hash", "submit_job"),
    ("ep-01-hash", "submit_job"),
    ("ep-02-query", "describe_jobs"),
    ("ep-03-sync", "sync_hash"),
    ("ep-04-bucket-get", "list_services"),
    ("ep-05-put", "put_object"),
    ("ep-06-open-pic", "sibling"),
    ("ip-01-hash-minimal", "submit_job"),
    ("ip-02-hash-all-url", "submit_job"),
    ("ip-03-hash-callback-no", "submit_job"),
    ("ip-04-hash-tdmq", "submit_job"),
    ("ip-05-hash-bool", "submit_job"),
    ("ip-06-hash-bool-false", "submit_job"),
    ("ip-07-hash-unicode-key", "submit_job"),
    ("ip-08-hash-userdata", "submit_job"),
    ("ip-09-hash-leading-slash", "submit_job"),
    ("ip-10-hash-empty-config", "submit_job"),
    ("ip-11-hash-none-config", "submit_job"),
    ("ip-12-hash-list-type", "submit_job"),
    ("ip-13-hash-kwargs", "submit_job"),
    ("ip-20-query-1", "describe_jobs"),
    ("ip-21-query-3", "describe_jobs"),
    ("ip-30-sync-md5", "sync_hash"),
    ("ip-31-sync-sha256-header", "sync_hash"),
    ("ip-32-sync-unicode", "sync_hash"),
    ("ip-40-queue-list", "list_queues"),
    ("ip-41-queue-list-ids", "list_queues"),
    ("ip-42-queue-update", "update_queue"),
    ("ip-43-queue-update-mq", "update_queue"),
    ("ip-50-bucket-get", "list_services"),
    ("ip-51-bucket-open-pic", "sibling"),
    ("ip-52-bucket-close-pic", "sibling"),
    ("ip-60-inv-create", "create_batch"),
    ("ip-61-inv-get", "describe_batch"),
    ("ip-62-inv-list", "list_batches"),
    ("ip-63-inv-cancel", "cancel_batch"),
    ("ip-64-jobs-cancel", "cancel_job"),
    ("ip-65-list-jobs", "list_jobs"),
    ("ip-70-put-object", "put_object"),
    ("ip-71-put-object-md5", "put_object"),
    ("ip-72-put-object-stream", "put_object"),
    ("ip-73-get-object", "get_object"),
    ("ip-74-get-object-range", "get_object"),
    ("ip-75-head-object", "head_object"),
    ("ip-76-delete-object", "delete_object"),
    ("ip-77-list-objects", "list_objects"),
    ("ip-78-list-objects-default", "list_objects"),
    ("ip-79-delete-objects", "delete_objects"),
    ("ip-80-copy-object", "copy_object"),
    ("ip-81-head-bucket", "head_bucket"),
    ("ip-82-create-bucket", "put_bucket"),
    ("ip-84-upload-file-small", "put_object"),
    ("ip-85-upload-file-multipart", "list_uploads"),
    ("ip-85-upload-file-multipart.2", "initiate_upload"),
    ("ip-85-upload-file-multipart.3", "upload_part"),
    ("ip-85-upload-file-multipart.4", "upload_part"),
    ("ip-85-upload-file-multipart.5", "upload_part"),
    ("ip-85-upload-file-multipart.6", "complete_upload"),
    ("ns-01-hash", "submit_job"),
    ("ns-02-sync", "sync_hash"),
    ("ps-01-presigned-get", "get_object"),
    ("ps-02-presigned-ci", "describe_jobs"),
    ("sv-01-list-buckets", "list_buckets"),
    ("tk-01-hash", "submit_job"),
    ("tk-02-put", "put_object"),
    ("tk-03-sync", "sync_hash"),
];
