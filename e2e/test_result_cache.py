"""Jobs that are answered from an earlier reading, and those that ask for one of their own."""

import json
import os
import re

import pytest
import requests

import objects
from jobs import digest, finished, hashed, submit
from objects import truth

CACHE = "[cache]\nresults = true\n"


def counted(server, name):
    found = re.search(rf"^{name} (\d+)$", server.admin_get("/metrics")[2], re.MULTILINE)
    return int(found.group(1)) if found else 0


def hits(server):
    return counted(server, "hashlane_cache_hits_total")


def read_bytes(server):
    return counted(server, r'hashlane_hashed_bytes_total\{algorithm="md5"\}')


def fresh(server):
    """The official client, unmodified: it signs the headers of its session that begin with x-ci-."""
    session = requests.Session()
    session.headers["x-ci-fresh"] = "true"
    return server.sdk(session=session)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_object_that_was_hashed_is_not_read_again_also_after_a_restart(new_server, end):
    server = new_server(CACHE).start()
    content = objects.content(100_000)
    objects.write(server.objects, "a", content)
    first = hashed(server.sdk(), server.bucket, "a")
    assert (hits(server), read_bytes(server)) == (0, len(content))
    for life in range(2):
        for expected in (1, 2):
            again = hashed(server.sdk(), server.bucket, "a")
            assert digest(again) == truth("MD5", content)
            assert again["Operation"]["FileHashCodeResult"] == first["Operation"]["FileHashCodeResult"]
            assert (hits(server), read_bytes(server)) == (expected, 0 if life else len(content))
        getattr(server, end)()
        server.start()


def test_a_file_that_was_changed_is_read_although_its_length_and_modified_time_were_set_back(new_server):
    server = new_server(CACHE).start()
    path = objects.write(server.objects, "a", b"before")
    before = os.stat(path)
    assert digest(hashed(server.sdk(), server.bucket, "a")) == truth("MD5", b"before")
    with open(path, "r+b") as file:
        file.write(b"behind")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat(path).st_mtime_ns == before.st_mtime_ns
    assert digest(hashed(server.sdk(), server.bucket, "a")) == truth("MD5", b"behind")
    assert hits(server) == 0


def test_a_fresh_job_reads_whatever_is_known(new_server):
    server = new_server(CACHE).start()
    content = objects.content(100_000)
    objects.write(server.objects, "a", content)
    hashed(server.sdk(), server.bucket, "a")
    assert digest(hashed(fresh(server), server.bucket, "a")) == truth("MD5", content)
    assert (hits(server), read_bytes(server)) == (0, 2 * len(content))
    told = server.command("job", "submit", "--fresh", "--wait", "--json", "-a", "md5", "a")
    assert told.returncode == 0 and truth("MD5", content) in told.stdout, told.stderr
    assert (hits(server), read_bytes(server)) == (0, 3 * len(content))
    hashed(server.sdk(), server.bucket, "a")
    assert (hits(server), read_bytes(server)) == (1, 3 * len(content))


def test_that_a_job_is_fresh_outlives_a_kill(new_server):
    server = new_server(CACHE).start()
    objects.write(server.objects, "a", b"known")
    hashed(server.sdk(), server.bucket, "a")
    queue = json.loads(server.command("queue", "list", "--json").stdout)["queue_id"]
    assert server.command("queue", "update", queue, "--state", "paused").returncode == 0
    jobs = [submit(client, server.bucket, "a")["JobId"] for client in (fresh(server), server.sdk())]
    server.kill()
    server.start()
    assert server.command("queue", "update", queue, "--state", "active").returncode == 0
    ended = finished(server.sdk(), server.bucket, *jobs)
    assert [digest(ended[job]) for job in jobs] == [truth("MD5", b"known")] * 2
    assert (hits(server), read_bytes(server)) == (1, len(b"known")), "the one that is not fresh"


def test_without_the_setting_every_object_is_read(new_server):
    server = new_server().start()
    objects.write(server.objects, "a", b"0123456789")
    for reading in (1, 2):
        hashed(server.sdk(), server.bucket, "a")
        assert (hits(server), read_bytes(server)) == (0, 10 * reading)


def test_an_upload_through_us_is_another_version_and_a_digest_as_metadata_is_added_from_a_result_too(new_server):
    server = new_server(CACHE).start()
    client = server.sdk()
    client.put_object(Bucket=server.bucket, Key="a", Body=b"first")
    assert digest(hashed(client, server.bucket, "a")) == truth("MD5", b"first")
    job = hashed(client, server.bucket, "a", AddToHeader="true")
    assert (digest(job), hits(server)) == (truth("MD5", b"first"), 1)
    head = client.head_object(Bucket=server.bucket, Key="a")
    assert head["x-cos-meta-md5"] == truth("MD5", b"first")
    client.put_object(Bucket=server.bucket, Key="a", Body=b"other")
    assert digest(hashed(client, server.bucket, "a")) == truth("MD5", b"other")
    assert hits(server) == 1
