"""Watches how much memory this process has, and acts before the system ends it.

librdkafka unpacks what it fetches at once, in threads of its own: a record of a few kilobytes may
take gigabytes, and nothing can stop it but the end of the process.
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

__all__ = ["MemoryWatch", "restart_carefully", "threshold"]

_log = structlog.get_logger()

_LOOK_SECONDS = 0.01
_STATUS = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BASE_BYTES = 256 * 1024 * 1024
_TIMES = 4
"""Records, their documents, a request's body, and what the allocator does not give back."""
_SHARE = 0.7
_CGROUPS = Path("/sys/fs/cgroup")
_CAREFUL_VARIABLE = "AUDITLOG_CAREFUL_READING"


class MemoryWatch:
    """A thread that looks a hundred times a second, and calls `alarm` once, from that thread."""

    def __init__(self, most: int, alarm: Callable[[], None]) -> None:
        self._most = most
        self._alarm = alarm

    def start(self) -> None:
        """Begin to look, where the system tells: on Linux."""
        if _STATUS.exists():
            threading.Thread(target=self._look, name="memory", daemon=True).start()

    def _look(self) -> None:
        pause = threading.Event()
        with _STATUS.open("rb", buffering=0) as status:
            while not pause.wait(_LOOK_SECONDS):
                status.seek(0)
                resident = int(status.read(100).split()[1]) * _PAGE
                if resident > self._most:
                    _log.error("out of memory", resident_bytes=resident, most=self._most)
                    self._alarm()
                    return


def threshold(memory_bytes: int, other_bytes: int = 0) -> int:
    """Return the bytes of an alarm: more than a consumer needs, less than it may have.

    `other_bytes` is what it holds besides records.
    """
    most = _BASE_BYTES + _TIMES * memory_bytes + other_bytes
    limit = _container_limit()
    return most if limit is None else min(most, int(_SHARE * limit))


def restart_carefully() -> None:
    """Become a new process with the same command, that reads in bounded memory."""
    _log.error("a fetch was too large: starting again, to read in bounded memory")
    os.environ[_CAREFUL_VARIABLE] = "true"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command


def _container_limit() -> int | None:
    """Return the limit of this process's control group, of version 2 or 1; None without one."""
    try:
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return None
    limits = []
    for _, controllers, path in groups:
        if controllers in ("", "memory"):
            name = "memory.limit_in_bytes" if controllers else "memory.max"
            base = _CGROUPS / controllers
            # Inside a container the group itself may be mounted there, and its path is another's.
            limits += [_number(base / path.lstrip("/") / name), _number(base / name)]
    return min((limit for limit in limits if limit is not None), default=None)


def _number(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max" means none
