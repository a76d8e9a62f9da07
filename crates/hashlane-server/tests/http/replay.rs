//! Every captured request of the official Python SDK, byte for byte, and what it must be answered.

use hashlane_wire::job_detail::{self, JobDetail};
use hashlane_wire::queue::{QueueDetail, QueueList};

use crate::capture;
use crate::exchange::Line;
use crate::server::{BUCKET, Server};

enum Expected {
    /// 200 with a submitted job for this object.
    Submitted { object: &'static str, algorithm: &'static str, add_to_header: bool },
    /// 200 with so many ids that do not exist.
    Missing(usize),
    /// 200 with these names of queues, so many in all, and so many ids that do not exist.
    Queues { names: &'static [&'static str], total: usize, missing: usize },
    /// 200 with the queue as it is now.
    Updated { name: &'static str, state: &'static str, kind: &'static str },
    /// 200 with the services of these buckets.
    Services(&'static [&'static str]),
    /// 200 with the jobs on these objects.
    Listed(&'static [&'static str]),
    /// 200 with the digest of this object, which holds `hello`.
    Hashed { object: &'static str, element: &'static str, digest: &'static str },
    /// 200 with the ETag of an upload, whose MD5 this is, and a CRC.
    Stored(&'static str),
    /// This status with this body, of an object or of nothing.
    Content(u16, &'static str),
    /// 200 with a listing of these keys, encoded.
    Keys(&'static [&'static str]),
    /// 200 with a document of this root.
    Xml(&'static str),
    /// A documented error.
    Refused(u16, &'static str),
    /// The endpoint is another issue: a well-formed 405.
    NotOffered,
}

use Expected::{
    Content, Hashed, Keys, Listed, Missing, NotOffered, Queues, Refused, Services, Stored, Submitted, Updated, Xml,
};

const MD5_OF_A: Expected = Submitted { object: "a.txt", algorithm: "MD5", add_to_header: false };

const SYNC_MD5_OF_A: Expected = Hashed { object: "a.txt", element: "MD5", digest: "5d41402abc4b2a76b9719d911017c592" };

/// Uploads of `abc`.
const STORED_ABC: Expected = Stored("900150983cd24fb0d6963f7d28e17f72");

const EXPECTED: [(&str, Expected); 73] = [
    ("an-01-hash", Refused(403, "AccessDenied")),
    ("di-01-hash", MD5_OF_A),
    ("dm-01-hash", MD5_OF_A),
    ("dm-02-query", Missing(1)),
    ("dm-03-sync", SYNC_MD5_OF_A),
    ("dm-04-put", STORED_ABC),
    ("dm-05-list", Keys(&["a.txt"])),
    ("dn-01-hash", MD5_OF_A),
    ("ep-01-hash", MD5_OF_A),
    ("ep-02-query", Missing(1)),
    ("ep-03-sync", SYNC_MD5_OF_A),
    ("ep-04-bucket-get", Services(&[BUCKET])),
    ("ep-05-put", STORED_ABC),
    ("ep-06-open-pic", NotOffered),
    ("ip-01-hash-minimal", Submitted { object: "mytest.mp4", algorithm: "MD5", add_to_header: false }),
    ("ip-02-hash-all-url", Submitted { object: "input/test.mp4", algorithm: "SHA256", add_to_header: true }),
    ("ip-03-hash-callback-no", Submitted { object: "a.txt", algorithm: "SHA1", add_to_header: false }),
    ("ip-04-hash-tdmq", MD5_OF_A),
    ("ip-05-hash-bool", Submitted { object: "a.txt", algorithm: "MD5", add_to_header: true }),
    ("ip-06-hash-bool-false", MD5_OF_A),
    (
        "ip-07-hash-unicode-key",
        Submitted { object: "目录/文件 名&<x>\"'+%25é😀.bin", algorithm: "SHA1", add_to_header: false },
    ),
    // UserData holds a TAB, which is not printable ASCII.
    ("ip-08-hash-userdata", Refused(400, "InvalidArgument")),
    ("ip-09-hash-leading-slash", Submitted { object: "/lead/a.txt", algorithm: "md5", add_to_header: false }),
    ("ip-10-hash-empty-config", Refused(400, "InvalidArgument")),
    ("ip-11-hash-none-config", Refused(400, "InvalidArgument")),
    ("ip-12-hash-list-type", Refused(400, "InvalidArgument")),
    ("ip-13-hash-kwargs", MD5_OF_A),
    ("ip-20-query-1", Missing(1)),
    ("ip-21-query-3", Missing(3)),
    ("ip-30-sync-md5", SYNC_MD5_OF_A),
    (
        "ip-31-sync-sha256-header",
        Hashed {
            object: "dir/a b+c.txt",
            element: "SHA256",
            digest: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        },
    ),
    (
        "ip-32-sync-unicode",
        Hashed { object: "目录/é😀.bin", element: "SHA1", digest: "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d" },
    ),
    ("ip-40-queue-list", Queues { names: &["queue-file-process-1", "captured"], total: 2, missing: 0 }),
    ("ip-41-queue-list-ids", Queues { names: &["captured"], total: 1, missing: 1 }),
    ("ip-42-queue-update", Updated { name: "队列-1", state: "Active", kind: "Url" }),
    ("ip-43-queue-update-mq", Updated { name: "q", state: "Paused", kind: "TDMQ" }),
    ("ip-50-bucket-get", Services(&[BUCKET])),
    ("ip-51-bucket-open-pic", NotOffered),
    ("ip-52-bucket-close-pic", NotOffered),
    ("ip-60-inv-create", NotOffered),
    ("ip-61-inv-get", NotOffered),
    ("ip-62-inv-list", NotOffered),
    ("ip-63-inv-cancel", NotOffered),
    ("ip-64-jobs-cancel", Refused(400, "ResourceNotFound")),
    // The one captured submit that names this queue.
    ("ip-65-list-jobs", Listed(&["input/test.mp4"])),
    ("ip-70-put-object", STORED_ABC),
    ("ip-71-put-object-md5", STORED_ABC),
    ("ip-72-put-object-stream", Stored("e80b5017098950fc58aad83c8c14978e")),
    ("ip-73-get-object", Content(200, "abc")),
    ("ip-74-get-object-range", Content(206, "ab")),
    ("ip-75-head-object", Content(200, "")),
    ("ip-76-delete-object", Content(204, "")),
    ("ip-77-list-objects", Keys(&[])),
    // What the captures before it stored.
    ("ip-78-list-objects-default", Keys(&["chunk.bin", "%E7%9B%AE%E5%BD%95/a%20b%2Bc%21%27%28%29%2A~.txt"])),
    ("ip-79-delete-objects", Xml("DeleteResult")),
    ("ip-80-copy-object", Refused(404, "NoSuchKey")),
    ("ip-81-head-bucket", Content(200, "")),
    ("ip-82-create-bucket", Refused(409, "BucketAlreadyOwnedByYou")),
    ("ip-84-upload-file-small", STORED_ABC),
    ("ip-85-upload-file-multipart", Xml("ListMultipartUploadsResult")),
    ("ip-85-upload-file-multipart.2", Xml("InitiateMultipartUploadResult")),
    ("ip-85-upload-file-multipart.3", Refused(404, "NoSuchUpload")),
    ("ip-85-upload-file-multipart.4", Refused(404, "NoSuchUpload")),
    ("ip-85-upload-file-multipart.5", Refused(404, "NoSuchUpload")),
    ("ip-85-upload-file-multipart.6", Refused(404, "NoSuchUpload")),
    ("ns-01-hash", MD5_OF_A),
    ("ns-02-sync", SYNC_MD5_OF_A),
    ("ps-01-presigned-get", Refused(404, "NoSuchKey")),
    ("ps-02-presigned-ci", Missing(1)),
    ("sv-01-list-buckets", Xml("ListAllMyBucketsResult")),
    ("tk-01-hash", MD5_OF_A),
    ("tk-02-put", STORED_ABC),
    ("tk-03-sync", SYNC_MD5_OF_A),
];

/// Rule W15.6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_captured_request_is_answered_as_its_table_says() {
    let server = Server::start().await;
    let captures = capture::all();
    let names: Vec<&str> = captures.iter().map(|capture| capture.name.as_str()).collect();
    assert_eq!(names, EXPECTED.map(|(name, _)| name));
    for (capture, (name, expected)) in captures.iter().zip(EXPECTED) {
        if let Hashed { object, .. } = expected {
            let path = server.objects.join(object);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, b"hello").expect("an object");
        }
        let mut line = Line::open(server.api).await;
        line.write(&capture.bytes).await;
        let reply = line.reply(&capture.method).await;
        reply.check_common();
        match expected {
            Submitted { object, algorithm, add_to_header } => {
                let (jobs, missing) = job_detail::parse(reply.expect_ok().as_bytes()).expect("a job");
                let [job] = &jobs[..] else { panic!("{name}: not one job") };
                assert!(missing.is_empty());
                check_submitted(job, object, algorithm, add_to_header);
            }
            Missing(count) => {
                let (jobs, missing) = job_detail::parse(reply.expect_ok().as_bytes()).expect("ids");
                assert_eq!((jobs.len(), missing.len()), (0, count), "{name}");
            }
            Queues { names, total, missing } => {
                let list = QueueList::parse(reply.expect_ok().as_bytes()).expect("queues");
                let found: Vec<&str> = list.queues.iter().map(|queue| queue.name.as_str()).collect();
                assert_eq!((&found[..], list.total, list.missing.len()), (names, total, missing), "{name}");
            }
            Updated { name: queue_name, state, kind } => {
                let queue = QueueDetail::parse_updated(reply.expect_ok().as_bytes()).expect("a queue");
                let found = (queue.name.as_str(), queue.state.as_str(), queue.notify.kind.as_str());
                assert_eq!(found, (queue_name, state, kind), "{name}");
            }
            Services(buckets) => {
                let text = reply.expect_ok();
                let found: Vec<&str> = text.split("<BucketId>").skip(1).filter_map(|it| it.split('<').next()).collect();
                assert_eq!(found, buckets, "{name}");
            }
            Listed(objects) => {
                let (jobs, next) = job_detail::parse_listed(reply.expect_ok().as_bytes()).expect("jobs");
                let found: Vec<&str> = jobs.iter().map(|job| job.object.as_str()).collect();
                assert_eq!((&found[..], next), (objects, None), "{name}");
            }
            Hashed { object, element, digest } => {
                let text = reply.expect_ok();
                assert!(
                    text.contains(&format!("<{element}>{digest}</{element}><FileSize>5</FileSize>")),
                    "{name}: {text}"
                );
                assert!(text.contains(&format!("<Object>{object}</Object>")), "{name}: {text}");
                // The other requests are captured from a bucket of their own.
                std::fs::remove_file(server.objects.join(object)).expect("removed");
            }
            Stored(md5) => {
                assert_eq!(reply.expect_ok(), "", "{name}");
                assert_eq!(reply.header("ETag"), Some(format!("\"{md5}\"").as_str()), "{name}");
                let crc64 = reply.header("x-cos-hash-crc64ecma").and_then(|crc64| crc64.parse::<u64>().ok());
                assert!(crc64.is_some(), "{name}: {reply:?}");
            }
            Content(status, text) => assert_eq!((reply.status, reply.text().as_str()), (status, text), "{name}"),
            Keys(keys) => {
                let text = reply.expect_ok();
                let found: Vec<&str> = text.split("<Key>").skip(1).filter_map(|it| it.split('<').next()).collect();
                assert_eq!(found, keys, "{name}");
                assert!(text.contains("<IsTruncated>false</IsTruncated>"), "{name}");
            }
            Xml(root) => assert!(reply.expect_ok().contains(&format!("<{root}>")), "{name}"),
            Refused(status, code) => {
                reply.expect_error(status, code);
            }
            NotOffered if capture.method == "HEAD" => {
                assert_eq!((reply.status, reply.body.len()), (405, 0), "{name}");
            }
            NotOffered => {
                let message = reply.expect_error(405, "MethodNotAllowed");
                assert!(message.contains("not offer"), "{name}: {message}");
            }
        }
    }
}

#[track_caller]
fn check_submitted(job: &JobDetail, object: &str, algorithm: &str, add_to_header: bool) {
    assert_eq!(job.object, object);
    assert_eq!(job.algorithm, algorithm);
    assert_eq!(job.add_to_header, add_to_header);
    assert_eq!((job.state.as_str(), job.progress), ("Submitted", 0));
    assert_eq!((job.code.as_str(), job.message.as_str()), ("Success", ""));
    assert_eq!((job.bucket.as_str(), job.region.as_str()), (BUCKET, "ap-chongqing"));
    assert_eq!(job.creation_time, "2023-11-15T06:13:20+0800");
    assert_eq!((job.start_time.as_str(), job.end_time.as_str()), ("-", "-"));
    assert_eq!((job.tag.as_str(), job.result.is_none()), ("FileHashCode", true));
    assert_eq!((job.job_id.len(), &job.job_id[..1]), (33, "f"));
}
