"""The commands as a person types them: no configuration, a data directory, credentials.toml."""

import json
import os
import re
import stat
import subprocess
import time
import tomllib

import pytest

import objects
from conftest import TEST_CONFIG
from jobs import hashed
from objects import truth
from server import Server, binary, clean_environment


@pytest.fixture
def unconfigured(tmp_path):
    """`hashlane serve DIR` and nothing else."""
    one = Server(tmp_path, bucket="local-1250000000", region="local")
    one.config.unlink()
    one.settings = [one.objects, "--data", one.data]
    yield one
    one.discard()


def test_demo_shows_the_whole_main_job_in_less_than_five_seconds(tmp_path):
    started = time.monotonic()
    demo = subprocess.run(
        [binary(), "demo"], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=clean_environment()
    )
    took = time.monotonic() - started
    assert demo.returncode == 0, demo.stderr
    assert took < 5, f"{took:.2f} s"
    shown = demo.stdout
    for part in ("<Request>", "<Tag>FileHashCode</Tag>", "<Response>", "<FileHashCodeResult>", "<EventName>TaskFinish</EventName>"):
        assert part in shown, part
    for algorithm, digits in (("MD5", 32), ("SHA1", 40), ("SHA256", 64)):
        assert re.search(rf"<{algorithm}>[0-9a-f]{{{digits}}}</{algorithm}>", shown), algorithm
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"


def test_serve_without_configuration_is_used_with_what_it_wrote_down(unconfigured):
    server = unconfigured.start()
    written = server.credentials
    assert written["endpoint"] == server.api
    assert written["admin_endpoint"] == server.admin
    assert (written["bucket"], written["region"]) == ("local-1250000000", "local")
    assert stat.S_IMODE(os.stat(server.data / "credentials.toml").st_mode) == 0o600
    objects.write(server.objects, "hello.txt", b"hello")
    assert hashed(server.sdk(), server.bucket, "hello.txt")["Input"]["BucketId"] == "local-1250000000"

    assert server.stop() == 0
    server.start()
    assert {name: server.credentials[name] for name in ("secret_id", "secret_key")} == {
        name: written[name] for name in ("secret_id", "secret_key")
    }, "the key pair is made once"
    assert server.credentials["endpoint"] == server.api, "the address is the present one"


def test_serve_prints_lines_that_make_python_and_curl_use_it(unconfigured):
    server = unconfigured.start()
    said = server.log_text()
    assert "CosConfig" in said and "curl" in said


def test_a_callback_to_this_machine_works_without_configuration(unconfigured, receiver):
    server = unconfigured.start()
    objects.write(server.objects, "a", b"a")
    hashed(server.sdk(), server.bucket, "a", CallBack=receiver.url("/local"))
    receiver.wait_for("/local")


def test_job_submit_get_and_wait_need_only_the_data_directory(server):
    objects.write(server.objects, "cli/one", b"one")
    objects.write(server.objects, "cli/two words", b"two")
    region = {"HASHLANE_BUCKET": server.bucket, "HASHLANE_REGION": server.region}

    submitted = server.command("job", "submit", "-a", "sha1", "cli/one", "cli/two words", **region)
    assert submitted.returncode == 0, submitted.stderr
    ids = submitted.stdout.split()
    assert len(ids) == 2

    waited = server.command("job", "wait", "--json", *ids, **region)
    assert waited.returncode == 0, waited.stderr
    jobs = [json.loads(line) for line in waited.stdout.splitlines()]
    assert len(jobs) == 2
    # They are printed in the order in which they ended.
    lines = dict(zip((job["job_id"] for job in jobs), waited.stdout.splitlines()))
    for content, job_id in zip((b"one", b"two"), ids):
        assert truth("SHA1", content) in lines[job_id]

    shown = server.command("job", "get", *ids, **region)
    assert shown.returncode == 0, shown.stderr
    assert truth("SHA1", b"one") in shown.stdout


def test_job_wait_exits_1_when_the_job_failed_and_2_when_nobody_answers(server):
    region = {"HASHLANE_BUCKET": server.bucket, "HASHLANE_REGION": server.region}
    submitted = server.command("job", "submit", "cli/not-there", **region)
    failed = server.command("job", "wait", submitted.stdout.strip(), **region)
    assert failed.returncode == 1
    assert "ResourceNotFound" in failed.stdout + failed.stderr
    # Port 1 of loopback: nobody listens there.
    nobody = server.command("job", "get", "f93984788066911ed89ed352d4d9d2084", HASHLANE_ENDPOINT="http://127.0.0.1:1")
    assert nobody.returncode == 2
    assert "127.0.0.1:1" in nobody.stderr


@pytest.mark.parametrize(
    "arguments",
    [("frobnicate",), ("serve", "--lisen", "127.0.0.1:0"), ("job", "submit"), ("serve", "--listen", "nowhere")],
)
def test_bad_usage_exits_2_and_says_so(tmp_path, arguments):
    run = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=30, cwd=tmp_path, env=clean_environment())
    assert run.returncode == 2
    assert run.stderr
    assert not (tmp_path / "hashlane-data" / "hashlane.db").exists()


def test_config_check_names_the_line_of_an_unknown_key_and_what_was_meant(tmp_path):
    file = tmp_path / "hashlane.toml"
    file.write_text('data_dir = "data"\nlisen = "127.0.0.1:0"\n')
    run = subprocess.run(
        [binary(), "config", "check", "--config", file], capture_output=True, text=True, timeout=30, cwd=tmp_path, env=clean_environment()
    )
    assert run.returncode == 2
    assert "hashlane.toml:2" in run.stderr and "did you mean `listen`" in run.stderr


def test_config_show_prints_toml_without_secrets(tmp_path):
    file = tmp_path / "hashlane.toml"
    file.write_text(TEST_CONFIG + '\n[[key]]\nid = "AKIDshown"\nsecret = "never-to-be-shown"\n')
    run = subprocess.run(
        [binary(), "config", "show", "--config", file], capture_output=True, text=True, timeout=30, cwd=tmp_path, env=clean_environment()
    )
    assert run.returncode == 0, run.stderr
    assert "never-to-be-shown" not in run.stdout + run.stderr
    shown = tomllib.loads(run.stdout)
    assert shown["callback"]["attempts"] == 5
    assert shown["key"][0]["id"] == "AKIDshown"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "hashlane.toml"
    file.write_text('listen = "127.0.0.1:1001"\nadmin_listen = "127.0.0.1:1002"\nrole = "api"\n')
    run = subprocess.run(
        [binary(), "config", "show", "--config", file, "--listen", "127.0.0.1:2001"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        env=clean_environment(HASHLANE_LISTEN="127.0.0.1:3001", HASHLANE_ADMIN="127.0.0.1:3002"),
    )
    assert run.returncode == 0, run.stderr
    shown = tomllib.loads(run.stdout)
    assert (shown["listen"], shown["admin_listen"], shown["role"]) == ("127.0.0.1:2001", "127.0.0.1:3002", "api")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_printed_for_every_common_shell(shell):
    run = subprocess.run([binary(), "completions", shell], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0
    assert "hashlane" in run.stdout
