"""The servers of the tests as containers, by testcontainers, for real."""

import os
import subprocess
import sys

import pytest
from containers.project import docker
from support.command import clean_environment
from support.servers import ROOT

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

TRIED = (
    "tests/handbook/test_python_blocks.py",  # both servers, end to end, in little time
    # The broker has to reach itself by the listener that it names for that.
    "tests/admin/test_verify.py::test_offsets_that_are_no_records_are_not_missing",
)

LABEL = "label=org.testcontainers=true"


@pytest.mark.usefixtures("engine")
def test_a_test_file_passes_on_containers_and_leaves_none() -> None:
    """The fixture starts both servers, the tests use them, and both are gone after."""
    before = docker("ps", "--all", "--quiet", "--filter", LABEL).stdout
    volumes = docker("volume", "ls", "--quiet").stdout
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TRIED],
        env=clean_environment()
        | {
            "AUDITLOG_TEST_SERVERS": "containers",
            # Its image may not be there, and the fixture stops what it starts.
            "TESTCONTAINERS_RYUK_DISABLED": os.environ.get("TESTCONTAINERS_RYUK_DISABLED", "true"),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
    assert before == docker("ps", "--all", "--quiet", "--filter", LABEL).stdout
    assert volumes == docker("volume", "ls", "--quiet").stdout
