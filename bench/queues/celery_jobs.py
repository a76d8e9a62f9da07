"""Celery on Redis: the task that worker and producer share, and the producer.

Broker and results are one Redis that syncs every write; a task is acknowledged after its result is stored. Run as a program,
this submits COUNT jobs from THREADS threads and prints the seconds from the first submit to the last stored result;
afterwards it reads results back.
"""

import hashlib
import json
import os
import sys
import threading
import time

import redis
from celery import Celery

app = Celery("celery_jobs", broker=os.environ["QUEUE_URL"], backend=os.environ["QUEUE_URL"])
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=16, worker_hijack_root_logger=False, redis_max_connections=64)


@app.task
def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def main():
    count, folder, threads = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    results = [None] * count

    def submit(first):
        for number in range(first, count, threads):
            results[number] = digest.delay(f"{folder}/small-{number % 256}").id

    server = redis.Redis.from_url(os.environ["QUEUE_URL"])
    # Once this one is done the worker is ready.
    digest.delay(f"{folder}/small-0").get(timeout=30)
    wanted = count + 1
    started = time.perf_counter()
    submitters = [threading.Thread(target=submit, args=(first,)) for first in range(threads)]
    for submitter in submitters:
        submitter.start()
    for submitter in submitters:
        submitter.join()
    submitted = time.perf_counter() - started
    # The number of keys costs nothing to ask for; only once there are enough of them are the results counted.
    while server.dbsize() < wanted or sum(1 for _ in server.scan_iter("celery-task-meta-*", count=10_000)) < wanted:
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    for task in results[::97]:
        assert len(app.AsyncResult(task).get(timeout=5)) == 64
    print(json.dumps({"seconds": seconds, "submitted": submitted}))


if __name__ == "__main__":
    import celery_jobs

    celery_jobs.main()
