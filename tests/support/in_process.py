"""The command, run inside the test's own process: for tests of what it does, not of how it is started.

Starting a process takes a second. What the command changes in this process is restored afterwards.
"""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from unittest.mock import patch

import structlog
from audit_cli.app import run
from support.command import clean_environment
from support.servers import Deployment

__all__ = ["auditlog_in_process", "call"]

_LOGGERS = ("audit_producer", "auditlog.kafka", "elastic_transport")


def call(
    deployment: Deployment, *arguments: str, stdin: str | None = None, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """Run `auditlog` on a deployment; with `check`, its exit status must be 0."""
    done = auditlog_in_process(*arguments, stdin=stdin, **deployment.environment)
    assert not (check and done.returncode), f"{arguments}: {done.stdout}\n{done.stderr}"
    return done


def auditlog_in_process(
    *arguments: str, stdin: str | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run `auditlog` with only these variables, and return what it printed and its exit status."""
    out, err = _stream(), _stream()
    with (
        _restored_logging(),
        patch.dict(os.environ, clean_environment() | environment, clear=True),
        patch.object(sys, "argv", ["auditlog", *arguments]),
        patch.object(sys, "stdin", _stream((stdin or "").encode())),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = _status()
    return subprocess.CompletedProcess(arguments, status, _text(out), _text(err))


def _status() -> int:
    try:
        return run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0


@contextmanager
def _restored_logging() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    config = structlog.get_config()
    try:
        yield
    finally:
        structlog.configure(**config)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), "utf-8")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
