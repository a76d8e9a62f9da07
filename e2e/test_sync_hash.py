"""Synchronous hashes through the unmodified official Python SDK (spec section 10)."""

import os
import time

import pytest
from qcloud_cos import CosServiceError

import objects
from conftest import TEST_CONFIG
from jobs import hashed, query, submit
from waiting import until

CLOSED = "file processing is not active yet, please apply for file processing service first"

# Keys that SDKs, proxies and file systems like to get wrong.
KEYS = ["sync/plain", "sync/a b+c%25.txt", "sync/目录/é😀.bin"]


def refusal(call):
    with pytest.raises(CosServiceError) as caught:
        call()
    error = caught.value
    for told in (error.get_resource_location(), error.get_request_id(), error.get_trace_id()):
        assert told and told != "Unknown", error.get_origin_msg()
    return error.get_status_code(), error.get_error_code(), error.get_error_msg()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("algorithm", objects.ALGORITHMS)
def test_the_digest_comes_at_once_with_the_facts_of_the_object(server, mode, algorithm, key):
    content = objects.content(100_000, seed=7)
    objects.write(server.objects, key, content)
    answer = server.sdk(mode).file_hash(Bucket=server.bucket, Key=key, Type=algorithm.lower())
    result = answer["FileHashCodeResult"]
    assert result[algorithm] == objects.truth(algorithm, content)
    assert not (set(objects.ALGORITHMS) - {algorithm}) & set(result), result
    assert result["FileSize"] == str(len(content))
    assert result["LastModified"].endswith("+0000")
    assert result["Etag"].startswith('"') and result["Etag"].endswith('"')
    assert answer["Input"] == {"Bucket": server.bucket, "Object": key, "Region": server.region}


def test_its_facts_are_those_that_a_job_and_a_head_tell(server):
    objects.write(server.objects, "sync/same", b"same")
    client = server.sdk()
    job = hashed(client, server.bucket, "sync/same", "SHA1")["Operation"]["FileHashCodeResult"]
    assert client.file_hash(Bucket=server.bucket, Key="sync/same", Type="sha1")["FileHashCodeResult"] == job
    assert client.head_object(Bucket=server.bucket, Key="sync/same")["ETag"] == job["Etag"]


@pytest.mark.parametrize("algorithm", objects.ALGORITHMS)
def test_the_digest_becomes_a_header_of_the_object_when_that_is_asked(server, algorithm):
    key, header = f"sync/header/{algorithm}", f"x-cos-meta-{algorithm.lower()}"
    client = server.sdk()
    client.put_object(Bucket=server.bucket, Key=key, Body=b"headed", Metadata={"x-cos-meta-author": "me"})
    client.file_hash(Bucket=server.bucket, Key=key, Type=algorithm.lower())
    before = client.head_object(Bucket=server.bucket, Key=key)
    assert header not in before
    client.file_hash(Bucket=server.bucket, Key=key, Type=algorithm.lower(), AddToHeader=True)
    after = client.head_object(Bucket=server.bucket, Key=key)
    assert after[header] == objects.truth(algorithm, b"headed")
    for kept in ("ETag", "Last-Modified", "x-cos-meta-author", "Content-Length"):
        assert after[kept] == before[kept]


def test_what_cannot_be_hashed_is_refused_with_its_code(server):
    objects.write(server.objects, "sync/a", b"a")
    client = server.sdk()

    def told(key, algorithm):
        return refusal(lambda: client.file_hash(Bucket=server.bucket, Key=key, Type=algorithm))[:2]

    assert told("sync/missing", "md5") == (404, "NoSuchKey")
    assert told("sync/a", "md6") == (400, "InvalidArgument")
    assert told("sync/a", "") == (400, "InvalidArgument")
    assert refusal(lambda: client.file_hash(Bucket="nobody-1250000000", Key="a", Type="md5"))[:2] == (404, "NoSuchBucket")


def test_the_size_limit_is_the_configured_one_and_not_that_of_jobs(new_server):
    server = new_server('[limits]\nsync_object_bytes = "1KiB"\n' + TEST_CONFIG).start()
    objects.write(server.objects, "under", b"x" * 1023)
    objects.write(server.objects, "at", b"x" * 1024)
    client = server.sdk()
    client.file_hash(Bucket=server.bucket, Key="under", Type="md5")
    status, code, _ = refusal(lambda: client.file_hash(Bucket=server.bucket, Key="at", Type="md5"))
    assert (status, code) == (400, "InvalidArgument")
    hashed(client, server.bucket, "at", "MD5")


def test_by_default_objects_of_128_mib_are_refused(server):
    """Rule W10.6."""
    objects.write_sparse(server.objects / "sync-large", 128 << 20)
    status, code, _ = refusal(lambda: server.sdk().file_hash(Bucket=server.bucket, Key="sync-large", Type="md5"))
    assert (status, code) == (400, "InvalidArgument")


def test_a_closed_service_is_refused_in_the_words_of_the_original(new_server):
    server = new_server("auto_open = false\n" + TEST_CONFIG).start()
    objects.write(server.objects, "a", b"a")
    told = refusal(lambda: server.sdk().file_hash(Bucket=server.bucket, Key="a", Type="md5"))
    assert told == (403, "AccessDenied", CLOSED)


def test_jobs_without_end_do_not_hold_up_a_client_that_waits(new_server):
    """More endless jobs than the engine has slots, and each synchronous hash is answered all the same."""
    server = new_server(TEST_CONFIG + "[worker]\ngrace = \"0s\"\n").start()
    with open(server.objects / "endless", "wb") as file:
        os.truncate(file.fileno(), 1 << 42)
    content = objects.content(4 << 20)
    objects.write(server.objects, "awaited", content)
    client = server.sdk(retry=0)
    ids = [submit(client, server.bucket, "endless", "SHA256")["JobId"] for _ in range(300)]
    until("a job to run", lambda: any(job["State"] == "Running" for job in query(client, server.bucket, *ids[:50])))
    for algorithm in objects.ALGORITHMS:
        started = time.monotonic()
        answer = client.file_hash(Bucket=server.bucket, Key="awaited", Type=algorithm.lower())
        assert answer["FileHashCodeResult"][algorithm] == objects.truth(algorithm, content)
        assert time.monotonic() - started < 10
    jobs = query(client, server.bucket, *ids[:50])
    assert all(job["State"] in ("Running", "Submitted") for job in jobs)
