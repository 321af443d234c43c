"""The command, run in the test's own process, where starting another is not the point."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from unittest.mock import patch

from audit_cli.app import run
from support.command import clean_environment
from support.servers import Deployment

__all__ = ["run_in_process"]

_QUIETED = ("audit_producer", "auditlog.kafka", "elastic_transport")


def run_in_process(
    deployment: Deployment, *arguments: str, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """Run `auditlog` on a deployment, as `Deployment.run` does, without the start of a process."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    errors = io.StringIO()
    with (
        patch.dict(os.environ, clean_environment() | deployment.environment, clear=True),
        patch.object(sys, "argv", ["auditlog", *arguments]),
        redirect_stdout(output),
        redirect_stderr(errors),
        _levels_kept(),
    ):
        status = _status()
    output.seek(0)
    done = subprocess.CompletedProcess(arguments, status, output.read(), errors.getvalue())
    if check and status:
        raise AssertionError(f"auditlog {' '.join(arguments)}: {done.stdout}\n{done.stderr}")
    return done


def _status() -> int:
    try:
        return run()
    except SystemExit as ended:
        return int(ended.code or 0)


@contextmanager
def _levels_kept() -> Iterator[None]:
    """Restore the levels of the loggers that the command quiets."""
    levels = {name: logging.getLogger(name).level for name in _QUIETED}
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
