"""A file in MaxMind's format: opened, and opened again when it changes.

Whatever is wrong with it is a sentence, never an exception.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import maxminddb
from audit_runtime import FileState

__all__ = ["GeoFile", "Reader"]

Reader = maxminddb.Reader

_OLD = timedelta(days=90)
"""Addresses change hands: what is free is published monthly or more often."""
_BYTES_MAX = 512 * 1024 * 1024


@dataclass(frozen=True)
class GeoFile:
    """A database as it was last read. `reader` is None if it never could be."""

    path: Path
    reader: Reader | None = None
    built: datetime | None = None
    """When its publisher made the data."""
    problem: str = ""
    """Why it can't be read as it is now; then the reader is that of before."""
    state: FileState | None = None

    def renewed(self) -> "GeoFile":
        """Return the file as it is now: itself, if nothing changed. Reads it whole if it did."""
        try:
            state = FileState.of(self.path)
            if state == self.state:
                return self
            if state.size > _BYTES_MAX:
                return self._unusable(f"is larger than {_BYTES_MAX // 1024**2} MiB", state)
            reader = _open(self.path)
            built = datetime.fromtimestamp(reader.metadata().build_epoch, UTC)
        except OSError as error:
            return self._unusable(f"can't be read: {error.strerror or error}", None)
        except (maxminddb.InvalidDatabaseError, ValueError, OverflowError, TypeError):
            return self._unusable("is not a database in MaxMind's format, or is damaged", state)
        return GeoFile(self.path, reader, built, "", state)

    def is_old(self, at: datetime) -> bool:
        """Tell whether the data are too old to be believed."""
        return self.built is not None and at - self.built > _OLD

    def warning(self, at: datetime) -> str:
        """Return what an operator should know, with the file's name; empty if nothing."""
        if self.problem:
            kept = "; the one before is used" if self.reader is not None else ""
            return f"{self.path} {self.problem}{kept}"
        if self.is_old(at):
            return f"{self.path} was made on {self.built:%Y-%m-%d}"
        return ""

    def _unusable(self, problem: str, state: FileState | None) -> "GeoFile":
        found = GeoFile(self.path, self.reader, self.built, problem, state)
        return self if found == self else found


def _open(path: Path) -> Reader:
    """Open a copy of the file in memory: a mapped file that somebody cuts would end the process."""
    create: Callable[[str], int] | None = getattr(os, "memfd_create", None)
    if create is None:
        return maxminddb.open_database(path, maxminddb.MODE_MEMORY)
    with path.open("rb") as source, os.fdopen(create(path.name), "wb") as copy:
        shutil.copyfileobj(source, copy, 1024 * 1024)
        copy.flush()
        return maxminddb.open_database(f"/proc/self/fd/{copy.fileno()}")
