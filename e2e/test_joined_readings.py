"""Identical jobs in flight read their object once, and each has its own end."""

import json
import re

import pytest

import objects
from conftest import TEST_CONFIG
from jobs import digest, finished, query, submit
from waiting import until

SIZE = 4 * objects.GIB
TRUTH = objects.SPARSE_4_GIB


def read_bytes(server, algorithm):
    metrics = server.admin_get("/metrics")[2]
    found = re.search(rf'hashlane_hashed_bytes_total\{{algorithm="{algorithm}"\}} (\d+)', metrics)
    return int(found.group(1)) if found else 0


def paused(server):
    queue = json.loads(server.command("queue", "list", "--json").stdout)["queue_id"]
    assert server.command("queue", "update", queue, "--state", "paused").returncode == 0
    return lambda: server.command("queue", "update", queue, "--state", "active").check_returncode()


def submitted_at_once(server, count):
    """So many jobs for the huge object that begin together."""
    objects.write_sparse(server.objects / "huge", SIZE)
    begin = paused(server)
    ids = [submit(server.sdk(), server.bucket, "huge", "SHA256")["JobId"] for _ in range(count)]
    begin()
    return ids


def all_right(server, ids):
    ended = finished(server.sdk(), server.bucket, *ids, seconds=120)
    assert {(job["State"], digest(job)) for job in ended.values()} == {("Success", TRUTH["SHA256"])}


@pytest.mark.slow
def test_a_thousand_identical_jobs_read_their_object_once_and_each_calls_back(new_server, receiver):
    server = new_server(TEST_CONFIG).start()
    objects.write_sparse(server.objects / "huge", SIZE)
    begin = paused(server)
    client = server.sdk()
    ids = [submit(client, server.bucket, "huge", "SHA256", CallBack=receiver.url("/joined"))["JobId"] for _ in range(1000)]
    begin()
    ended = finished(client, server.bucket, *ids, seconds=120)
    assert {(job["State"], digest(job)) for job in ended.values()} == {("Success", TRUTH["SHA256"])}
    assert read_bytes(server, "sha256") == SIZE
    receiver.wait_for("/joined", count=1000, seconds=60)
    assert len({request.headers["X-Ci-Job-Id"] for request in receiver.at("/joined")}) == 1000


@pytest.mark.slow
def test_jobs_of_one_reading_survive_a_kill_in_its_middle(new_server):
    """Failure rule A9: those who were in it are suspects, and none holds up the others.

    Crash point K4.
    """
    server = new_server('[worker]\ncheckpoint = "256MiB"\n').start()
    ids = submitted_at_once(server, 50)
    until("the middle", lambda: read_bytes(server, "sha256") > SIZE // 3, seconds=60)
    server.kill()
    server.start()
    all_right(server, ids)
    again = read_bytes(server, "sha256")
    # One goes on from the checkpoint of the reading, the others share one that they begin anew.
    assert again < 2 * SIZE, f"{again} bytes were read again"


@pytest.mark.slow
def test_jobs_of_one_reading_share_it_again_after_every_kill(new_server):
    """After the first kill each stores a checkpoint, so that after the second each has one of its own."""
    server = new_server('[worker]\ncheckpoint = "64MiB"\n').start()
    ids = submitted_at_once(server, 20)
    for _ in range(2):
        until("the middle", lambda: read_bytes(server, "sha256") > SIZE // 4, seconds=60)
        server.kill()
        server.start()
    all_right(server, ids)
    again = read_bytes(server, "sha256")
    assert again < 2 * SIZE, f"{again} bytes were read by {len(ids)} jobs for an object of {SIZE}"


@pytest.mark.slow
def test_a_job_that_is_cancelled_takes_nothing_from_those_who_share_its_reading(new_server):
    server = new_server().start()
    ids = submitted_at_once(server, 3)
    client = server.sdk()
    until("the middle", lambda: read_bytes(server, "sha256") > SIZE // 4, seconds=60)
    assert {job["State"] for job in query(client, server.bucket, *ids)} == {"Running"}
    # The first is the one that drives the reading and stores its checkpoints.
    assert server.command("job", "cancel", ids[0]).returncode == 0
    ended = finished(client, server.bucket, *ids, seconds=120)
    assert [ended[job]["State"] for job in ids] == ["Cancel", "Success", "Success"]
    assert {digest(ended[job]) for job in ids[1:]} == {TRUTH["SHA256"]}
    assert read_bytes(server, "sha256") == SIZE
