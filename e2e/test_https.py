"""https: the official SDK against a server with a certificate, and what becomes of those who do not trust it."""

import os
import shutil
import signal
import subprocess

import pytest
import requests
from qcloud_cos import CosClientError

import objects
from conftest import TEST_CONFIG
from jobs import digest, hashed
from server import DOMAIN, REGION, Server
from waiting import until

MIB = 1 << 20
# The ways in which a name or an address of this machine stands in the URL.
MODES = ["ip", "endpoint", "base-domain", "domain"]


# Not what `openssl req -x509` makes by itself, which is a certificate of an authority: those are no certificate of a server.
OPENSSL = f"""
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = test
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1, DNS:{DOMAIN}, DNS:*.{DOMAIN}, DNS:*.ci.{REGION}.{DOMAIN}, DNS:*.cos.{REGION}.{DOMAIN}
"""


def issue(folder, name):
    """A certificate for loopback and for the names under the test domain, and its key, in files of their own."""
    (folder / "openssl.cnf").write_text(OPENSSL)
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split()
    files = ["-config", folder / "openssl.cnf", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return folder / f"{name}.pem", folder / f"{name}.key"


def install(server, certificate, key):
    shutil.copy(certificate, server.folder / "server.pem")
    shutil.copy(key, server.folder / "server.key")


def trusting(certificate):
    """A session that trusts one certificate and no other."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(certificate)
    return session


@pytest.fixture(scope="module")
def issued(tmp_path_factory):
    return issue(tmp_path_factory.mktemp("certificate"), "first")


@pytest.fixture(scope="module")
def secure(tmp_path_factory, issued):
    folder = tmp_path_factory.mktemp("secure")
    one = Server(folder, f'{TEST_CONFIG}\n[tls]\ncert = "{folder}/server.pem"\nkey = "{folder}/server.key"\n')
    install(one, *issued)
    one.start()
    yield one
    alive = one.is_alive()
    one.discard()
    assert alive, one.log_text()[-5000:]


@pytest.fixture(params=MODES)
def client(request, secure, issued):
    return secure.sdk(request.param, session=trusting(issued[0]), Scheme="https")


def test_the_ready_line_and_the_credentials_say_https(secure):
    assert secure.api.startswith("https://127.0.0.1:")
    assert secure.credentials["endpoint"] == secure.api
    assert secure.admin.startswith("http://"), "the admin listener stays on loopback"


def test_jobs_callbacks_synchronous_hashes_and_storage_work_over_https(secure, client, receiver):
    client.put_object(Bucket=secure.bucket, Key="https/a", Body=b"hello", Metadata={"x-cos-meta-author": "me"})
    job = hashed(
        client, secure.bucket, "https/a", "SHA256", AddToHeader="true", CallBack=receiver.url("/https")
    )
    assert digest(job) == objects.truth("SHA256", b"hello")
    receiver.wait_for("/https")
    answer = client.file_hash(Bucket=secure.bucket, Key="https/a", Type="md5")
    assert answer["FileHashCodeResult"]["MD5"] == objects.truth("MD5", b"hello")
    head = client.head_object(Bucket=secure.bucket, Key="https/a")
    assert (head["x-cos-meta-sha256"], head["x-cos-meta-author"]) == (digest(job), "me")
    part = client.get_object(Bucket=secure.bucket, Key="https/a", Range="bytes=1-2")
    assert part["Body"].get_raw_stream().read() == b"el"
    listing = client.list_objects(Bucket=secure.bucket, Prefix="https/")
    assert "https/a" in [entry["Key"] for entry in listing["Contents"]]
    client.delete_object(Bucket=secure.bucket, Key="https/a")
    assert not (secure.objects / "https/a").exists()


def test_a_large_file_goes_up_in_parts_and_comes_back_whole(secure, client, tmp_path):
    content = objects.content(12 * MIB + 4)
    (tmp_path / "large").write_bytes(content)
    client.upload_file(Bucket=secure.bucket, Key="large", LocalFilePath=str(tmp_path / "large"), PartSize=5, MAXThread=3)
    assert digest(hashed(client, secure.bucket, "large", "SHA1")) == objects.truth("SHA1", content)
    assert client.get_object(Bucket=secure.bucket, Key="large")["Body"].get_raw_stream().read() == content


def test_the_bundle_of_the_environment_is_trusted_too(secure, issued, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(issued[0]))
    objects.write(secure.objects, "bundle", b"bundle")
    hashed(secure.sdk("base-domain", Scheme="https"), secure.bucket, "bundle")


def test_who_does_not_trust_the_certificate_gets_nothing(secure, tmp_path):
    stranger, _ = issue(tmp_path, "stranger")
    distrusting = secure.sdk(session=trusting(stranger), Scheme="https", retry=0)
    with pytest.raises(CosClientError, match="certificate|CERTIFICATE"):
        distrusting.file_hash(Bucket=secure.bucket, Key="a", Type="md5")


def test_plain_http_is_told_to_speak_https(secure):
    answer = requests.get(secure.api.replace("https://", "http://") + "/file_jobs?tag=FileHashCode", timeout=10)
    assert answer.status_code == 400
    assert "https" in answer.text


def test_the_command_line_trusts_the_file_that_it_is_given(secure, issued):
    objects.write(secure.objects, "cli", b"hello")
    told = secure.command("job", "submit", "--wait", "--algo", "md5", "cli", HASHLANE_CA_FILE=str(issued[0]))
    assert told.returncode == 0, told.stderr
    assert objects.truth("MD5", b"hello") in told.stdout
    assert secure.command("job", "submit", "cli").returncode == 2


def test_a_renewed_certificate_is_taken_at_sighup_while_connections_go_on(secure, issued, tmp_path):
    objects.write(secure.objects, "renewed", b"renewed")
    kept = secure.sdk(session=trusting(issued[0]), Scheme="https", retry=0)
    kept.file_hash(Bucket=secure.bucket, Key="renewed", Type="md5")
    renewed = issue(tmp_path, "second")
    install(secure, *renewed)
    try:
        os.kill(secure.process.pid, signal.SIGHUP)
        until("the certificate to be read again", lambda: "certificate read again" in secure.log_text())
        kept.file_hash(Bucket=secure.bucket, Key="renewed", Type="md5")
        fresh = secure.sdk(session=trusting(renewed[0]), Scheme="https", retry=0)
        fresh.file_hash(Bucket=secure.bucket, Key="renewed", Type="md5")
    finally:
        install(secure, *issued)
        os.kill(secure.process.pid, signal.SIGHUP)
        until("the first certificate to be back", lambda: secure.log_text().count("certificate read again") == 2)
