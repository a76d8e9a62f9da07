"""What the tests share: servers, receivers, and a name service that knows the test domain."""

import socket

import pytest

from receiver import Receiver
from server import DOMAIN, Server

# Callbacks may go to this machine, and failed ones are tried again at once.
TEST_CONFIG = """
[callback]
attempts = 5
allow_networks = ["127.0.0.0/8"]
delays = ["0s", "20ms", "20ms", "20ms", "20ms"]
"""


@pytest.fixture(scope="session", autouse=True)
def test_domain():
    """The test domain and names under it are this machine, in this process only."""
    resolve = socket.getaddrinfo

    def resolve_here(host, *arguments, **more):
        name = host.decode() if isinstance(host, bytes) else host
        here = isinstance(name, str) and (name == DOMAIN or name.endswith("." + DOMAIN))
        return resolve("127.0.0.1" if here else host, *arguments, **more)

    socket.getaddrinfo = resolve_here
    yield
    socket.getaddrinfo = resolve


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that most tests share; they keep apart by the names of their objects."""
    shared = Server(tmp_path_factory.mktemp("server"), TEST_CONFIG).start()
    yield shared
    alive = shared.is_alive()
    shared.discard()
    assert alive, f"the shared server died; its log says:\n{shared.log_text()[-5000:]}"


@pytest.fixture
def new_server(tmp_path):
    """Makes servers of a test's own, not yet started."""
    made = []

    def make(config=TEST_CONFIG, **more):
        made.append(Server(tmp_path / f"server-{len(made)}", config, **more))
        return made[-1]

    yield make
    for one in made:
        one.discard()


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


@pytest.fixture(params=["ip", "endpoint", "base-domain", "domain"])
def mode(request):
    """The ways in which the official SDK is pointed at a server of one's own."""
    return request.param
