"""`auditlog`, in a process that was forked after Python had read its libraries."""

import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["auditlog"]


def auditlog(words: tuple[str, ...], variables: Mapping[str, str], folder: Path, out: Path) -> None:
    """Be `auditlog`, as its console script is, in this folder and with these variables alone."""
    from audit_cli.app import run  # noqa: PLC0415 - the test itself does without

    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    output = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    sys.argv = ["auditlog", *words]
    sys.exit(run())
