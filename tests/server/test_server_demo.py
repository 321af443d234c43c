"""The demo on a terminal: it ends with the page served."""

import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support.command import clean_environment
from support.conditions import wait_until
from support.servers import Servers, new_deployment, tear_down

pytestmark = pytest.mark.servers


def test_demo_on_a_terminal_serves_the_page_until_ctrl_c(servers: Servers, tmp_path: Path) -> None:
    """Its address is printed, it answers, and the end is as well as without it."""
    deployment = new_deployment(servers, AUDITLOG_LOCAL_HOME=str(tmp_path), AUDITLOG_SERVE_PORT="0")
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    shown = b""
    process = subprocess.Popen(
        [sys.executable, "-m", "audit_cli", "demo", "--count", "100"],
        env=clean_environment() | deployment.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)

    def address() -> str | None:
        nonlocal shown
        try:
            shown += os.read(ours, 65536)
        except OSError:  # nothing new
            assert process.poll() is None, shown.decode()
        found = re.search(rb"The Audit Logs page: (http://[^ ]+)", shown)
        return found[1].decode() if found else None

    try:
        wait_until(address, seconds=120, what="the page is served")
        with urllib.request.urlopen(f"{address()}/api/v1/top?by=activity") as answer:  # noqa: S310
            assert b"chat-opened" in answer.read()
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C: to all that the terminal runs
        assert process.wait(60) == 0
        assert b"published 100 = indexed 100" in shown
        assert b"Traceback" not in shown
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
        tear_down(deployment)
