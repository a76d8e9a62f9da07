//! The router: any request head finds one call, the same each time, in bounded memory; the method alone decides whether that
//! call may change anything, and a part of an object that we do not have is never taken for the object itself.
#![no_main]

use hashlane_fuzz::{Request, bounded, reading};
use hashlane_job::BucketName;
use hashlane_wire::{Address, Call, ErrorCode, HostRules, Query, StorageOperation, address, check_job_ids, route};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let request = Request::read(input);
    let head = request.head();
    let host = head.header("host").unwrap_or_default().into_owned();
    for rules in rules() {
        let address = bounded(input.len(), || address(&host, &rules));
        check_address(&host, &rules, &address);
        let routed = [false, true].map(|signed| {
            let call = bounded(input.len(), || route(&head, &address, signed));
            assert_eq!(call, route(&head, &address, signed), "the same request has two calls");
            call
        });
        let path = String::from_utf8(reading::percent_decoded(&request.path));
        let Ok(query) = Query::parse(&request.query) else {
            assert!(routed.iter().all(|call| call.as_ref().is_err_and(|error| error.code == ErrorCode::InvalidUri)));
            continue;
        };
        let Ok(path) = path else {
            assert!(routed.iter().all(|call| call.as_ref().is_err_and(|error| error.code == ErrorCode::InvalidUri)));
            continue;
        };
        let [unsigned, signed] = routed.map(|call| call.expect("path and query are UTF-8"));
        if unsigned != signed {
            assert!(request.method == "GET" && matches!(signed, Call::ListQueues | Call::ListServices));
        }
        for call in [unsigned, signed] {
            check_call(&request, &path, &query, &address, &call);
        }
    }
});

/// Nothing configured; and one rule of each kind.
fn rules() -> [HostRules; 2] {
    let bucket = |name: &str| BucketName::parse(name).expect("it is a bucket name");
    let some = HostRules {
        base_domains: vec!["hash.test".into(), "ci.corp.example".into()],
        domains: vec![("files.example".into(), bucket("files-1"))],
        default_bucket: Some(bucket("demo-1250000000")),
        default_region: "local".into(),
    };
    [HostRules::default(), some]
}

fn check_address(host: &str, rules: &HostRules, found: &Address) {
    assert!(found.bucket.is_some() || !found.bucket_named);
    assert_eq!(found.region.as_deref().filter(|region| region.is_empty()), None);
    assert_eq!(*found, address(&host.to_ascii_uppercase(), rules), "hosts are the same in any letter case");
    if host.trim() == host && !host.contains(':') {
        assert_eq!(*found, address(&format!("{host}:8480"), rules), "a port means nothing");
    }
}

fn check_call(request: &Request, path: &str, query: &Query, address: &Address, call: &Call) {
    if changes(call) {
        assert!(matches!(request.method.as_str(), "PUT" | "POST" | "DELETE"), "{call:?} by {}", request.method);
    } else if !call.action().is_empty() {
        assert!(matches!(request.method.as_str(), "GET" | "HEAD"), "{call:?} by {}", request.method);
    }
    assert!(!call.route_label().is_empty());
    match call {
        Call::Storage { key, operation } => {
            assert!(!address.ci_host, "on a host of the API everything is API");
            match key.as_deref() {
                None => assert_eq!(*operation, StorageOperation::ListBuckets),
                Some(key) => assert_eq!(key, path.strip_prefix('/').unwrap_or(path), "a key is the path, literally"),
            }
            let parts = ["acl", "tagging", "versions", "restore", "append", "lifecycle", "policy"];
            if parts.iter().any(|part| query.has(part)) && key.as_ref().is_some_and(|key| !key.is_empty()) {
                assert_eq!(*operation, StorageOperation::Other, "a part that we do not have is not the object");
            }
        }
        Call::DescribeJobs { ids } => {
            for (index, id) in ids.iter().enumerate().take(60) {
                assert!(!id.is_empty() && !ids[..index].contains(id), "each id once");
            }
            let _ = check_job_ids(ids);
        }
        Call::CancelJob { id } | Call::UpdateQueue { id } | Call::DescribeBatch { id } | Call::CancelBatch { id } => {
            assert!(path.contains(id.as_str()));
            // Elsewhere the path may as well be that of an object.
            assert!(address.ci_host || id.len() == 33 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        _ => {}
    }
}

/// Whether a call changes anything.
fn changes(call: &Call) -> bool {
    use StorageOperation as Of;
    match call {
        Call::SubmitJob
        | Call::CancelJob { .. }
        | Call::UpdateQueue { .. }
        | Call::OpenService
        | Call::CloseService => true,
        Call::CreateBatch | Call::CancelBatch { .. } => true,
        Call::Storage { operation, .. } => match operation {
            Of::PutBucket | Of::DeleteObjects | Of::PutObject | Of::DeleteObject | Of::CopyObject => true,
            Of::InitiateUpload | Of::UploadPart | Of::CopyPart | Of::CompleteUpload | Of::AbortUpload => true,
            Of::ListBuckets | Of::HeadBucket | Of::ListObjects | Of::ListUploads | Of::GetObject => false,
            Of::HeadObject | Of::ListParts | Of::SyncHash | Of::Other => false,
        },
        Call::DescribeJobs { .. } | Call::ListJobs | Call::ListQueues | Call::ListServices => false,
        Call::DescribeBatch { .. } | Call::ListBatches | Call::Sibling | Call::WrongMethod | Call::Unknown => false,
    }
}
