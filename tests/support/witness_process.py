"""A witness in Go that shares no code with ours, as a process."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_seal import SigningKey, VerifierKey
from support.go_module import go_program
from support.servers import ROOT

__all__ = ["go_witness"]

_SOURCES = Path(ROOT, "tests", "seal", "go", "witness")


@contextmanager
def go_witness(log_key: VerifierKey, key: SigningKey) -> Iterator[str]:
    """Give the address of a witness that cosigns for the log, with the key."""
    process = subprocess.Popen(
        [go_program(_SOURCES), str(log_key), key.encode()], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()
