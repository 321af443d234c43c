"""Child processes that outlive the command that started them."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from audit_local.errors import ServerFailedError

__all__ = [
    "Running",
    "change_owner",
    "run",
    "start",
    "stop",
    "take_back",
    "wait_until_ready",
    "write_file",
]

_ACCOUNT = "nobody"
_STOP_SECONDS = 30

_started: list["subprocess.Popen[bytes]"] = []
"""Kept, since servers outlive us, and Popen warns when an object of a live process is deleted."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process by its id and start time, so that a reused id is not mistaken for it."""

    pid: int
    born: float

    def is_alive(self) -> bool:
        """Tell whether exactly this process is running."""
        return self.process() is not None

    def process(self) -> psutil.Process | None:
        """Return it; None if it is gone, or its id was given to another."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.born) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def start(
    command: Sequence[str | Path], *, log: Path, folder: Path, environment: Mapping[str, str]
) -> Running:
    """Start a server in a session of its own, with its output appended to `log`.

    If run by root, it uses an unprivileged account: Elasticsearch refuses to run as root, and
    no server needs to. Raises ServerFailedError if the program can't be started.
    """
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.environ.get("PATH", os.defpath), **environment},
                start_new_session=True,
                **_unprivileged(),
            )
        except OSError as error:
            raise ServerFailedError(f"{command[0]} can't be started: {error.strerror}") from error
    _started.append(process)
    return Running(process.pid, psutil.Process(process.pid).create_time())


def run(command: Sequence[str | Path]) -> "subprocess.CompletedProcess[str]":
    """Run a program that ends, with the account that servers have, and return what it printed."""
    return subprocess.run(  # noqa: S603 - the command is ours
        [str(part) for part in command], capture_output=True, text=True, check=False, **_unprivileged()
    )


def stop(*servers: Running) -> None:
    """Stop servers and their children at once: SIGTERM, then SIGKILL for those left after 30 seconds.

    Members of a cluster end together, since the last ones have nobody to hand over to.
    """
    found = [process for each in servers if (process := each.process()) is not None]
    family = [*found, *(child for process in found for child in process.children(recursive=True))]
    _signal(found, signal.SIGTERM)
    _, left = psutil.wait_procs(family, timeout=_STOP_SECONDS)
    _signal(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)
    _started[:] = [child for child in _started if child.poll() is None]


def change_owner(*folders: Path) -> None:
    """Make the servers' account the owner of folders, if it is not the caller's.

    Links are not followed, neither soft nor hard ones: that account could have created one to
    anything. By descriptors, since it could also put a link where a folder was a moment ago.
    """
    if os.geteuid() != 0:
        return
    account = pwd.getpwnam(_ACCOUNT)
    for top in folders:
        for _, _, files, folder in os.fwalk(top, follow_symlinks=False):
            os.fchown(folder, account.pw_uid, account.pw_gid)
            for name in files:
                _change_owner_of_file(name, folder, account)


def _change_owner_of_file(name: str, folder: int, account: pwd.struct_passwd) -> None:
    try:
        number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return  # a link, a socket, or gone: nothing that a server has to own
    try:
        found = os.fstat(number)
        if found.st_uid != os.geteuid() or found.st_nlink == 1:
            os.fchown(number, account.pw_uid, account.pw_gid)
    finally:
        os.close(number)


def take_back(folder: Path) -> None:
    """Own what the servers' account made in a folder, so that no server changes it later."""
    if os.geteuid() != 0:
        return
    for _, folders, files, number in os.fwalk(folder, follow_symlinks=False):
        os.fchown(number, 0, 0)
        for name in (*folders, *files):
            os.chown(name, 0, 0, dir_fd=number, follow_symlinks=False)


def write_file(path: Path, text: str, scratch: Path) -> None:
    """Replace a file atomically, by way of a folder that only we may write to.

    In a folder of the servers' account the path might be a link: it is replaced, not followed.
    """
    fresh = scratch / f".{path.name}"
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.replace(path)


def wait_until_ready(
    name: str, running: Running, log: Path, seconds: float, is_ready: Callable[[], bool]
) -> None:
    """Wait until `is_ready()`. Raises ServerFailedError, with the log's end, if it never is."""
    deadline = time.monotonic() + seconds
    while not is_ready():
        if not running.is_alive():
            raise ServerFailedError(f"{name} exited during startup. {_end_of(log)}")
        if time.monotonic() > deadline:
            raise ServerFailedError(f"{name} was not ready after {seconds:.0f} s. {_end_of(log)}")
        time.sleep(0.2)


def _unprivileged() -> dict[str, Any]:
    """Return what makes a child of root's the servers' account; nothing for other users."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(_ACCOUNT)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _end_of(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()[-8:]
    return f"The end of {log}:\n" + "\n".join(lines)
