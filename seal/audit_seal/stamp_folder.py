"""The time stamps of a log: `log/stamps/SIZE/checkpoint` and, of this very file, `checkpoint.tsr`."""

from pathlib import Path
from shutil import rmtree
from uuid import uuid4

from audit_runtime import sync, write_durably

from audit_seal.errors import FormatError, StampError
from audit_seal.note import MAX_NOTE_BYTES, Note
from audit_seal.time_stamp import MAX_STAMP_BYTES, TimeStamp

__all__ = ["StampFolder"]

_CHECKPOINT, _STAMP = "checkpoint", "checkpoint.tsr"


class StampFolder:
    """Finds and keeps time stamps, by the sizes of their checkpoints."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "log" / "stamps"

    @property
    def sizes(self) -> list[int]:
        """Return the sizes of the checkpoints that are stamped, the smallest first."""
        if not self._folder.is_dir():
            return []
        return sorted(int(each.name) for each in self._folder.iterdir() if each.name.isdecimal())

    def read(self, size: int) -> TimeStamp:
        """Return a stamp. Raises StampError if it is incomplete."""
        folder = self._folder / str(size)
        try:
            note = Note.parse(_head(folder / _CHECKPOINT, MAX_NOTE_BYTES))
            stamp = TimeStamp(note, _head(folder / _STAMP, MAX_STAMP_BYTES))
            found = stamp.checkpoint.size
        except OSError as error:
            raise StampError(f"{error.filename} can't be read: {error.strerror}") from None
        except FormatError as error:
            raise StampError(f"{folder / _CHECKPOINT}: {error}") from None
        if found != size:
            raise StampError(f"{folder / _CHECKPOINT} is a checkpoint of {found} entries")
        return stamp

    def latest(self) -> TimeStamp | None:
        """Return the stamp of the largest checkpoint, if there is one. Raises StampError."""
        sizes = self.sizes
        return self.read(sizes[-1]) if sizes else None

    def add(self, stamp: TimeStamp) -> None:
        """Keep a stamp, both files at once; one of the same size stays as it is. Raises OSError."""
        made = self._folder / f".{uuid4().hex}"
        try:
            write_durably(made / _CHECKPOINT, str(stamp.note).encode())
            write_durably(made / _STAMP, stamp.response)
            target = self._folder / str(stamp.checkpoint.size)
            if not target.exists():
                made.rename(target)
                sync(self._folder)
        finally:
            rmtree(made, ignore_errors=True)


def _head(path: Path, most: int) -> bytes:
    """Return a file, or a byte more than may be read of it."""
    with path.open("rb") as file:
        return file.read(most + 1)
