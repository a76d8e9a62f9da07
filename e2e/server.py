"""One `hashlane serve` process: its folders, its addresses, its life and its death."""

import json
import os
import queue
import signal
import subprocess
import threading
import tomllib
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from qcloud_cos import CosConfig, CosS3Client

BUCKET = "demo-1250000000"
REGION = "ap-chongqing"
# Every name under it is this machine (see conftest.py).
DOMAIN = "hash.test"

# Where the official client sends calls of storage and of processing, and the label of each in the host names.
ENDPOINTS = {"Endpoint": "cos", "EndpointCi": "ci"}

# Long enough for a busy machine of continuous integration; nothing waits for it unless something is wrong.
READY_SECONDS = 30


def binary():
    """The program under test: HASHLANE_BIN, else the release build of this checkout."""
    named = os.environ.get("HASHLANE_BIN")
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parent.parent / "target"))
    path = Path(named) if named else target / "release" / "hashlane"
    assert path.is_file(), f"{path} does not exist: build it with `cargo build --release` or set HASHLANE_BIN"
    return str(path.resolve())


def clean_environment(**more):
    """The environment of a command: nothing of ours leaks in, no proxy comes between."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HASHLANE_") and not name.lower().endswith("_proxy")
    }
    return kept | more


class Server:
    """A data directory with a configuration, and the process that serves it, if it runs."""

    def __init__(self, folder, config="", bucket=BUCKET, region=REGION, extra_args=(), environment=None, wrapper=()):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.objects = self.folder / "objects"
        self.objects.mkdir(parents=True, exist_ok=True)
        self.bucket = bucket
        self.region = region
        self.config = self.folder / "hashlane.toml"
        self.config.write_text(
            f"""
data_dir = "{self.data}"
default_bucket = "{bucket}"
base_domains = ["{DOMAIN}"]
{config}
[[bucket]]
name = "{bucket}"
region = "{region}"
storage = "fs://{self.objects}"
"""
        )
        self.settings = ["--config", self.config]
        self.extra_args = list(extra_args)
        self.environment = dict(environment or {})
        # A command that becomes the program, which is given to it as further arguments.
        self.wrapper = list(wrapper)
        self.api = self.admin = None
        self.process = None
        self.log = self.folder / "serve.log"
        # A restarted server keeps its port, so that clients find it again.
        self._listen = "127.0.0.1:0"

    # Life and death.

    def start(self):
        """Starts the process and returns once it says `ready`."""
        self.launch()
        self.await_ready()
        return self

    def launch(self):
        """Starts the process without waiting for anything."""
        assert self.process is None
        arguments = ["serve", *self.settings, "--listen", self._listen, "--admin", "127.0.0.1:0", *self.extra_args]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*map(str, self.wrapper), binary(), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env=clean_environment(**self.environment),
            )
        self._lines = queue.Queue()
        threading.Thread(target=self._read_stdout, args=(self.process, self._lines), daemon=True).start()

    def await_ready(self):
        try:
            line = self._lines.get(timeout=READY_SECONDS)
        except queue.Empty:
            line = None
        assert line and line.startswith("ready "), f"no ready line but {line!r}; its log says:\n{self.log_text()}"
        places = dict(word.split("=", 1) for word in line.split()[1:])
        self.api = places["api"]
        self.admin = places.get("admin")
        self._listen = f"127.0.0.1:{self.port}"

    @staticmethod
    def _read_stdout(process, lines):
        for line in process.stdout:
            lines.put(line.decode())
        lines.put(None)

    def kill(self):
        """SIGKILL: no time for anything."""
        self.process.kill()
        self.process.wait(timeout=30)
        self.process = None

    def stop(self, seconds=40):
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=seconds)
        self.process = None
        return code

    def discard(self):
        """The end of a test: whatever still runs is ended."""
        if self.process is not None:
            self.kill()

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    # What it says of itself.

    @property
    def port(self):
        return urlsplit(self.api).port

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def memory_kib(self, field):
        """`VmRSS` is what it holds now, `VmHWM` the most it ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field + ":"))

    def forget_memory_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def admin_get(self, path):
        """Status, content type and body of an admin page."""
        request = urllib.request.Request(self.admin + path)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    def admin_post(self, path, body):
        """What the admin listener answers to a JSON body."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.admin + path, json.dumps(body).encode(), headers, method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return json.loads(answer.read())

    def admin_job(self, job_id):
        """A job with what became of its callback, as the admin listener tells it."""
        status, _, body = self.admin_get(f"/api/jobs/{job_id}")
        assert status == 200, f"{status} {body}"
        return json.loads(body)

    # Its clients: the official SDK, unmodified.

    @property
    def credentials(self):
        """What the first start without configured keys wrote down."""
        return tomllib.loads((self.data / "credentials.toml").read_text())

    def sdk(self, mode="ip", retry=3, session=None, **changes):
        """The official client in one of the ways in which it is pointed at a server of one's own."""
        settings = {"Scheme": "http", "Timeout": 30}
        if "SecretId" not in changes and not changes.get("Anonymous"):
            written = self.credentials
            settings |= {"SecretId": written["secret_id"], "SecretKey": written["secret_key"]}
        if mode == "ip":
            settings |= {"Region": self.region, "IP": "127.0.0.1", "Port": self.port}
        elif mode == "endpoint":
            settings |= {"Region": self.region}
            settings |= {name: f"{label}.{self.region}.{DOMAIN}:{self.port}" for name, label in ENDPOINTS.items()}
        elif mode == "base-domain":
            settings |= {"Region": self.region} | {name: f"{DOMAIN}:{self.port}" for name in ENDPOINTS}
        elif mode == "domain":
            settings |= {"Domain": f"127.0.0.1:{self.port}"}
        else:
            raise ValueError(mode)
        return CosS3Client(CosConfig(**(settings | changes)), retry=retry, session=session)

    # Its command line.

    def command(self, *arguments, timeout=60, **environment):
        """Runs another hashlane command beside this server."""
        return subprocess.run(
            [binary(), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.folder,
            env=clean_environment(HASHLANE_DATA=str(self.data)) | environment,
        )
