"""Files in a folder, by time: for object storage that is mounted, or whoever collects them."""

import gzip
import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from audit_runtime import output_file

from audit_forward.errors import NotDeliveredError
from audit_forward.item import Item, Limits
from audit_forward.receiver_tables import FilesTable
from audit_forward.receivers.receiver import Answer

__all__ = ["FilesReceiver"]

_BYTES = 32 * 1024 * 1024


class FilesReceiver:
    """See `audit_forward.receivers.Receiver`.

    `YYYY/MM/DD/STREAM-HHMMSS-DIGEST.ndjson`, by the time of writing. A file appears whole, on the disk,
    and is never changed; its digest follows from the ids in it.
    """

    def __init__(self, table: FilesTable, stream: str) -> None:
        self.limits = Limits(table.events, _BYTES, table.seconds)
        self._folder = table.folder
        self._stream = stream
        self._compress = table.compress

    def send(self, items: Sequence[Item]) -> Answer:
        """Write a file."""
        now = datetime.now(UTC)
        digest = hashlib.sha256("\n".join(item.id for item in items).encode()).hexdigest()[:16]
        suffix = ".ndjson.gz" if self._compress else ".ndjson"
        folder = self._folder / f"{now:%Y/%m/%d}"
        path = folder / f"{self._stream}-{now:%H%M%S}-{digest}{suffix}"
        text = b"".join([item.body + b"\n" for item in items])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with output_file(path, private=False) as out:
                out.write(gzip.compress(text, 6, mtime=0) if self._compress else text)
            _make_durable(folder)
        except OSError as error:
            raise NotDeliveredError(f"{error.filename or path}: {error.strerror}") from error
        return Answer(f"written to {path}")

    def close(self) -> None:
        """Do nothing: no file is open."""


def _make_durable(folder: os.PathLike[str]) -> None:
    """Have the new name on the disk too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
