"""Receivers that mean harm, through the running service: each manner is an address of its own beside a healthy receiver."""

import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import pytest

import objects
from jobs import submit
from test_callbacks import delivery
from test_https import issue

# One attempt each, so that its end is the end of the callback and not the wait for the next.
CONFIG = '[callback]\nattempts = 1\nallow_networks = ["127.0.0.0/8"]\n'
ZEROS = os.path.join(os.path.dirname(__file__), "../crates/hashlane-callback/tests/zeros.gz")
OK = b"HTTP/1.1 200 OK\r\n"


def forever(connection, head, then):
    connection.sendall(head)
    while True:
        connection.sendall(then)


def drip(connection, closing):
    for byte in OK + b"Content-Length: 0\r\n\r\n":
        connection.sendall(bytes([byte]))
        if closing.wait(1):
            return


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Zoo:
    """Takes connections at every address of loopback; what it does is its manner, of which each has an address."""

    def __init__(self, trap):
        self.closing = threading.Event()
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {trap}\r\nContent-Length: 0\r\n\r\n".encode()
        with open(ZEROS, "rb") as zeros:
            bomb = zeros.read()
        # What a receiver does once it has the request, and what the record says of it in the end: a word of the last
        # entry, and the state of the delivery. Where the head came and was fine, the callback was taken.
        self.manners = {
            "hangs-before": (lambda it: self.closing.wait(60), "failed", "no answer within"),
            "hangs-in-the-head": (
                lambda it: (it.sendall(OK + b"X-A: "), self.closing.wait(60)),
                "failed",
                "no answer within",
            ),
            "endless-body": (lambda it: forever(it, OK + b"\r\n", b"x" * 4096), "delivered", "200 OK"),
            "endless-headers": (lambda it: forever(it, OK, b"X-A: 0123456789\r\n" * 64), "failed", "no answer"),
            "redirect": (lambda it: it.sendall(redirect), "failed", "302 Found (redirects are not followed)"),
            "one-byte-a-second": (lambda it: drip(it, self.closing), "failed", "no answer within"),
            "reset": (reset, "failed", "no answer"),
            "http-1.0": (lambda it: it.sendall(b"HTTP/1.0 200 OK\r\n\r\nx"), "delivered", "200 OK"),
            "continue-without-end": (
                lambda it: forever(it, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 64),
                "failed",
                "no answer",
            ),
            "gzip-bomb": (
                lambda it: forever(it, OK + b"Content-Encoding: gzip\r\n\r\n", bomb),
                "delivered",
                "200 OK",
            ),
        }
        self.requests = {name: 0 for name in self.manners}
        self._socket = socket.create_server(("0.0.0.0", 0), backlog=1024)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, name):
        return f"http://127.0.7.{list(self.manners).index(name) + 1}:{self.port}/{name}"

    def _accept(self):
        while not self.closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._behave, args=(connection,), daemon=True).start()

    def _behave(self, connection):
        with connection:
            name = list(self.manners)[int(connection.getsockname()[0].rsplit(".", 1)[1]) - 1]
            try:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                self.requests[name] += 1
                self.manners[name][0](connection)
            except OSError:
                pass  # The service had enough.

    def close(self):
        self.closing.set()
        self._socket.close()


@pytest.fixture
def trap():
    """A listener where redirects lead to, and to which nobody may come."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def zoo(trap):
    one = Zoo(f"http://127.0.0.1:{trap.getsockname()[1]}/")
    yield one
    one.close()


def came(listener):
    try:
        listener.accept()
    except BlockingIOError:
        return False
    return True


def test_hostile_receivers_get_what_they_deserve_and_delay_nobody(new_server, receiver, zoo, trap):
    """Failure rules D2, D5 and D6."""
    server = new_server(CONFIG).start()
    objects.write(server.objects, "hostile", b"hostile")
    client = server.sdk()
    jobs = {}
    for turn in range(5):
        for name in zoo.manners:
            jobs.setdefault(name, []).append(submit(client, server.bucket, "hostile", CallBack=zoo.url(name))["JobId"])
            submit(client, server.bucket, "hostile", CallBack=receiver.url(f"/{turn}"))
        # Far less than the ten seconds after which an attempt is given up that hangs.
        receiver.wait_for(f"/{turn}", count=len(zoo.manners), seconds=8)
    for name, (_, state, said) in zoo.manners.items():
        # The first of each: to a receiver that hangs the others are sent later, as long as it hangs.
        record = delivery(server, jobs[name][0], state, seconds=60)
        assert said in record["last"], (name, record)
        assert zoo.requests[name] > 0
    assert not came(trap), "a redirect was followed"
    submit(client, server.bucket, "hostile", CallBack=receiver.url("/after"))
    receiver.wait_for("/after", seconds=8)


def test_a_certificate_of_another_name_ends_the_attempt_before_anything_is_sent(new_server, tmp_path):
    certificate, key = issue(tmp_path, "receiver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard = []
    with socket.create_server(("0.0.0.0", 0)) as listener:

        def answer():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(connection, server_side=True) as secure:
                        heard.append(secure.recv(65536))
                        secure.sendall(OK + b"Content-Length: 0\r\n\r\n")
                except OSError:
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        port = listener.getsockname()[1]
        server = new_server(CONFIG.replace("[callback]", f'[callback]\nca_file = "{certificate}"')).start()
        objects.write(server.objects, "tls", b"tls")
        client = server.sdk()
        # The certificate is for 127.0.0.1.
        wrong = submit(client, server.bucket, "tls", CallBack=f"https://127.0.0.2:{port}/wrong")["JobId"]
        record = delivery(server, wrong, "failed", seconds=60)
        assert "certificate" in record["last"], record
        assert heard == []
        right = submit(client, server.bucket, "tls", CallBack=f"https://127.0.0.1:{port}/right")["JobId"]
        delivery(server, right, "delivered", seconds=60)
        assert len(heard) == 1


def test_a_name_that_moves_to_a_forbidden_address_between_attempts_is_not_followed_there(new_server, tmp_path):
    """Failure rule D1, with the resolver of the system: its file of hosts, which only the service sees, says where the name is."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("a mount namespace of one's own takes root (unshare --mount)")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.2 moving.example\n")
    own_hosts = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
    config = '[callback]\nattempts = 20\nallow_networks = ["127.0.0.2/32"]\ndelays = ["0s", "200ms"]\n'
    reached = []
    with socket.create_server(("0.0.0.0", 0)) as listener:

        def answer():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    reached.append(connection.getsockname()[0])
                    # Whoever comes finds the name somewhere else the next time.
                    hosts.write_text("127.0.0.1 moving.example\n")
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        server = new_server(config, wrapper=own_hosts).start()
        objects.write(server.objects, "moving", b"moving")
        url = f"http://moving.example:{listener.getsockname()[1]}/"
        job = submit(server.sdk(), server.bucket, "moving", CallBack=url)["JobId"]
        record = delivery(server, job, "failed", seconds=60)
        assert "moving.example is a loopback address" in record["last"], record
        assert record["attempts"] == 2
        assert reached == ["127.0.0.2"]
