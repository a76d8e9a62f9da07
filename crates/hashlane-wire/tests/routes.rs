//! The table of spec section 2: which requests are API, and which name an object.

use hashlane_job::BucketName;
use hashlane_wire::{
    Address, Call, HostRules, RequestHead, StorageOperation, WireError, address, check_job_ids, route,
};

const CI: &str = "demo-1.ci.ap-x.myqcloud.com";
const COS: &str = "demo-1.cos.ap-x.myqcloud.com";
const BARE: &str = "127.0.0.1:8480";
const F1: &str = "f93984788066911ed89ed352d4d9d2084";
const F2: &str = "f00000000066911ed89ed352d4d9d2085";
const P1: &str = "p2911917386e148639319e13c285cc774";
const B1: &str = "b3deffea2f84911ec9cb15254008618d9";

fn address_of(host: &str) -> Address {
    address(host, &HostRules { default_bucket: BucketName::parse("local-1"), ..HostRules::default() })
}

fn call(host: &str, method: &str, target: &str, signed: bool) -> Result<Call, WireError> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    route(&RequestHead { method, path, query, headers: vec![("Host", host.as_bytes())] }, &address_of(host), signed)
}

fn label(host: &str, method: &str, target: &str) -> &'static str {
    call(host, method, target, true).expect("it can be read").route_label()
}

/// Rules W2.3, W5.1, W16.1, W16.14.
#[test]
fn every_call_of_the_table_is_api_on_every_host_in_its_form() {
    for (method, target, expected) in [
        ("POST", "/file_jobs".to_owned(), "submit_job"),
        ("POST", "/jobs".to_owned(), "submit_job"),
        ("POST", "//file_jobs/".to_owned(), "submit_job"),
        ("POST", "/file%5Fjobs".to_owned(), "submit_job"),
        ("GET", format!("/file_jobs/{F1}"), "describe_jobs"),
        ("GET", format!("/jobs/{F1}"), "describe_jobs"),
        ("GET", format!("/file_jobs/{F1}%2C{F2}/"), "describe_jobs"),
        ("GET", format!("/file_jobs/{F1},nonsense"), "describe_jobs"),
        ("GET", "/file_jobs?tag=FileHashCode".to_owned(), "list_jobs"),
        ("GET", "/jobs?ORDERBYTIME=Asc".to_owned(), "list_jobs"),
        ("PUT", format!("/jobs/{F1}?cancel"), "cancel_job"),
        ("PUT", format!("/file_jobs/{F1}?cancel="), "cancel_job"),
        ("GET", "/file_queue?queueIds=&state=All&pageNumber=&pageSize=".to_owned(), "list_queues"),
        ("GET", "/file_queue".to_owned(), "list_queues"),
        ("GET", "/file_queue?q-ak=a&q-signature=b".to_owned(), "list_queues"),
        ("PUT", format!("/file_queue/{P1}"), "update_queue"),
        ("POST", format!("/file_queue/{P1}"), "update_queue"),
        ("POST", "/file_bucket".to_owned(), "open_service"),
        ("GET", "/file_bucket?regions=".to_owned(), "list_services"),
        ("GET", "/file_bucket".to_owned(), "list_services"),
        ("POST", "/inventorytriggerjob".to_owned(), "create_batch"),
        ("GET", format!("/inventorytriggerjob/{B1}"), "describe_batch"),
        ("GET", "/inventorytriggerjob?size=10".to_owned(), "list_batches"),
        ("PUT", format!("/inventorytriggerjob/{B1}?cancel"), "cancel_batch"),
        ("PUT", format!("/inventorytriggerjob/{B1}"), "cancel_batch"),
        ("POST", "/picbucket".to_owned(), "sibling"),
        ("PUT", format!("/queue/{P1}"), "sibling"),
        ("DELETE", "/docbucket/".to_owned(), "sibling"),
    ] {
        for host in [CI, COS, BARE, "ci.ap-x.myqcloud.com"] {
            assert_eq!(label(host, method, &target), expected, "{host} {method} {target}");
        }
    }
}

/// Rule W2.5.
#[test]
fn without_the_form_of_a_call_an_api_path_names_an_object_except_on_a_ci_host() {
    for (method, target, on_ci, elsewhere) in [
        ("POST", "/file_jobs?uploads", "submit_job", "initiate_upload"),
        ("POST", "/file_jobs?uploadId=1", "submit_job", "complete_upload"),
        ("POST", "/jobs?append&position=0", "submit_job", "storage_other"),
        ("POST", "/file_bucket?restore", "open_service", "storage_other"),
        ("GET", "/file_jobs", "list_jobs", "get_object"),
        ("GET", "/file_jobs/report.pdf", "describe_jobs", "get_object"),
        ("GET", "/file_jobs/f93984788066911ed89ed352d4d9d2084,a.b", "describe_jobs", "get_object"),
        ("GET", "/file_jobs/f93984788066911ED89ed352d4d9d2084", "describe_jobs", "get_object"),
        ("GET", "/jobs/a/b", "unknown", "get_object"),
        ("GET", "/file_queue?response-content-type=a", "list_queues", "get_object"),
        ("GET", "/inventorytriggerjob", "list_batches", "get_object"),
        ("GET", "/inventorytriggerjob/x", "describe_batch", "get_object"),
        ("PUT", "/file_queue/x", "update_queue", "put_object"),
        ("PUT", "/file_queue", "wrong_method", "put_object"),
        ("PUT", "/inventorytriggerjob/x", "cancel_batch", "put_object"),
        ("PUT", "/jobs/x?cancel", "cancel_job", "put_object"),
        ("PUT", "/jobs/f93984788066911ed89ed352d4d9d2084", "wrong_method", "put_object"),
        ("PUT", "/file_jobs", "wrong_method", "put_object"),
        ("DELETE", "/file_bucket", "close_service", "delete_object"),
        ("DELETE", "/file_jobs", "wrong_method", "delete_object"),
        ("HEAD", "/file_jobs", "wrong_method", "head_object"),
        ("PATCH", "/file_jobs", "wrong_method", "storage_other"),
        ("GET", "/picbucket", "unknown", "get_object"),
        ("PUT", "/queue/notes.txt", "unknown", "put_object"),
        ("PUT", "/picbucket/a/b", "unknown", "put_object"),
        ("GET", "/nothing", "unknown", "get_object"),
        ("GET", "/", "unknown", "list_objects"),
        ("GET", "", "unknown", "list_objects"),
    ] {
        assert_eq!((label(CI, method, target), label(COS, method, target)), (on_ci, elsewhere), "{method} {target}");
    }
}

#[test]
fn a_bare_get_of_queues_is_api_only_when_it_is_signed() {
    for (target, object) in [("/file_queue", "file_queue"), ("/file_bucket", "file_bucket")] {
        let unsigned = call(COS, "GET", target, false);
        let expected = Call::Storage { key: Some(object.to_owned()), operation: StorageOperation::GetObject };
        assert_eq!(unsigned, Ok(expected));
    }
}

#[test]
fn storage_operations_follow_method_and_query_and_unknown_ones_are_never_taken_for_known_ones() {
    for (method, target, expected) in [
        ("GET", "/?uploads=&prefix=a", "list_uploads"),
        ("GET", "/?acl", "storage_other"),
        ("HEAD", "/", "head_bucket"),
        ("PUT", "/", "put_bucket"),
        ("PUT", "/?cors", "storage_other"),
        ("DELETE", "/", "storage_other"),
        ("POST", "/?delete=", "delete_objects"),
        ("POST", "/", "storage_other"),
        ("GET", "/a?uploadId=1", "list_parts"),
        ("GET", "/a?CI-Process=filehash&type=md5", "sync_hash"),
        ("GET", "/a?ci-process=other", "storage_other"),
        ("HEAD", "/a?ci-process=filehash", "head_object"),
        ("GET", "/a?tagging", "storage_other"),
        ("GET", "/a?versionId=", "get_object"),
        ("GET", "/a?versionId=7", "storage_other"),
        ("PUT", "/a?ACL=", "storage_other"),
        ("PUT", "/a?partNumber=1&uploadId=2", "upload_part"),
        ("PUT", "/a?partNumber=1", "storage_other"),
        ("PUT", "/a?uploadId=1", "storage_other"),
        ("POST", "/a?uploads", "initiate_upload"),
        ("POST", "/a?uploadId=1", "complete_upload"),
        ("POST", "/a", "storage_other"),
        ("DELETE", "/a?uploadId=1", "abort_upload"),
        ("DELETE", "/a?tagging", "storage_other"),
        ("DELETE", "/a", "delete_object"),
        ("OPTIONS", "/a", "storage_other"),
    ] {
        assert_eq!(label(COS, method, target), expected, "{method} {target}");
    }
}

#[test]
fn a_get_of_the_root_without_a_bucket_lists_buckets_unless_it_asks_for_a_listing_of_objects() {
    assert_eq!(call(BARE, "GET", "/", true), Ok(Call::Storage { key: None, operation: StorageOperation::ListBuckets }));
    for query in ["prefix=", "delimiter=/", "marker=", "max-keys=5", "encoding-type=url"] {
        assert_eq!(label(BARE, "GET", &format!("/?{query}")), "list_objects", "{query}");
    }
}

#[test]
fn keys_are_decoded_once_and_never_normalised() {
    for (path, key) in [
        ("//a/..%2Fb", "/a/../b"),
        ("/a%252Fb+c", "a%2Fb+c"),
        ("/%E7%9B%AE/./", "目/./"),
        ("/%zz%", "%zz%"),
        ("/a%00b", "a\0b"),
    ] {
        let expected = Call::Storage { key: Some(key.to_owned()), operation: StorageOperation::GetObject };
        assert_eq!(call(COS, "GET", path, true), Ok(expected), "{path}");
    }
    assert_eq!(call(COS, "GET", "/%ff", true).map_err(|error| error.code.as_str()), Err("InvalidURI"));
    assert_eq!(call(CI, "GET", "/file_jobs?a=%ff", true).map_err(|error| error.code.status()), Err(400));
}

/// Rule W6.1.
#[test]
fn ids_are_opaque_and_asked_once() {
    let ids = |target: &str| match call(CI, "GET", target, true) {
        Ok(Call::DescribeJobs { ids }) => ids,
        other => panic!("{target} became {other:?}"),
    };
    assert_eq!(ids("/file_jobs/b%2Ca,,b,a"), ["b", "a"]);
    assert_eq!(ids("/file_jobs/,"), [""; 0]);
    assert!(check_job_ids(&ids("/file_jobs/,")).is_err());
    assert!(check_job_ids(&ids("/file_jobs/unknown_ID-1")).is_ok());
}

/// Rules W12.1, W12.2, W12.3, W12.4, W12.5, W12.6, W12.7.
#[test]
fn every_call_that_does_something_needs_an_action() {
    for (method, target, action) in [
        ("POST", "/file_jobs", "ci:CreateFileProcessJobs"),
        ("GET", "/file_jobs/a", "ci:DescribeFileProcessJob"),
        ("GET", "/file_jobs?tag=FileHashCode", "ci:DescribeFileProcessJob"),
        ("PUT", "/jobs/f?cancel", "ci:CancelFileProcessJob"),
        ("POST", "/file_bucket", "ci:CreateFileProcessBucket"),
        ("GET", "/file_bucket", "ci:DescribeFileProcessBucket"),
        ("DELETE", "/file_bucket", "ci:DeleteFileProcessBucket"),
        ("GET", "/file_queue", "ci:DescribeFileProcessQueues"),
        ("PUT", "/file_queue/p", "ci:UpdateFileProcessQueue"),
        ("POST", "/inventorytriggerjob", "ci:CreateInventoryTriggerJob"),
        ("GET", "/inventorytriggerjob/b", "ci:DescribeInventoryTriggerJob"),
        ("GET", "/inventorytriggerjob", "ci:DescribeInventoryTriggerJobs"),
        ("PUT", "/inventorytriggerjob/b?cancel", "ci:CancelInventoryTriggerJob"),
    ] {
        assert_eq!(call(CI, method, target, true).map(|call| call.action()), Ok(action), "{method} {target}");
    }
    let cancel = call(CI, "PUT", "/jobs/f?cancel", true).map(|call| call.other_action());
    assert_eq!(cancel, Ok(Some("ci:CancelMediaJob")));
    assert_eq!(call(COS, "GET", "/a?ci-process=filehash", true).map(|call| call.action()), Ok("cos:GetObject"));
}
