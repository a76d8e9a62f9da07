"""Measures job queues in turns and prints a record; bench/queues/run installs what it needs and calls it.

Every contender gets a new folder on the same disk in each round, submits from SUBMITTERS callers at once while its workers
work, and syncs to the disk before it answers: Redis with appendfsync always, SQLite with synchronous=FULL, PostgreSQL as it
comes. The time goes from the first submit to the last stored result. Everything listens on loopback and ends with its round.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUBMITTERS = 64
START_WITHIN = 30
HERE = Path(__file__).parent


class Place:
    """What a round has: a folder, the objects, and processes that end with it."""

    def __init__(self, folder, install, bench):
        self.folder, self.install, self.bench = Path(folder), install, bench
        self.objects = self.folder / "objects"
        self.objects.mkdir()
        for number in range(256):
            content = bytes((at * 31 + number * 7 + at // 256) % 256 for at in range(4096))
            (self.objects / f"small-{number}").write_bytes(content)
        self.ending = contextlib.ExitStack()

    def start(self, command, environment=None, **options):
        """Starts a server or worker; its output goes to a file of the folder."""
        log = open(self.folder / f"log-{Path(command[0]).name}-{time.monotonic_ns()}", "w+", encoding="utf-8")
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=log, stderr=log, start_new_session=True, env=os.environ | (environment or {}), **options,
        )
        self.ending.callback(end, process)
        process.log = log.name
        return process

    def wait_for_line(self, process, text):
        """Waits until a process has printed a text."""
        deadline = time.monotonic() + START_WITHIN
        while text not in (printed := Path(process.log).read_text(encoding="utf-8", errors="replace")):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{process.args[0]} did not start:\n{printed}")
            time.sleep(0.02)

    def produce(self, command, environment=None, **options):
        """Runs a producer and gives the seconds that it measured."""
        done = subprocess.run(
            [str(word) for word in command],
            stdout=subprocess.PIPE, env=os.environ | (environment or {}), check=True, text=True, **options,
        )
        return json.loads(done.stdout.splitlines()[-1])["seconds"]

    def redis(self):
        """Starts Redis with a synced log of every write; gives its port."""
        unpacked = self.install / "redis/usr"
        binary = shutil.which("redis-server") or unpacked / "bin/redis-server"
        port = free_port()
        settings = "--bind 127.0.0.1 --appendonly yes --appendfsync always --maxmemory-policy noeviction".split()
        libraries = {"LD_LIBRARY_PATH": str(unpacked / "lib/x86_64-linux-gnu")}
        server = self.start([binary, "--port", port, "--dir", self.folder, "--save", "", *settings], libraries)
        self.wait_for_line(server, "Ready to accept connections")
        return port

    def postgres(self):
        """Starts PostgreSQL with its own settings; gives a URL."""
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not binaries:
            sys.exit("PostgreSQL is not installed (Debian: postgresql)")
        binary, data, port = binaries[-1].parent, self.folder / "pg", free_port()
        data.mkdir()
        # It refuses to run as root.
        options = {}
        if os.geteuid() == 0:
            shutil.chown(data, "nobody")
            self.folder.chmod(0o755)
            options = {"user": "nobody"}
        subprocess.run(
            [binary / "initdb", "-D", data, "-U", "bench", "-A", "trust", "--no-locale", "-E", "UTF8"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **options,
        )
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}"]
        server = self.start([binary / "postgres", "-D", data, "-p", port, *settings], cwd="/", **options)
        self.wait_for_line(server, "ready to accept connections")
        url = f"postgres://bench@127.0.0.1:{port}/bench"
        subprocess.run([binary / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "bench", "bench"], check=True)
        return url


def end(process):
    """Ends a process and those that it started: politely, then not."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(timeout=10)
            return
        except subprocess.TimeoutExpired:
            pass


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def hashlane(place, count):
    """hashlane over HTTP, with signatures."""
    command = [place.bench, "complete", "--jobs", count, "--connections", SUBMITTERS, "--until", "result"]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, text=True)
    row = next(line for line in done.stdout.splitlines() if line.startswith("| result stored"))
    return float(row.split("|")[4])


def bullmq(place, count):
    """BullMQ on Redis."""
    port = place.redis()
    arguments = [count, place.objects, port, SUBMITTERS]
    worker = place.start(["node", place.install / "bullmq.mjs", "work", *arguments])
    place.wait_for_line(worker, "ready")
    return place.produce(["node", place.install / "bullmq.mjs", "produce", *arguments])


def huey(place, count):
    """huey on SQLite."""
    environment = {"QUEUE_DB": str(place.folder / "huey.db"), "PYTHONPATH": str(HERE)}
    # Processes, so that both cores work; more of them only wait for the lock of the file.
    consumer = [place.install / "venv/bin/huey_consumer", "huey_jobs.huey", "-k", "process", "-w", "2", "-d", "0.01", "-m", "0.05"]
    place.wait_for_line(place.start(consumer, environment), "huey_jobs.digest")
    # Few threads: they take turns in writing anyway.
    return place.produce([place.install / "venv/bin/python", HERE / "huey_jobs.py", count, place.objects, "4"], environment)


def pg_boss(place, count):
    """pg-boss on PostgreSQL."""
    arguments = [count, place.objects, place.postgres(), SUBMITTERS]
    worker = place.start(["node", place.install / "pgboss.mjs", "work", *arguments])
    place.wait_for_line(worker, "ready")
    return place.produce(["node", place.install / "pgboss.mjs", "produce", *arguments])


def celery(place, count):
    """Celery on Redis."""
    environment = {"QUEUE_URL": f"redis://127.0.0.1:{place.redis()}/0", "PYTHONPATH": str(HERE)}
    binary = place.install / "venv/bin/celery"
    worker = [binary, "-A", "celery_jobs", "worker", "-c", "2", "--without-gossip", "--without-mingle", "-l", "warning"]
    # It says that it is ready only where it also writes a line for each task: the producer waits for a first task instead.
    place.start(worker, environment)
    return place.produce([place.install / "venv/bin/python", HERE / "celery_jobs.py", count, place.objects, "4"], environment)


# Jobs of a round: some seconds of work for each.
CONTENDERS = {
    "hashlane": (hashlane, 100_000),
    "bullmq": (bullmq, 20_000),
    "huey": (huey, 5_000),
    "pg-boss": (pg_boss, 20_000),
    "celery": (celery, 3_000),
}


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="bench/queues/run", description=__doc__)
    parser.add_argument("install", type=Path)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--install", action="store_true", dest="only_install", help="only install")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, joined by commas")
    given = parser.parse_args()
    if given.only_install:
        return
    # Also when it is told to end, what it started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before the last round"))
    names = given.only.split(",")
    rates = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            run, count = CONTENDERS[name]
            with tempfile.TemporaryDirectory(prefix="hashlane-queues-") as folder:
                place = Place(folder, given.install, given.bench)
                with place.ending:
                    seconds = run(place, count)
            rates[name].append(count / seconds)
            print(f"{name}: {count / seconds:.0f} jobs/s", file=sys.stderr)
    facts = subprocess.run([given.bench, "machine"], stdout=subprocess.PIPE, check=True, text=True).stdout
    print(facts)
    print("## queues: submit, hash a 4 KiB file with SHA-256, store the result; all durable, jobs/s from first submit to last result\n")
    print("| queue | jobs a round | median jobs/s | lowest | highest | hashlane is faster by |\n|---|---:|---:|---:|---:|---:|")
    for name in names:
        measured = rates[name]
        ratio = "-"
        if "hashlane" in rates:
            pairs = [ours / theirs for ours, theirs in zip(rates["hashlane"], measured)]
            ratio = f"{statistics.median(pairs):.1f}"
        row = [f"{statistics.median(measured):.0f}", f"{min(measured):.0f}", f"{max(measured):.0f}", ratio]
        print(f"| {name} | {CONTENDERS[name][1]} | {' | '.join(row)} |")
    versions = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    pinned = (HERE / "requirements.txt").read_text(encoding="utf-8").split()
    print(f"\n{given.rounds} rounds, in turns. bullmq {versions['bullmq']}, pg-boss {versions['pg-boss']}, {', '.join(pinned)}.")
    print("Command: `bench/queues/run`.")


if __name__ == "__main__":
    main()
