//! Every captured request of the official Python SDK, byte for byte, and what it must be answered.

use hashlane_wire::job_detail::{self, JobDetail};

use crate::capture;
use crate::exchange::Line;
use crate::server::{BUCKET, Server};

enum Expected {
    /// 200 with a submitted job for this object.
    Submitted { object: &'static str, algorithm: &'static str, add_to_header: bool },
    /// 200 with so many ids that do not exist.
    Missing(usize),
    /// A documented error.
    Refused(u16, &'static str),
    /// The endpoint is another issue: a well-formed 405.
    NotOffered,
}

use Expected::{Missing, NotOffered, Refused, Submitted};

const MD5_OF_A: Expected = Submitted { object: "a.txt", algorithm: "MD5", add_to_header: false };

const EXPECTED: [(&str, Expected); 73] = [
    ("an-01-hash", Refused(403, "AccessDenied")),
    ("di-01-hash", MD5_OF_A),
    ("dm-01-hash", MD5_OF_A),
    ("dm-02-query", Missing(1)),
    ("dm-03-sync", NotOffered),
    ("dm-04-put", NotOffered),
    ("dm-05-list", NotOffered),
    ("dn-01-hash", MD5_OF_A),
    ("ep-01-hash", MD5_OF_A),
    ("ep-02-query", Missing(1)),
    ("ep-03-sync", NotOffered),
    ("ep-04-bucket-get", NotOffered),
    ("ep-05-put", NotOffered),
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
    ("ip-30-sync-md5", NotOffered),
    ("ip-31-sync-sha256-header", NotOffered),
    ("ip-32-sync-unicode", NotOffered),
    ("ip-40-queue-list", NotOffered),
    ("ip-41-queue-list-ids", NotOffered),
    ("ip-42-queue-update", NotOffered),
    ("ip-43-queue-update-mq", NotOffered),
    ("ip-50-bucket-get", NotOffered),
    ("ip-51-bucket-open-pic", NotOffered),
    ("ip-52-bucket-close-pic", NotOffered),
    ("ip-60-inv-create", NotOffered),
    ("ip-61-inv-get", NotOffered),
    ("ip-62-inv-list", NotOffered),
    ("ip-63-inv-cancel", NotOffered),
    ("ip-64-jobs-cancel", NotOffered),
    ("ip-65-list-jobs", NotOffered),
    ("ip-70-put-object", NotOffered),
    ("ip-71-put-object-md5", NotOffered),
    ("ip-72-put-object-stream", NotOffered),
    ("ip-73-get-object", NotOffered),
    ("ip-74-get-object-range", NotOffered),
    ("ip-75-head-object", NotOffered),
    ("ip-76-delete-object", NotOffered),
    ("ip-77-list-objects", NotOffered),
    ("ip-78-list-objects-default", NotOffered),
    ("ip-79-delete-objects", NotOffered),
    ("ip-80-copy-object", NotOffered),
    ("ip-81-head-bucket", NotOffered),
    ("ip-82-create-bucket", NotOffered),
    ("ip-84-upload-file-small", NotOffered),
    ("ip-85-upload-file-multipart", NotOffered),
    ("ip-85-upload-file-multipart.2", NotOffered),
    ("ip-85-upload-file-multipart.3", NotOffered),
    ("ip-85-upload-file-multipart.4", NotOffered),
    ("ip-85-upload-file-multipart.5", NotOffered),
    ("ip-85-upload-file-multipart.6", NotOffered),
    ("ns-01-hash", MD5_OF_A),
    ("ns-02-sync", NotOffered),
    ("ps-01-presigned-get", NotOffered),
    ("ps-02-presigned-ci", Missing(1)),
    ("sv-01-list-buckets", NotOffered),
    ("tk-01-hash", MD5_OF_A),
    ("tk-02-put", NotOffered),
    ("tk-03-sync", NotOffered),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_captured_request_is_answered_as_its_table_says() {
    let server = Server::start().await;
    let captures = capture::all();
    let names: Vec<&str> = captures.iter().map(|capture| capture.name.as_str()).collect();
    assert_eq!(names, EXPECTED.map(|(name, _)| name));
    for (capture, (name, expected)) in captures.iter().zip(EXPECTED) {
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
