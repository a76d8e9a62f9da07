"""Refusals as the official SDK reports them: never `Unknown`, always with everything an operator asks for."""

import sqlite3

import pytest
import requests
from qcloud_cos import CosServiceError

import objects
from conftest import TEST_CONFIG
from jobs import finished, hashed, query, submit
from server import BUCKET, DOMAIN

OWNER = {"SecretId": "AKIDowner", "SecretKey": "owner-secret-0123456789"}
ELSEWHERE = {"SecretId": "AKIDelsewhere", "SecretKey": "elsewhere-secret-0123456789"}
READER = {"SecretId": "AKIDreader", "SecretKey": "reader-secret-0123456789"}

KEYS = """
[[key]]
id = "AKIDowner"
secret = "owner-secret-0123456789"
[[key]]
id = "AKIDelsewhere"
secret = "elsewhere-secret-0123456789"
buckets = ["elsewhere-*"]
[[key]]
id = "AKIDreader"
secret = "reader-secret-0123456789"
actions = ["ci:DescribeFileProcessJob"]
"""

GUEST_KEY = {"SecretId": "AKIDguest", "SecretKey": "guest-secret-0123456789"}
GUEST = """
[[key]]
id = "AKIDguest"
secret = "guest-secret-0123456789"
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with keys of its configuration."""
    from server import Server

    one = Server(tmp_path_factory.mktemp("guarded"), TEST_CONFIG + KEYS).start()
    objects.write(one.objects, "a", b"a")
    yield one
    alive = one.is_alive()
    one.discard()
    assert alive, one.log_text()[-5000:]


def refusal(call):
    """The refusal of a call, which is complete."""
    with pytest.raises(CosServiceError) as caught:
        call()
    error = caught.value
    for told in (
        error.get_error_code(),
        error.get_error_msg(),
        error.get_resource_location(),
        error.get_request_id(),
        error.get_trace_id(),
    ):
        assert told and told != "Unknown", error.get_origin_msg()
    assert isinstance(error.get_digest_msg(), dict)
    return error.get_status_code(), error.get_error_code(), error.get_error_msg()


def submit_raw(client, bucket=BUCKET, key="a", config=None, **more):
    return client.ci_create_file_hash_job(
        Bucket=bucket, InputObject=key, FileHashCodeConfig={"Type": "MD5"} if config is None else config, **more
    )


def test_the_owner_may_do_everything(guarded):
    assert hashed(guarded.sdk(**OWNER), guarded.bucket, "a")["State"] == "Success"


@pytest.mark.parametrize(
    "who, status, code, message",
    [
        (OWNER | {"SecretKey": "wrong"}, 403, "SignatureDoesNotMatch", None),
        (OWNER | {"SecretId": "AKIDnobody"}, 403, "InvalidAccessKeyId", None),
        ({"Anonymous": True}, 403, "AccessDenied", "Access Denied."),
        (ELSEWHERE, 403, "AccessDenied", "Access Denied."),
        (READER, 403, "AccessDenied", "Access Denied."),
    ],
    ids=["wrong secret", "unknown key", "anonymous", "another bucket's key", "another action's key"],
)
def test_who_may_not_submit_is_told_why(guarded, mode, who, status, code, message):
    told = refusal(lambda: submit_raw(guarded.sdk(mode, **who)))
    assert told[:2] == (status, code)
    assert message in (None, told[2])


def test_a_key_may_do_what_its_actions_say_and_nothing_more(guarded):
    job_id = submit(guarded.sdk(**OWNER), guarded.bucket, "a")["JobId"]
    reader = guarded.sdk(**READER)
    answer = reader.ci_get_file_process_jobs(Bucket=guarded.bucket, JobIDs=job_id)
    assert answer["JobsDetail"][0]["JobId"] == job_id
    told = refusal(lambda: guarded.sdk(**ELSEWHERE).ci_get_file_process_jobs(Bucket=guarded.bucket, JobIDs=job_id))
    assert told[:2] == (403, "AccessDenied")


def test_a_job_whose_key_is_taken_away_while_it_waits_is_not_done(new_server):
    """Failure rule E3."""
    server = new_server(TEST_CONFIG + KEYS + GUEST).start()
    objects.write(server.objects, "a", b"a")
    owner = server.sdk(**OWNER)
    (queue,) = owner.ci_get_media_queue(Bucket=BUCKET, UrlPath="/file_queue")["QueueList"]
    body = {"Name": "q", "State": "Paused", "NotifyConfig": {"State": "Off"}}
    change = {"Bucket": BUCKET, "QueueId": queue["QueueId"], "UrlPath": "/file_queue/"}
    owner.ci_update_media_queue(Request=body, **change)
    kept = submit(owner, BUCKET, "a")["JobId"]
    taken = submit(server.sdk(**GUEST_KEY), BUCKET, "a")["JobId"]
    assert server.stop() == 0
    server.config.write_text(server.config.read_text().replace(GUEST, ""))
    server.start()
    owner = server.sdk(**OWNER)
    owner.ci_update_media_queue(Request=body | {"State": "Active"}, **change)
    jobs = finished(owner, BUCKET, kept, taken)
    assert jobs[kept]["State"] == "Success"
    assert (jobs[taken]["State"], jobs[taken]["Code"]) == ("Failed", "ResourceAccessDenied")


@pytest.mark.parametrize("mode", ["ip", "endpoint", "base-domain"])
def test_an_unknown_bucket_is_named_as_such(guarded, mode):
    assert refusal(lambda: submit_raw(guarded.sdk(mode, **OWNER), bucket="nobody-1250000000"))[:2] == (404, "NoSuchBucket")


@pytest.mark.parametrize(
    "arguments, code",
    [
        ({"config": {"Type": "MD6"}}, "InvalidArgument"),
        ({"config": {"Type": ""}}, "InvalidArgument"),
        ({"config": {"Type": ["MD5", "SHA1"]}}, "InvalidArgument"),
        ({"config": {}}, "InvalidArgument"),
        ({"config": {"AddToHeader": "true"}}, "InvalidArgument"),
        ({"config": {"Type": "MD5", "AddToHeader": "maybe"}}, "InvalidArgument"),
        ({"UserData": "tab\tis not printable"}, "InvalidArgument"),
        ({"UserData": "x" * 1025}, "InvalidArgument"),
        ({"UserData": "é"}, "InvalidArgument"),
        ({"QueueId": "p2911917386e148639319e13c285cc774"}, "QueueNotFound"),
        ({"QueueId": "no queue"}, "QueueNotFound"),
        ({"key": ""}, "InvalidArgument"),
        ({"key": "k" * 851}, "InvalidArgument"),
        ({"CallBack": "ftp://127.0.0.1/"}, "InvalidArgument"),
        ({"CallBack": "http://user:pass@127.0.0.1/"}, "InvalidArgument"),
        ({"CallBack": "http://127.0.0.1/" + "x" * 2048}, "InvalidArgument"),
        ({"CallBack": "http://127.0.0.1/", "CallBackFormat": "YAML"}, "InvalidArgument"),
        ({"CallBack": "http://127.0.0.1/", "CallBackType": "Pigeon"}, "InvalidArgument"),
        ({"CallBackType": "TDMQ"}, "InvalidArgument"),
        ({"CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "gz", "MqMode": "Queue"}}, "InvalidArgument"),
        (
            {"CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "xx", "MqMode": "Queue", "MqName": "n"}},
            "InvalidArgument",
        ),
        (
            {"CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "gz", "MqMode": "Both", "MqName": "n"}},
            "InvalidArgument",
        ),
        ({"ContentType": "application/json"}, "InvalidContentType"),
        ({"ContentMD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "InvalidContent"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_value_that_is_not_allowed_is_refused_with_its_code(guarded, arguments, code):
    assert refusal(lambda: submit_raw(guarded.sdk(**OWNER), **arguments))[:2] == (400, code)


@pytest.mark.parametrize(
    "name, call",
    [
        ("access list", lambda sdk: sdk.put_object_acl(Bucket=BUCKET, Key="a", ACL="private")),
        ("append", lambda sdk: sdk.append_object(Bucket=BUCKET, Key="new", Position=0, Data=b"abc")),
        ("version", lambda sdk: sdk.delete_object(Bucket=BUCKET, Key="a", VersionId="1")),
        ("end of a bucket", lambda sdk: sdk.delete_bucket(Bucket=BUCKET)),
    ],
)
def test_what_is_not_offered_is_refused_in_the_same_words(guarded, name, call):
    """An answer of 5xx would make the SDK wait and try again; a made-up success would be a lie."""
    status, _, message = refusal(lambda: call(guarded.sdk(**OWNER)))
    assert status in (403, 404, 405), (name, status, message)
    assert (guarded.objects / "a").read_bytes() == b"a"
    assert not (guarded.objects / "new").exists()


def test_every_answer_names_its_request_in_both_headers_with_the_capitals_that_sdks_need(guarded):
    """The names are compared as they came over the wire, case and all."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=10)
    connection.request("GET", "/file_jobs/f93984788066911ed89ed352d4d9d2084", headers={"Host": f"{BUCKET}.ci.x.{DOMAIN}"})
    answer = connection.getresponse()
    body = answer.read().decode()
    headers = dict(answer.getheaders())
    assert answer.status == 403
    assert headers["Content-Type"] == "application/xml"
    assert headers["Server"] == "tencent-ci"
    assert headers["Date"].endswith(" GMT")
    assert headers["Content-Length"] == str(len(body.encode()))
    assert headers["x-ci-request-id"] == headers["x-cos-request-id"]
    assert f"<RequestId>{headers['x-ci-request-id']}</RequestId>" in body
    assert headers["x-ci-trace-id"] and headers["x-cos-trace-id"]
    assert "x-cos-error-code" not in {name.lower() for name in headers}
    connection.close()


def test_a_head_that_fails_has_no_body(guarded):
    answer = requests.head(f"{guarded.api}/file_jobs", timeout=10, proxies={"http": None})
    assert answer.status_code in (403, 405)
    assert answer.content == b""


def test_a_damaged_record_is_an_error_of_that_job_and_of_no_other(new_server):
    """Failure rule A22: a flipped bit in the store never becomes a wrong digest."""
    own = new_server()
    own.start()
    objects.write(own.objects, "a", b"a")
    client = own.sdk(retry=0)
    damaged = hashed(client, own.bucket, "a")["JobId"]
    sound = hashed(client, own.bucket, "a")["JobId"]
    with sqlite3.connect(own.data / "hashlane.db") as store:
        # Ids are stored so that they sort by creation: the first row is the first job.
        store.execute("update job set digest = zeroblob(16) where id = (select min(id) from job)")
    with pytest.raises(CosServiceError) as caught:
        client.ci_get_file_process_jobs(Bucket=own.bucket, JobIDs=damaged)
    assert (caught.value.get_status_code(), caught.value.get_error_code()) == (500, "ResultCorrupt")
    assert damaged in caught.value.get_error_msg()
    assert [job["JobId"] for job in query(client, own.bucket, sound)] == [sound]
    listed = client.ci_list_media_jobs(Bucket=own.bucket, Path="/file_jobs", Tag="FileHashCode", QueueId="")
    jobs = listed["JobsDetail"]
    assert [job["JobId"] for job in (jobs if isinstance(jobs, list) else [jobs])] == [sound]
