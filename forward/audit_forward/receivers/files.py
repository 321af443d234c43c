"""Files in a folder, by time: for whoever collects them."""

from collections.abc import Sequence
from pathlib import Path

from audit_runtime import output_file, sync

from audit_forward.errors import NotDeliveredError
from audit_forward.item import Item
from audit_forward.receiver_tables import FilesTable
from audit_forward.receivers.file_formats import FileMaker
from audit_forward.receivers.receiver import Answer

__all__ = ["FilesReceiver"]


class FilesReceiver:
    """See `audit_forward.receivers.Receiver`. A file appears whole, on the disk; it never changes."""

    def __init__(self, table: FilesTable, stream: str) -> None:
        """Write nothing yet. Raises ForwardError where the format's library is not installed."""
        self._maker = FileMaker(table, stream)
        self.limits = self._maker.limits
        self._folder = table.folder
        self._made: Path | None = None

    def send(self, items: Sequence[Item]) -> Answer:
        """Write a file."""
        name, contents = self._maker.make(items)
        path = self._folder / name
        try:
            if path.parent != self._made or not path.parent.exists():
                self._make(path.parent)
            with output_file(path, private=False) as out:
                out.write(contents)
            sync(path.parent)  # the new name is on the disk too
        except OSError as error:
            raise NotDeliveredError(f"{error.filename or path}: {error.strerror}") from error
        return Answer(f"written to {path}")

    def _make(self, folder: Path) -> None:
        """Make a day's folder; its name, and the names of those that it is in, are on the disk then."""
        new = [each for each in (self._folder, *self._folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        within = [each for each in folder.parents if each.is_relative_to(self._folder)]
        for each in (*within, *(made.parent for made in new)):
            sync(each)
        self._made = folder

    def close(self) -> None:
        """Do nothing: no file is open."""
