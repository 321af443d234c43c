"""The command, run as a user runs it, with only the variables that a test names."""

import os
import subprocess
import sys

__all__ = ["auditlog", "clean_environment"]


def clean_environment() -> dict[str, str]:
    """Return the environment, less what would make the command line talk to other servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AUDITLOG_")}


def auditlog(
    *arguments: str, stdin: str | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run `auditlog` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "audit_cli", *arguments],
        env=clean_environment() | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
