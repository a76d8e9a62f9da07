"""Hostile bytes on the socket: the documented refusal, and a server that goes on as if nothing had happened."""

import os
import random
import re
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from qcloud_cos.cos_auth import CosS3Auth

import objects
from conftest import TEST_CONFIG
from jobs import hashed
from waiting import until

CAPTURES = Path(__file__).parent / "captures"
# The key that signed the captures: with it, a mutated capture gets as far as its clock.
KEY = {"SecretId": "AKIDEXAMPLEexampleEXAMPLEexample0001", "SecretKey": "ExampleSecretKeyExampleSecretKey01"}
MUTATIONS = 10_000
SUBMIT = """<?xml version="1.0" encoding="utf-8"?>
<Request><Input><Object>mutated</Object></Input><Tag>FileHashCode</Tag><Operation><FileHashCodeConfig><Type>MD5</Type>\
<AddToHeader>false</AddToHeader></FileHashCodeConfig><UserData>u</UserData></Operation><CallBack>no</CallBack>\
<CallBackFormat>JSON</CallBackFormat><CallBackType>Url</CallBackType></Request>"""


@pytest.fixture
def attacked(new_server):
    """A server of its own, so that its memory can be compared; it must serve as before at the end."""
    key = f'[[key]]\nid = "{KEY["SecretId"]}"\nsecret = "{KEY["SecretKey"]}"\n'
    server = new_server(TEST_CONFIG + key).start()
    objects.write(server.objects, "mutated", b"mutated")
    yield server
    assert server.is_alive(), server.log_text()[-5000:]
    assert "panicked" not in server.log_text()
    hashed(server.sdk(**KEY), server.bucket, "mutated")


def signed(server, body, method="POST", path="/file_jobs", headers=None):
    """A request that a good client would sign, whatever its body: the signature does not cover bodies."""
    host = f"{server.bucket}.cos.{server.region}.myqcloud.com"
    request = requests.Request(
        method,
        server.api + path,
        data=body,
        headers={"Host": host, "Content-Type": "application/xml"} | (headers or {}),
        auth=CosS3Auth(server.sdk(**KEY)._conf, path),
    )
    return request.prepare()


def send(server, body, **more):
    with requests.Session() as session:
        session.trust_env = False
        return session.send(signed(server, body, **more), timeout=30)


def as_bytes(prepared):
    """A prepared request as it goes over the wire."""
    lines = [f"{prepared.method} {prepared.path_url} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in prepared.headers.items()]
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else body
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def exchange(server, request, patience=0.5):
    """Sends raw bytes and returns what comes back; nothing when the server waits for more than was sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        answer = b""
        try:
            connection.sendall(request)
        except OSError:
            pass  # Refused before the end: the answer may be there all the same.
        connection.settimeout(patience)
        try:
            while b"\r\n\r\n" not in answer:
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
        except OSError:
            pass
        return answer


def status_of(answer):
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return int(match[1]) if match else None


def random_byte(chance):
    """Mostly printable, so that not every mutation ends where the text is found not to be UTF-8."""
    return chance.randrange(0x20, 0x7F) if chance.random() < 0.8 else chance.randrange(256)


def mutated(chance, original):
    """A few random changes of any kind."""
    bytes_ = bytearray(original)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 8])):
        at = chance.randrange(len(bytes_) + 1)
        kind = chance.randrange(6)
        if kind == 0 and at < len(bytes_):
            bytes_[at] = random_byte(chance)
        elif kind == 1 and at < len(bytes_):
            bytes_[at] ^= 1 << chance.randrange(7)
        elif kind == 2:
            bytes_[at:at] = bytes(random_byte(chance) for _ in range(chance.randrange(1, 9)))
        elif kind == 3:
            del bytes_[at : at + chance.randrange(1, 9)]
        elif kind == 4:
            part = bytes_[at : at + chance.randrange(1, 65)]
            bytes_[at:at] = part * chance.randrange(1, 20)
        else:
            bytes_[at:at] = chance.choice(
                [b"<", b">", b"&", b"&#0;", b"]]>", b"<!--", b"<![CDATA[", b"\x00", b"\xff\xfe", b"%", b"%00", b"..", b"\r\n", b"\r\n\r\n"]
            )
        if not bytes_:
            bytes_ = bytearray(b"\0")
    return bytes(bytes_)


@pytest.mark.slow
def test_ten_thousand_random_mutations_of_real_requests_do_no_harm(attacked):
    """Half are whole requests of the captures, half are bodies under a signature that is right."""
    seed = int(os.environ.get("HASHLANE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"HASHLANE_TEST_SEED={seed} repeats these mutations")
    chance = random.Random(seed)
    captured = [file.read_bytes() for file in sorted(CAPTURES.glob("*.http"))]
    assert len(captured) == 73
    bodies = [SUBMIT.encode()]
    for request in captured:
        body = request.partition(b"\r\n\r\n")[2]
        if b"FileHashCode" in body:
            bodies.append(body)
    requests_ = [mutated(chance, chance.choice(captured)) for _ in range(MUTATIONS // 2)]
    requests_ += [as_bytes(signed(attacked, mutated(chance, chance.choice(bodies)))) for _ in range(MUTATIONS // 2)]
    chance.shuffle(requests_)

    statuses = {}
    with ThreadPoolExecutor(32) as senders:
        warm_up = MUTATIONS // 5
        before = None
        for start, end in ((0, warm_up), (warm_up, len(requests_))):
            for request, answer in zip(requests_[start:end], senders.map(lambda it: exchange(attacked, it), requests_[start:end])):
                status = status_of(answer)
                statuses[status] = statuses.get(status, 0) + 1
                assert status is None or status < 500, (status, request, answer)
            before = before or attacked.memory_kib("VmRSS")
    after = attacked.memory_kib("VmRSS")
    print(f"answers by status: {statuses}; resident set {before} KiB, then {after} KiB")
    assert statuses.get(200, 0) > MUTATIONS // 500, "some mutations are harmless, or none got as far as the XML"
    assert statuses.get(400) and statuses.get(403)
    assert after - before < 8 * 1024


BOMBS = {
    "a DTD": '<!DOCTYPE Request SYSTEM "file:///etc/passwd"><Request/>',
    "an external entity": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Request><Tag>&x;</Tag></Request>',
    "a billion laughs": "<!DOCTYPE r [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(12))
    + "]><Request><Tag>&a12;</Tag></Request>",
    "an unknown entity": "<Request><Tag>&unknown;</Tag></Request>",
    "a character that XML forbids": "<Request><Tag>&#0;</Tag></Request>",
    "a deep tree": "<Request>" + "<a>" * 10_000 + "</a>" * 10_000 + "</Request>",
    "many elements": "<Request>" + "<a/>" * 20_000 + "</Request>",
    "many attributes": "<Request " + " ".join(f'a{n}="{n}"' for n in range(5_000)) + "/>",
    "an unclosed element": "<Request><Tag>FileHashCode</Tag>",
    "another root": SUBMIT.replace("Request>", "Response>"),
    "two roots": "<Request></Request><Request></Request>",
    "no XML at all": "Tag=FileHashCode",
    "no UTF-8": b"<Request><Tag>\xff\xfe</Tag></Request>",
    "the documents' own malformed sample": SUBMIT.replace("</CallBackFormat>", "<CallBackFormat>"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_body_that_is_no_plain_xml_is_refused_at_once(attacked, name):
    """Failure rule C9."""
    started = time.monotonic()
    answer = send(attacked, BOMBS[name])
    assert (answer.status_code, "<Code>InvalidContent</Code>" in answer.text) == (400, True), answer.text
    assert time.monotonic() - started < 2


def test_a_missing_body_is_named_as_such(attacked):
    answer = send(attacked, b"", headers={"Content-Length": "0"})
    assert answer.status_code == 400 and "<Code>MissingContent</Code>" in answer.text, answer.text


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_ten_mebibytes_of_body_are_refused_without_being_held(attacked, chunked):
    """Failure rule C8."""
    head = as_bytes(signed(attacked, b"x" * (10 << 20))).partition(b"\r\n\r\n")[0]
    body = b"x" * (10 << 20)
    if chunked:
        head = re.sub(rb"\r\nContent-Length: \d+", b"\r\nTransfer-Encoding: chunked", head)
        body = b"".join(b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(160)) + b"0\r\n\r\n"
    before = attacked.memory_kib("VmRSS")
    for _ in range(5):
        answer = exchange(attacked, head + b"\r\n\r\n" + body, patience=10)
        # A signature that lists the length cannot be right without it; the size is refused before or after that.
        assert status_of(answer) in ((413, 403) if chunked else (413,)), answer
    assert attacked.memory_kib("VmRSS") - before < 8 * 1024


def test_a_body_of_many_bytes_that_only_promises_them_is_refused_by_its_head(attacked):
    """Failure rule C8."""
    head = as_bytes(signed(attacked, b"x" * (10 << 20))).partition(b"\r\n\r\n")[0]
    answer = exchange(attacked, head + b"\r\n\r\n", patience=10)
    assert status_of(answer) == 413, answer


DRIBBLERS = 2_000


@pytest.fixture
def many_files():
    """Enough open files for the sockets of a test on both sides; the server inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * DRIBBLERS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this machine allows {hard} open files, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Dribblers:
    """Sockets that send something now and then, so that only a limit of the whole can end them."""

    def __init__(self, server, count):
        self.open = []
        for number in range(count):
            one = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            try:
                # Most never end their head, some never their body, some say nothing at all.
                if number % 20 == 0:
                    one.sendall(as_bytes(signed(server, SUBMIT.encode()))[:-100])
                elif number % 20 != 1:
                    one.sendall(b"POST /file_jobs HTTP/1.1\r\nHost: a\r\nX: ")
            except OSError:
                pass  # Closed at once, because there are too many: seen below.
            one.setblocking(False)
            self.open.append((number, one))

    def dribble(self):
        """One more byte of each head and body; says how many sockets are still open."""
        left = []
        for number, one in self.open:
            try:
                if number % 20 != 1:
                    one.send(b" " if number % 20 == 0 else b"a")
                if one.recv(65536):
                    left.append((number, one))
                    continue
            except BlockingIOError:
                left.append((number, one))
                continue
            except OSError:
                pass
            one.close()
        self.open = left
        return len(left)

    def close(self):
        for _, one in self.open:
            one.close()


@pytest.mark.slow
def test_two_thousand_sockets_that_dribble_are_dropped_and_nobody_waits_for_them(new_server, many_files):
    """Failure rule C7."""
    key = f'[[key]]\nid = "{KEY["SecretId"]}"\nsecret = "{KEY["SecretKey"]}"\n'
    server = new_server(TEST_CONFIG + key + f"[limits]\nconnections_per_ip = {2 * DRIBBLERS}\n").start()
    objects.write(server.objects, "mutated", b"mutated")
    dribblers = Dribblers(server, DRIBBLERS)
    answered = 0
    try:
        client = server.sdk(**KEY)

        def all_dropped():
            nonlocal answered
            left = dribblers.dribble()
            # A normal client is answered at every moment, over a new connection each time.
            assert send(server, SUBMIT.encode()).status_code == 200
            answered += 1
            return left == 0

        assert dribblers.dribble() > DRIBBLERS * 9 // 10, "they are all held at first"
        hashed(client, server.bucket, "mutated")
        # Ten seconds for a head, also for its first byte, and ten for a body.
        until("every dribbling socket to be dropped", all_dropped, 45, every=0.2)
        assert answered > 3
        hashed(client, server.bucket, "mutated")
    finally:
        dribblers.close()


@pytest.mark.slow
def test_one_address_holds_no_more_than_its_share_of_connections(attacked, many_files):
    """Failure rule C7."""
    dribblers = Dribblers(attacked, DRIBBLERS)
    try:
        # The default share is 1024; those beyond it are closed at once.
        until("the connections over the share to be closed", lambda: dribblers.dribble() <= 1024, 8, every=0.1)
        # Another address has a share of its own.
        with socket.create_connection(
            ("127.0.0.1", attacked.port), timeout=10, source_address=("127.0.0.2", 0)
        ) as other:
            other.sendall(as_bytes(signed(attacked, SUBMIT.encode())))
            assert status_of(other.recv(65536)) == 200
    finally:
        dribblers.close()


@pytest.mark.parametrize(
    "request_",
    [
        # A TLS hello, heads that are no heads, lengths that are no lengths, text that is no text, and too much of all.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /file_jobs HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /file_jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
        b"POST /file_jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /file_jobs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /file_jobs/%ff%fe%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /file_jobs/f?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: q-sign-algorithm=sha1&q-ak=&q-sign-time=;&q-key-time=9;1&q-header-list=;;;\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: q-sign-time=99999999999999999999;-99999999999999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: x\r\n" % n for n in range(5_000)) + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=lambda request_: repr(request_[:60]),
)
def test_a_malformed_request_gets_a_refusal_of_the_client_or_a_closed_door(attacked, request_):
    status = status_of(exchange(attacked, request_, patience=1))
    assert status is None or 400 <= status < 500
