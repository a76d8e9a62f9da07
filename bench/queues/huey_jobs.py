"""huey on SQLite with fsync: the task that consumer and producer share, and the producer.

The consumer is huey's own (huey_consumer huey_jobs.huey). Run as a program, this submits COUNT jobs from THREADS threads and
prints the seconds from the first submit to the last stored result; afterwards it reads results back.
"""

import hashlib
import json
import os
import sys
import threading
import time

from huey import SqliteHuey

# fsync is huey's word for synchronous=FULL: a task and its result are on the disk when the call returns.
huey = SqliteHuey("hash", filename=os.environ["QUEUE_DB"], fsync=True, journal_mode="wal", timeout=30)


@huey.task()
def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def main():
    count, folder, threads = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    results = [None] * count

    def submit(first):
        for number in range(first, count, threads):
            results[number] = digest(f"{folder}/small-{number % 256}")

    started = time.perf_counter()
    submitters = [threading.Thread(target=submit, args=(first,)) for first in range(threads)]
    for submitter in submitters:
        submitter.start()
    for submitter in submitters:
        submitter.join()
    submitted = time.perf_counter() - started
    while huey.result_count() < count:
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    for result in results[::97]:
        assert len(result.get()) == 64, result
    print(json.dumps({"seconds": seconds, "submitted": submitted}))


if __name__ == "__main__":
    # Under its own name, so that consumer and producer know the task by the same one.
    import huey_jobs

    huey_jobs.main()
