"""The life of the service: health, metrics, logs, memory, start and stop."""

import json
import os
import re
import sqlite3

import pytest
import requests
from qcloud_cos import CosServiceError

import objects
from conftest import TEST_CONFIG
from jobs import digest, finished, hashed, query, submit
from waiting import until

MIB_IN_KIB = 1024


def test_health_and_readiness_are_told_on_the_admin_listener(server):
    for path in ("/healthz", "/readyz"):
        status, _, body = server.admin_get(path)
        assert status == 200, body


def test_the_admin_pages_are_not_on_the_api_listener(server):
    import requests

    for path in ("/healthz", "/metrics", "/api/jobs/f93984788066911ed89ed352d4d9d2084"):
        assert requests.get(server.api + path, timeout=10).status_code in (403, 404)


def test_readiness_is_withdrawn_while_the_bucket_is_not_reachable(new_server):
    server = new_server().start()
    assert server.admin_get("/readyz")[0] == 200
    os.rename(server.objects, server.folder / "away")
    until("readiness to be withdrawn", lambda: server.admin_get("/readyz")[0] == 503)
    assert server.admin_get("/healthz")[0] == 200
    os.rename(server.folder / "away", server.objects)
    until("readiness to return", lambda: server.admin_get("/readyz")[0] == 200)


def test_metrics_have_the_names_that_others_rely_on(server, receiver):
    objects.write(server.objects, "metrics", b"0123456789")
    client = server.sdk()
    hashed(client, server.bucket, "metrics", CallBack=receiver.url("/metrics"))
    client.ci_get_file_process_jobs(Bucket=server.bucket, JobIDs="f93984788066911ed89ed352d4d9d2084")
    receiver.wait_for("/metrics")

    def page_with_callbacks():
        page = server.admin_get("/metrics")[2]
        return page if re.search(r'^hashlane_callbacks_total\{.*outcome="delivered".*\} [1-9]', page, re.M) else None

    page = until("the callback to be counted", page_with_callbacks)
    for line in (
        r'hashlane_jobs_finished_total\{state="Success"\} [1-9]',
        r'hashlane_jobs\{state="Success"\} [1-9]',
        r'hashlane_jobs\{state="Submitted"\} \d',
        r'hashlane_jobs\{state="Running"\} \d',
        r'hashlane_hashed_bytes_total\{algorithm="[A-Za-z0-9]+"\} [1-9]',
        r"hashlane_lanes_busy \d",
        r'hashlane_callbacks_total\{(kind="url",outcome="delivered"|outcome="delivered",kind="url")\} [1-9]',
        r'hashlane_http_requests_total\{(route="[a-z_]+",status="200"|status="200",route="[a-z_]+")\} [1-9]',
        r"hashlane_http_request_seconds_bucket\{.*\} \d",
        r"hashlane_store_commit_seconds_bucket\{.*\} \d",
    ):
        assert re.search("^" + line, page, re.M), f"no line like {line} in\n{page}"


def test_the_json_log_is_one_object_per_line_and_no_secret_is_in_it(new_server, receiver):
    server = new_server(
        TEST_CONFIG + '[[key]]\nid = "AKIDlogged"\nsecret = "never-to-be-logged"\n', extra_args=["--log", "json"]
    ).start()
    objects.write(server.objects, "log", b"log")
    client = server.sdk(SecretId="AKIDlogged", SecretKey="never-to-be-logged")
    receiver.answers("/log", 500, 200)
    hashed(client, server.bucket, "log", CallBack=receiver.url("/log"))
    receiver.wait_for("/log", count=2)
    assert server.stop() == 0
    lines = server.log_text().splitlines()
    assert lines
    for line in lines:
        assert isinstance(json.loads(line), dict), line
    assert "never-to-be-logged" not in server.log_text()


def test_no_secret_and_no_signature_is_in_the_log_for_people(new_server):
    server = new_server().start()
    objects.write(server.objects, "log", b"log")
    hashed(server.sdk(), server.bucket, "log")
    secret = server.credentials["secret_key"]
    assert server.stop() == 0
    # The lines to be copied, once at the start, name the place of the secret but not the secret; the one for curl bears a
    # signature, because curl cannot make one.
    assert secret not in server.log_text()
    for line in server.log_text().splitlines():
        assert "q-signature" not in line or line.startswith("curl "), line


def test_no_log_at_any_level_holds_a_secret_and_files_are_for_the_owner_only(new_server, receiver):
    """Failure rules C10, E7."""
    keys = """
[[key]]
id = "AKIDlogged"
secret = "never-to-be-logged"
[[key]]
id = "AKIDtemporary"
secret = "never-to-be-logged-either"
token = "nor-is-this-token"
"""
    for form in ("human", "json"):
        server = new_server(
            TEST_CONFIG + keys, extra_args=["--log", form], environment={"HASHLANE_LOG_FILTER": "trace"}
        ).start()
        client = server.sdk(SecretId="AKIDlogged", SecretKey="never-to-be-logged")
        temporary = server.sdk(SecretId="AKIDtemporary", SecretKey="never-to-be-logged-either", Token="nor-is-this-token")
        key = "log\nINJECTED a line"
        client.put_object(Bucket=server.bucket, Key=key, Body=b"log")
        assert client.get_object(Bucket=server.bucket, Key=key)["Body"].get_raw_stream().read() == b"log"
        objects.write(server.objects, "log", b"log")
        receiver.answers("/log", 500, 200)
        hashed(client, server.bucket, "log", CallBack=receiver.url("/log"), AddToHeader="true")
        hashed(temporary, server.bucket, key, UserData="x" * 100)
        missing = submit(client, server.bucket, "absent\nINJECTED a line")["JobId"]
        assert finished(client, server.bucket, missing)[missing]["State"] == "Failed"
        client.file_hash(Bucket=server.bucket, Key="log", Type="md5")
        presigned = client.get_presigned_url(Bucket=server.bucket, Key="log", Method="GET")
        signature = presigned.split("q-signature=")[1][:40]
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(presigned, timeout=10).text == "log"
            assert session.get(presigned.replace(signature, "0" * 40), timeout=10).status_code == 403
            wrong = {"Authorization": "never-to-be-logged"}
            assert session.get(server.api + "/a%0D%0AINJECTED", headers=wrong, timeout=10).status_code == 403
        for wrong in ("never-to-be-logged-neither", "nor-is-this-secret"):
            with pytest.raises(CosServiceError):
                server.sdk(SecretId="AKIDlogged", SecretKey=wrong).head_object(Bucket=server.bucket, Key="log")
        assert server.stop() == 0
        log = server.log_text()
        # Every level is there, or this would show nothing.
        assert "DEBUG" in log and "TRACE" in log, log[:2000]
        for secret in ("never-to-be-logged", "nor-is-this", signature, "q-signature"):
            lines = [line for line in log.splitlines() if secret in line and not line.startswith("curl ")]
            assert not lines, lines[:3]
        # Failure rule C10: what a client says stays within its line.
        assert not [line for line in log.splitlines() if line.startswith("INJECTED")]
        if form == "json":
            for line in log.splitlines():
                assert isinstance(json.loads(line), dict), line
        for folder, _, files in os.walk(server.data):
            assert os.stat(folder).st_mode & 0o077 == 0, folder
            for name in files:
                path = os.path.join(folder, name)
                assert os.stat(path).st_mode & 0o777 == 0o600, path


def test_sigterm_lets_the_running_job_end_or_gives_it_back_and_exits_0(new_server):
    """Failure rule A24."""
    server = new_server().start()
    objects.write_sparse(server.objects / "large", objects.GIB)
    client = server.sdk()
    ids = [submit(client, server.bucket, "large", "MD5")["JobId"] for _ in range(3)]
    until("a job to run", lambda: any(job["State"] == "Running" for job in query(client, server.bucket, *ids)))
    assert server.stop() == 0
    server.start()
    jobs = finished(server.sdk(), server.bucket, *ids, seconds=120)
    assert {digest(job) for job in jobs.values()} == {objects.SPARSE_1_GIB["MD5"]}


def test_a_second_serve_on_the_same_data_directory_is_refused_and_the_first_goes_on(new_server):
    server = new_server().start()
    second = server.command("serve", "--config", server.config, "--listen", "127.0.0.1:0", "--admin", "off", timeout=20)
    assert second.returncode == 2
    assert str(server.data) in second.stderr
    assert "ready" not in second.stdout
    objects.write(server.objects, "still", b"still")
    hashed(server.sdk(), server.bucket, "still")


def test_a_store_of_a_newer_version_is_refused_with_the_reason_and_left_alone(new_server):
    """Failure rule A23."""
    server = new_server().start()
    assert server.stop() == 0
    store = server.data / "hashlane.db"

    def set_version(version):
        connection = sqlite3.connect(store)
        before = connection.execute("pragma user_version").fetchone()[0]
        connection.execute(f"pragma user_version = {version}")
        connection.close()
        return before

    version = set_version(1_000_000)
    content = store.read_bytes()
    refused = server.command("serve", "--config", server.config, "--listen", "127.0.0.1:0", "--admin", "off", timeout=20)
    assert refused.returncode == 2 and "ready" not in refused.stdout
    assert "1000000" in refused.stderr and str(store) in refused.stderr
    assert store.read_bytes() == content
    set_version(version)
    server.start()
    objects.write(server.objects, "again", b"again")
    hashed(server.sdk(), server.bucket, "again")


def test_an_idle_server_holds_less_than_30_mib(new_server):
    server = new_server().start()
    until("the server to answer", lambda: server.admin_get("/readyz")[0] == 200)
    assert server.memory_kib("VmRSS") < 30 * MIB_IN_KIB


@pytest.mark.slow
def test_four_gibibytes_are_hashed_in_less_than_100_mib(new_server):
    """Failure rule B7."""
    server = new_server().start()
    objects.write_sparse(server.objects / "huge", 4 * objects.GIB)
    try:
        job = hashed(server.sdk(), server.bucket, "huge", "SHA256", seconds=240)
    finally:
        os.unlink(server.objects / "huge")
    assert digest(job) == objects.SPARSE_4_GIB["SHA256"]
    assert server.memory_kib("VmHWM") < 100 * MIB_IN_KIB
