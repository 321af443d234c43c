"""A program: a sealer that is killed at every write in turn, without servers.

Forks a child for each try, which kills itself at its n-th write, and goes on where that one ended.
"""

import os
import signal
import sys
from pathlib import Path

from audit_runtime.partition_reader import Fetched
from audit_runtime.record_batches import RecordBatch
from audit_runtime.record_values import StoredValue
from audit_seal.events_topic import EventsTopic
from audit_seal.keys import create_keys
from audit_seal.log_folder import LogReader
from audit_seal.note import Note, VerifierKey
from audit_seal.sealer import Sealer
from audit_seal.seals_topic import SealsTopic, check_published
from audit_seal.settings import SealSettings
from audit_seal.statement import TopicStatement

__all__ = ["TOPIC", "Batch", "Seals", "value_at"]

TOPIC = TopicStatement("events", "id", 2, "delete")
_STEP = 700
"""Records a round: some blocks, so that a bundle is full now and then."""


def value_at(partition: int, offset: int) -> bytes:
    """Return the record at an offset."""
    return f"{partition}:{offset}".encode()


class _Events(EventsTopic):
    """Has as many records as the file says."""

    def __init__(self, end: int) -> None:
        self._end = end

    def describe(self) -> TopicStatement:
        return TOPIC

    def bounds(self, _: int) -> tuple[int, int]:
        return 0, self._end

    def fetch(self, partition: int, offset: int) -> Fetched:
        count = self._end - offset
        batch = Batch(offset, self._end, count, 0, 0, 0, -1, memoryview(value_at(partition, 0)))
        return Fetched(iter(()), max(offset, self._end), self._end, [batch])


class Batch(RecordBatch):
    """Has a record at each of its offsets, received at so many milliseconds."""

    def values(self) -> list[StoredValue]:
        """Return the records."""
        partition = int(bytes(self.packed).partition(b":")[0])
        return [(each, each, value_at(partition, each)) for each in range(self.first, self.end)]


class Seals(SealsTopic):
    """A file that is only ever appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def compare(self, log: LogReader, key: VerifierKey, size: int) -> int:
        """Compare the newest checkpoint."""
        notes = self._path.read_text().split("\f")[:-1]
        return check_published(Note.parse(notes[-1]), log, key, size) if notes else 0

    def publish(self, note: Note) -> None:
        """Append a checkpoint."""
        with self._path.open("a") as file:
            file.write(f"{note}\f")


def _kill_at(write: int) -> None:
    """Kill this process before its n-th write: of a file, a name or a folder."""
    left = write

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        is_write = event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir") or (
            event == "open"
            and isinstance(arguments[2], int)
            and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if is_write:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _child(folder: Path, number: int) -> None:
    os.fsync = lambda _: None  # type: ignore[assignment]  # what a process wrote outlives its kill
    _kill_at(1 + number % 40)
    settings = SealSettings(seal_folder=folder / "seal", seal_period_hours=1e-9)
    seals = Seals(folder / "published")
    sealer = Sealer(settings, _Events(number * _STEP // 8), seals)
    while True:
        sealer.catch_up()
        sealer.seal()


def main(folder: Path, kills: int) -> None:
    """Make a log in the folder, and kill its sealer so many times."""
    create_keys(folder / "seal", "example.org/log")
    (folder / "published").touch()
    for number in range(kills):
        child = os.fork()
        if not child:
            try:
                _child(folder, number)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"try {number}: exit status {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
