"""A job on a huge object that is killed or stopped on the way goes on where it was."""

import re

import pytest

import objects
from jobs import digest, finished, submit
from waiting import until

MIB = 1 << 20
# The counter of hashed bytes lags behind by so much; what is read while it is asked for comes on top.
COUNTED_EVERY = 8 * MIB


def position(server, begin):
    """How far the object is hashed: where this life began, and what it has hashed since."""
    found = re.search(r'hashlane_hashed_bytes_total\{algorithm="sha256"\} (\d+)', server.admin_get("/metrics")[2])
    return begin + int(found.group(1)) if found else begin


def begins(server):
    """Where the lives so far began, as the log tells; a life that began at the first byte says nothing."""
    found = re.findall(r"hashing goes on in the middle of the object.*?begin=(\d+)", plain(server.log_text()))
    return [int(begin) for begin in found]


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize(
    "size, checkpoint, kills, truth",
    [
        pytest.param(
            4 * objects.GIB, 64 * MIB, 4, objects.SPARSE_4_GIB["SHA256"], id="4 GiB, 4 kills", marks=pytest.mark.slow
        ),
        pytest.param(
            100 * objects.GIB,
            256 * MIB,
            20,
            objects.SPARSE_100_GIB["SHA256"],
            id="100 GiB, 20 kills",
            marks=[pytest.mark.long, pytest.mark.timeout(3600)],
        ),
    ],
)
def test_a_huge_object_is_not_begun_anew_by_kills(new_server, size, checkpoint, kills, truth):
    """Failure rule B5.

    Crash point K5.
    """
    server = new_server(f'[worker]\nlease = "2s"\ncheckpoint = "{checkpoint // MIB}MiB"\n')
    objects.write_sparse(server.objects / "huge", size)
    server.start()
    job_id = submit(server.sdk(), server.bucket, "huge", "SHA256")["JobId"]
    begin = again = 0
    for kill in range(1, kills + 1):
        goal = size * kill // (kills + 1)
        reached = until(f"{goal} bytes", lambda: (it := position(server, begin)) >= goal and it, seconds=600)
        lives = len(begins(server))
        server.kill()
        server.start()
        begin = until("the next life", lambda: begins(server)[lives:], seconds=30)[0]
        again += max(0, reached - begin)
        assert begin >= reached - checkpoint, f"kill {kill}: at {reached} it began again at {begin}"
    job = finished(server.sdk(), server.bucket, job_id, seconds=900)[job_id]
    assert (job["State"], digest(job)) == ("Success", truth), job
    print(f"{size} bytes, {kills} kills, at least {again} bytes read again")


def test_a_stop_keeps_what_was_hashed_and_charges_no_attempt(new_server):
    """Interface: SIGTERM stores checkpoints. No other checkpoint can be due before the object's end.

    Failure rule A24.
    """
    server = new_server('[worker]\ngrace = "0s"\ncheckpoint = "2GiB"\n')
    objects.write_sparse(server.objects / "huge", 4 * objects.GIB)
    server.start()
    job_id = submit(server.sdk(), server.bucket, "huge", "SHA256")["JobId"]
    reached = until("some bytes", lambda: (it := position(server, 0)) >= 100 * MIB and it, seconds=60)
    assert server.stop() == 0
    server.start()
    begin = until("the next life", lambda: begins(server), seconds=30)[0]
    assert begin >= reached - COUNTED_EVERY
    job = finished(server.sdk(), server.bucket, job_id, seconds=300)[job_id]
    assert (job["State"], digest(job)) == ("Success", objects.SPARSE_4_GIB["SHA256"]), job


def test_an_object_that_was_replaced_meanwhile_is_read_from_its_beginning(new_server):
    """Failure rule B5."""
    server = new_server('[worker]\ncheckpoint = "64MiB"\n')
    path = server.objects / "huge"
    objects.write_sparse(path, 4 * objects.GIB)
    server.start()
    job_id = submit(server.sdk(), server.bucket, "huge", "SHA256")["JobId"]
    until("some bytes", lambda: position(server, 0) >= 200 * MIB, seconds=60)
    server.kill()
    with open(path, "r+b") as file:
        file.write(b"another one")
    content = b"another one" + bytes(MIB)
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(content)
    server.start()
    job = finished(server.sdk(), server.bucket, job_id)[job_id]
    assert (job["State"], digest(job)) == ("Success", objects.truth("SHA256", content)), job
    assert begins(server) == []
