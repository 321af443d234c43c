"""Server processes on record in the folder of a run, so that whoever ends the run can kill them."""

import contextlib
import json
from pathlib import Path

import psutil

__all__ = [
    "family_of",
    "is_recorded",
    "is_stopped",
    "kill",
    "kill_recorded",
    "read_record",
    "write_record",
]

_NAME = "process.json"


def write_record(home: Path, port: int, pid: int, born: float) -> None:
    """Record the process that serves a folder, and its port."""
    fresh = home / f".{_NAME}"
    fresh.write_text(json.dumps([port, pid, born]))
    fresh.replace(home / _NAME)


def is_recorded(home: Path) -> bool:
    """Tell whether a process was ever recorded for a folder."""
    return (home / _NAME).exists()


def read_record(home: Path) -> tuple[int, int, float]:
    """Return port, process id and time of birth."""
    port, pid, born = json.loads((home / _NAME).read_text())
    return port, pid, born


def family_of(pid: int, born: float) -> list[psutil.Process]:
    """Return a process and all its children; nothing if it is gone and its id was given to another."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if abs(process.create_time() - born) < 1:
            return [process, *process.children(recursive=True)]
    return []


def is_stopped(process: psutil.Process) -> bool:
    """Tell whether each thread of a process stands still, or has ended."""
    with contextlib.suppress(OSError):  # gone since
        for thread in Path(f"/proc/{process.pid}/task").glob("*/stat"):
            state = thread.read_text().rpartition(")")[2].split()[0]
            if state not in "TtZX":
                return False
    return True


def kill(pid: int, born: float) -> None:
    """End a process and its children by kill -9, and return when they are gone."""
    family = family_of(pid, born)
    for process in reversed(family):  # children first: no launcher sees its server end
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=30)


def kill_recorded(folder: Path) -> None:
    """Kill every server that has its home in a folder of this folder, whoever started it."""
    for record in folder.glob(f"*/*/{_NAME}"):
        _, pid, born = read_record(record.parent)
        kill(pid, born)
