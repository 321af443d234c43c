"""Files in a folder, by time: for object storage that is mounted, or whoever collects them."""

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from audit_runtime import output_file

from audit_forward.errors import NotDeliveredError
from audit_forward.item import Item, Limits
from audit_forward.receiver_tables import FilesTable
from audit_forward.receivers.file_formats import FileFormat, Ndjson, Parquet
from audit_forward.receivers.receiver import Answer

__all__ = ["FilesReceiver"]

_BYTES = 32 * 1024 * 1024


class FilesReceiver:
    """See `audit_forward.receivers.Receiver`.

    `YYYY/MM/DD/STREAM-HHMMSS-DIGEST.ndjson` (or `.parquet`), by the time of writing. A file appears
    whole, on the disk, and is never changed; its digest follows from the ids in it.
    """

    def __init__(self, table: FilesTable, stream: str) -> None:
        """Write nothing yet. Raises ForwardError where Parquet's library is not installed."""
        self.limits = Limits(table.events, _BYTES, table.seconds)
        self._folder = table.folder
        self._stream = stream
        self._format: FileFormat = (
            Parquet() if table.format == "parquet" else Ndjson(compress=table.compress)
        )

    def send(self, items: Sequence[Item]) -> Answer:
        """Write a file."""
        now = datetime.now(UTC)
        digest = hashlib.sha256("\n".join(item.id for item in items).encode()).hexdigest()[:16]
        folder = self._folder / f"{now:%Y/%m/%d}"
        path = folder / f"{self._stream}-{now:%H%M%S}-{digest}{self._format.suffix}"
        contents = self._format.contents(items)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with output_file(path, private=False) as out:
                out.write(contents)
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
