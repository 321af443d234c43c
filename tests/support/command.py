"""The command, run as a user runs it, with only the variables that a test names."""

import os
import subprocess
import tempfile
from pathlib import Path

from support.forked_process import ForkedProcess

__all__ = ["auditlog", "clean_environment", "start_auditlog"]

_SECONDS = 250


def clean_environment() -> dict[str, str]:
    """Return the environment, less what would make the command line talk to other servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AUDITLOG_")}


def start_auditlog(*arguments: str, output: Path, **environment: str) -> ForkedProcess:
    """Start `auditlog`, with standard output and standard error appended to a file."""
    return ForkedProcess(arguments, clean_environment() | environment, stdout=output)


def auditlog(
    *arguments: str, stdin: str | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run `auditlog` to its end."""
    with tempfile.TemporaryDirectory(prefix="auditlog-command-") as name:
        said, complained, given = (Path(name, file) for file in ("stdout", "stderr", "stdin"))
        if stdin is not None:
            given.write_text(stdin)
        process = ForkedProcess(
            arguments,
            clean_environment() | environment,
            stdout=said,
            stderr=complained,
            stdin=given if stdin is not None else None,
        )
        try:
            status = process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        output, complaint = (file.read_bytes().decode() for file in (said, complained))
        return subprocess.CompletedProcess(["auditlog", *arguments], status, output, complaint)
