"""`kill -9` at random moments: nothing that was answered is lost, doubled or wrong."""

import os
import random
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from qcloud_cos import CosClientError, CosServiceError

import objects
from jobs import finished
from objects import truth
from receiver import Receiver
from waiting import until

CONFIG = """
[callback]
attempts = 20
allow_networks = ["127.0.0.0/8"]
delays = ["0s", "100ms"]
"""

SUBMITTERS = 8
# Small ones end between two kills, the largest are killed in the middle.
SIZES = [0, 1, 64, 4096, 4096, 4096, 100_000, 1 << 20, 8 << 20, 64 << 20]
ALGORITHMS = ["MD5", "SHA1", "SHA256"]


@pytest.mark.parametrize(
    "kills, jobs",
    [
        pytest.param(5, 500, id="5 kills, 500 jobs", marks=pytest.mark.slow),
        pytest.param(20, 2000, id="20 kills, 2000 jobs", marks=[pytest.mark.long, pytest.mark.timeout(1200)]),
    ],
)
def test_every_answered_job_survives_kills_at_random_moments(new_server, kills, jobs):
    """Failure rules A1, A11.

    Crash point K9.
    """
    seed = int(os.environ.get("HASHLANE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"HASHLANE_TEST_SEED={seed} repeats these kills")
    chance = random.Random(seed)
    server = new_server(CONFIG)
    receiver = Receiver()

    digests = {}
    for number, size in enumerate(SIZES):
        content = objects.content(size, seed=number)
        objects.write(server.objects, f"object-{number}", content)
        for algorithm in ALGORITHMS:
            digests[f"object-{number}", algorithm] = truth(algorithm, content)
    plan = [(f"object-{chance.randrange(len(SIZES))}", chance.choice(ALGORITHMS)) for _ in range(jobs)]

    answered = {}  # job id -> (number of the submission, key, algorithm)
    unanswered = 0
    numbers = iter(range(1 << 30))
    lock = threading.Lock()
    alive = threading.Event()
    finish = threading.Event()

    def keep_submitting():
        """Submits until the plan is done. What was not answered is submitted again, as a job of its own."""
        nonlocal unanswered
        session = requests.Session()
        session.trust_env = False
        client = None
        while not finish.is_set():
            with lock:
                if not plan:
                    return
                key, algorithm = plan.pop()
                number = next(numbers)
            alive.wait(60)
            try:
                client = client or server.sdk(retry=0, session=session)
                job = client.ci_create_file_hash_job(
                    Bucket=server.bucket,
                    InputObject=key,
                    FileHashCodeConfig={"Type": algorithm},
                    UserData=str(number),
                    CallBack=receiver.url("/kill"),
                )["JobsDetail"]
            except CosClientError:
                with lock:
                    plan.append((key, algorithm))
                    unanswered += 1
                continue
            except CosServiceError as refused:
                raise AssertionError(f"a refusal instead of silence: {refused.get_origin_msg()}") from refused
            with lock:
                answered[job["JobId"]] = (number, key, algorithm)

    try:
        server.start()
        alive.set()
        with ThreadPoolExecutor(SUBMITTERS) as submitters:
            running = [submitters.submit(keep_submitting) for _ in range(SUBMITTERS)]
            try:
                for kill in range(kills):
                    # A kill comes after a share of the submissions and a random moment more; the last ones when all
                    # are submitted and jobs and callbacks are still under way.
                    share = min(jobs, jobs * (kill + 1) // kills)
                    until(f"{share} submissions", lambda: len(answered) >= share or any(it.done() for it in running), 120)
                    finish.wait(chance.uniform(0, 0.5))
                    alive.clear()
                    server.kill()
                    server.start()
                    alive.set()
                for it in running:
                    it.result(timeout=120)
            finally:
                finish.set()
                alive.set()

        assert len(answered) == jobs
        print(f"{kills} kills, {jobs} jobs answered, {unanswered} submissions unanswered")
        done = finished(server.sdk(), server.bucket, *answered, seconds=180)
        for job_id, (number, key, algorithm) in answered.items():
            job = done[job_id]
            assert job["State"] == "Success", job
            assert job["Operation"]["FileHashCodeResult"][algorithm] == digests[key, algorithm], job
            assert job["Operation"]["UserData"] == str(number), job

        # Every callback arrives, of one event each, saying what the query says.
        events = {}

        def all_called_back():
            for it in receiver.all():
                events.setdefault(it.headers["X-Ci-Job-Id"], set()).add(it.headers["X-Ci-Event-Id"])
            return answered.keys() <= events.keys()

        until("every callback", all_called_back, 120)
        until("no callback to be under way", lambda: in_state(server, "due") == 0, 60)
        all_called_back()
        assert all(len(ids) == 1 for ids in events.values())
        assert len(set.union(*events.values())) == len(events), "two jobs share an event id"
        assert all(ids == {f"evt-{job_id}"} for job_id, ids in events.items())
        repeated = len(receiver.all()) - len(events)
        print(f"{len(events)} jobs called back, {repeated} callbacks repeated")

        assert server.stop() == 0
        check_store(server, answered, digests)
    finally:
        receiver.close()


def in_state(server, delivery):
    with open_store(server) as store:
        return store.execute("select count(*) from job where delivery = ?", [delivery]).fetchone()[0]


def open_store(server):
    return sqlite3.connect(f"file:{server.data / 'hashlane.db'}?mode=ro", uri=True)


def check_store(server, answered, digests):
    """The store itself: every row is whole, final and right, the ones whose answer was lost included."""
    with open_store(server) as store:
        assert store.execute("pragma integrity_check").fetchall() == [("ok",)]
        rows = store.execute("select user_data, key, algorithm, state, digest, delivery from job").fetchall()
        assert store.execute("select count(*) from live").fetchone() == (0,), "nothing is left to do"
    numbers = [row[0] for row in rows]
    assert len(numbers) == len(set(numbers)), "no submission made two jobs"
    assert {str(number) for number, _, _ in answered.values()} <= set(numbers)
    for user_data, key, algorithm, state, stored, delivery in rows:
        assert (state, delivery) == ("succeeded", "delivered"), (user_data, key, state, delivery)
        assert stored.hex() == digests[key, algorithm.upper()], (user_data, key)
