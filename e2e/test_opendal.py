"""OpenDAL's own `cos` service as a client: a program of its own (e2e/opendal), which `scripts/test` builds."""

import os
import subprocess
from pathlib import Path

import pytest

from server import DOMAIN, clean_environment


def program():
    named = os.environ.get("HASHLANE_OPENDAL_TEST")
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parent.parent / "target"))
    return Path(named) if named else target / "opendal" / "debug" / "hashlane-opendal-test"


@pytest.mark.skipif(not program().is_file(), reason="e2e/opendal is not built")
def test_an_opendal_operator_writes_reads_lists_copies_and_deletes(server):
    written = server.credentials
    endpoint = f"http://cos.{server.region}.{DOMAIN}"
    arguments = [program(), endpoint, server.bucket, written["secret_id"], written["secret_key"]]
    # There is no name service for the test domain: the server is asked as if it were a proxy.
    environment = clean_environment(http_proxy=server.api)
    ran = subprocess.run(arguments, capture_output=True, text=True, timeout=120, env=environment | {"RUST_BACKTRACE": "0"})
    assert ran.returncode == 0, ran.stderr[-5000:]
