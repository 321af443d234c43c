"""The folder of one run of pytest: what its workers share, and the servers that end with it.

Servers outlive the worker that started them. The controller kills them at the end of the run; if it
is killed itself, a watcher that it left behind does.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from support.process_records import kill_recorded

__all__ = ["CONTAINERS", "RunFolder"]

CONTAINERS = "containers"
"""The folder in which containers are on record."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class RunFolder:
    """A folder that other accounts may enter: the servers run as one where root runs the tests."""

    path: Path

    @classmethod
    def create(cls) -> Self:
        """Make one. It goes with this process, or by `clean`."""
        folder = Path(tempfile.mkdtemp(prefix="auditlog-tests-"))
        folder.chmod(0o755)
        born = psutil.Process().create_time()
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder), str(os.getpid()), str(born)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt at the terminal is not for it
        ).returncode = 0  # nobody waits for it
        return cls(folder)

    @contextmanager
    def locked(self, name: str) -> Iterator[Path]:
        """Give a folder in this one that no other worker has at the same time."""
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        with (self.path / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder

    def new(self, name: str) -> Path:
        """Return a new folder in this one."""
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.path))
        folder.chmod(0o755)
        return folder

    def clean(self) -> None:
        """Kill every server that was started here, and delete the folder."""
        kill_recorded(self.path)
        if (self.path / CONTAINERS).exists():
            from support.server_containers import remove_recorded  # noqa: PLC0415 - slow, and rare

            remove_recorded(self.path / CONTAINERS)
        shutil.rmtree(self.path, ignore_errors=True)


def _watch(folder: Path, pid: int, born: float) -> None:
    """Return when the folder or the process that made it is gone; then nothing is left of it."""
    while folder.exists():
        try:
            if abs(psutil.Process(pid).create_time() - born) > 1:
                raise psutil.NoSuchProcess(pid)
        except psutil.NoSuchProcess:
            RunFolder(folder).clean()
            return
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
