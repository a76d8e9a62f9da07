"""A receiver of callbacks on loopback that does as it is told and remembers everything."""

import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from waiting import until


@dataclass
class Received:
    """One callback as it arrived."""

    path: str
    headers: Message  # names in any letter case
    body: bytes
    status: int


class Receiver:
    """Answers 200 unless told otherwise; each path is a receiver of its own."""

    def __init__(self):
        self.received = []
        self._lock = threading.Lock()
        self._statuses = {}
        self._holding = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver._take(self)

            def log_message(self, *_):
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            # A burst of deliveries must not be refused by the receiver.
            request_queue_size = 256

            def handle_error(self, *_):
                pass  # A sender that was killed in the middle is part of what is tested.

        self._http = Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self._http.server_port}{path}"

    def answers(self, path, *statuses):
        """The statuses of the next deliveries to a path; 200 after them."""
        self._statuses[path] = list(statuses)

    def holds(self, path):
        """Deliveries to a path get no answer until the returned event is set."""
        return self._holding.setdefault(path, threading.Event())

    def _take(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self._lock:
            pending = self._statuses.get(handler.path)
            status = pending.pop(0) if pending else 200
            self.received.append(Received(handler.path, handler.headers, body, status))
        held = self._holding.get(handler.path)
        if held is not None:
            held.wait(60)
        try:
            handler.send_response(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        except OSError:
            pass  # The sender lost patience.

    def at(self, path):
        with self._lock:
            return [it for it in self.received if it.path == path]

    def all(self):
        with self._lock:
            return list(self.received)

    def wait_for(self, path, count=1, seconds=30):
        """The first `count` deliveries to a path."""
        until(f"{count} callbacks at {path}", lambda: len(self.at(path)) >= count, seconds)
        return self.at(path)

    def close(self):
        for held in self._holding.values():
            held.set()
        self._http.shutdown()
        self._http.server_close()
