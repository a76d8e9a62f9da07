"""A process that is killed and a disk that fails: nothing that was answered is lost, and it is over when the disk is well again."""

import shutil
import signal
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from qcloud_cos import CosClientError, CosServiceError

import objects
from conftest import TEST_CONFIG
from jobs import finished, hashed, query, submit
from waiting import until

JOBS = 1000
KILLS = 20
SUBMITTERS = 16


def client(server):
    session = requests.Session()
    session.trust_env = False
    return server.sdk(retry=0, session=session)


def try_to_submit(sdk, server):
    """The id of a job, or the status with which it was refused, or None when there was no answer."""
    try:
        return submit(sdk, server.bucket, "disk")["JobId"]
    except CosServiceError as refused:
        return refused.get_status_code()
    except CosClientError:
        return None


def rows(server):
    with sqlite3.connect(f"file:{server.data / 'hashlane.db'}?mode=ro", uri=True) as store:
        assert store.execute("pragma integrity_check").fetchall() == [("ok",)]
        return store.execute("select count(*) from job").fetchone()[0]


def test_every_job_is_there_although_the_process_is_killed_right_after_an_answer(new_server):
    """Failure rule A1: 1,000 of 1,000, and a kill follows an answer at once, 20 times."""
    server = new_server()
    objects.write(server.objects, "disk", b"disk")
    answered, lock = [], threading.Lock()
    while len(answered) < JOBS:
        server.start()
        goal = min(JOBS, len(answered) + JOBS // KILLS)
        process = server.process
        killed = threading.Event()

        def keep_submitting():
            sdk = client(server)
            while not killed.is_set():
                job_id = try_to_submit(sdk, server)
                if not isinstance(job_id, str):
                    continue
                with lock:
                    answered.append(job_id)
                    if len(answered) == goal:
                        # No later than the answer is known.
                        process.send_signal(signal.SIGKILL)
                        killed.set()

        with ThreadPoolExecutor(SUBMITTERS) as submitters:
            for it in [submitters.submit(keep_submitting) for _ in range(SUBMITTERS)]:
                it.result(timeout=60)
        server.kill()
    server.start()
    done = finished(server.sdk(), server.bucket, *answered, seconds=120)
    assert len(done) == len(set(answered)) == len(answered) >= JOBS
    assert {job["State"] for job in done.values()} == {"Success"}


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which makes the errors, is not installed")
def test_an_error_of_the_disk_is_503_and_nothing_answered_is_lost(new_server):
    """Failure rule A3: fdatasync fails with EIO, once and then again and again."""
    server = new_server().start()
    objects.write(server.objects, "disk", b"disk")
    sdk = client(server)
    answered = [submit(sdk, server.bucket, "disk")["JobId"]]
    for when in ["1", "1+1"]:
        strace = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", server.folder / "strace.log", "-p", str(server.process.pid)]
            + ["-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync,fsync:error=EIO:when={when}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            refusals = []

            def is_refused():
                if strace.poll() is not None:
                    pytest.skip(f"strace may not do it here: {strace.stderr.read()}")
                outcome = try_to_submit(sdk, server)
                if isinstance(outcome, str):
                    answered.append(outcome)
                else:
                    refusals.append(outcome)
                return refusals

            until("a refusal", is_refused, seconds=30)
            assert refusals == [503]
            # What was answered before is read while nothing can be written.
            assert query(sdk, server.bucket, answered[0])[0]["JobId"] == answered[0]
        finally:
            strace.send_signal(signal.SIGINT)
            strace.wait(20)
        job_id = until("a job to be accepted again", lambda: isinstance(it := try_to_submit(sdk, server), str) and it, 5)
        answered.append(job_id)
    server.kill()
    server.start()
    done = finished(server.sdk(), server.bucket, *answered, seconds=60)
    assert {job["State"] for job in done.values()} == {"Success"} and len(done) == len(answered)
    assert server.stop() == 0
    assert rows(server) >= len(answered)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_with_too_little_disk_space_the_sdk_is_told_to_slow_down_and_all_is_well_when_there_is_some(new_server, small_disk):
    """Failure rule A14: refused before anything is written, told once in the log, over within 5 s of there being space."""
    server = new_server(TEST_CONFIG + '\n[limits]\ndisk_free = "48MiB"\n')
    server.data.symlink_to(small_disk)
    server.start()
    objects.write(server.objects, "disk", b"disk")
    sdk = client(server)
    first = hashed(sdk, server.bucket, "disk")["JobId"]

    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(60 << 20))
    until("a submit to be refused", lambda: try_to_submit(sdk, server) == 503)
    for _ in range(50):
        with pytest.raises(CosServiceError) as refused:
            submit(sdk, server.bucket, "disk")
        assert (refused.value.get_status_code(), refused.value.get_error_code()) == (503, "SlowDown")
    stored = rows(server)
    assert query(sdk, server.bucket, first)[0]["State"] == "Success"
    assert rows(server) == stored
    assert server.log_text().count("too busy for a request") == 1

    ballast.unlink()
    until("a job to be accepted", lambda: isinstance(try_to_submit(sdk, server), str), seconds=5)
