"""`auditlog` in a process of its own that costs a fork, not the second in which Python reads libraries.

The process is a real one: it takes signals, can be killed, and has descriptors and variables of its
own. That the installed command starts too is held by tests/cli.
"""

import atexit
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from audit_cli.components import COMPONENTS

__all__ = ["ForkedProcess"]

_forks = multiprocessing.get_context("forkserver")
_READ_LATE = (
    *COMPONENTS,
    "audit_server.serve",
    "audit_alerts.compile",
    "audit_runtime.partition_reader",
)
"""What commands import only when they need it: up to half a second each time."""

_forks.set_forkserver_preload(["audit_cli.app", *_READ_LATE])


class ForkedProcess(subprocess.Popen[bytes]):
    """What `subprocess.Popen` is, for `auditlog`: output is appended to files, input is a file's."""

    def __init__(  # it is not our child: a server forks it
        self,
        words: tuple[str, ...],
        variables: Mapping[str, str],
        *,
        stdout: Path,
        stderr: Path | None = None,
        stdin: Path | None = None,
        folder: Path | None = None,
    ) -> None:
        self.args = ["auditlog", *words]
        self.returncode: int = None  # type: ignore[assignment]  # as Popen has it
        self.stdin = self.stdout = self.stderr = None
        files = (stdin or Path(os.devnull), stdout, stderr or stdout)
        for output in files[1:]:
            output.touch()  # as Popen has it: whoever started the process may read at once
        self._process = _forks.Process(
            target=_be_auditlog, args=(words, dict(variables), folder or Path.cwd(), files), daemon=True
        )
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        if self.returncode is None and self._process.exitcode is not None:
            self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it has ended. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wait()

    def __del__(self) -> None:
        """Do nothing: Popen would look for a child of ours."""


def _be_auditlog(
    words: tuple[str, ...], variables: Mapping[str, str], folder: Path, files: tuple[Path, Path, Path]
) -> None:
    """Be `auditlog`, as its console script is, with these variables alone."""
    from audit_cli.app import run  # noqa: PLC0415 - the fork server has read it

    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    os.chdir(folder)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for descriptor, file in enumerate(files):
        opened = os.open(file, append if descriptor else os.O_RDONLY, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - multiprocessing closed it
    if "PYTHONUNBUFFERED" in variables and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    sys.argv = ["auditlog", *words]
    try:
        sys.exit(run())
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001 - multiprocessing leaves without them
