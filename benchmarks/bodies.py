"""Ready-made bulk bodies on disk: NDJSON, and where each hundred documents begin."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["STEP", "Bodies", "Body", "Writer"]

STEP = 100
"""Documents from one noted offset to the next: bodies have a multiple of that many."""


@dataclass(frozen=True, slots=True)
class Body:
    """A run of bytes in the file."""

    start: int
    size: int
    documents: int


class Bodies:
    """A folder with `documents.ndjson` and, once it is complete, `documents.json`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "documents.ndjson"
        self._notes = folder / "documents.json"

    def note(self, starts: list[int], documents: int, size: int) -> None:
        """Note where every `STEP` documents start; that completes the folder."""
        self._notes.write_text(json.dumps({"starts": starts, "documents": documents, "size": size}))

    def pairs(self, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield action line and document, without line ends."""
        with self.file.open("rb") as file:
            for _ in range(min(limit, self.documents())):
                yield file.readline()[:-1], file.readline()[:-1]

    def documents(self) -> int:
        """Return how many documents there are."""
        return int(json.loads(self._notes.read_text())["documents"])

    def mean_bytes(self) -> float:
        """Return the mean size of a document with its action line."""
        notes = json.loads(self._notes.read_text())
        return float(notes["size"] / max(1, notes["documents"]))

    def of(self, documents: int, limit: int) -> Iterator[Body]:
        """Yield bodies of so many documents, up to a limit of documents in all.

        Both are multiples of STEP; a limit that is none is rounded down, unless there are no more.
        """
        notes = json.loads(self._notes.read_text())
        starts, there = notes["starts"], notes["documents"]
        limit = there if limit >= there else limit - limit % STEP
        for first in range(0, limit, documents):
            last = min(first + documents, limit)
            end = notes["size"] if last == notes["documents"] else starts[last // STEP]
            yield Body(starts[first // STEP], end - starts[first // STEP], last - first)


class Writer:
    """Writes action lines and documents into a folder, and notes where they start."""

    def __init__(self, folder: Path) -> None:
        self._bodies = Bodies(folder)
        self._file = self._bodies.file.open("wb")
        self._starts: list[int] = []
        self._documents = self._size = 0

    def write(self, action: bytes, document: bytes) -> None:
        """Add one; `note` makes it visible."""
        if self._documents % STEP == 0:
            self._starts.append(self._size)
        self._size += self._file.write(b"%b\n%b\n" % (action, document))
        self._documents += 1

    def note(self) -> None:
        """Complete the folder with what was written so far."""
        self._file.flush()
        self._bodies.note(self._starts, self._documents, self._size)

    def close(self) -> None:
        """Complete the folder."""
        self.note()
        self._file.close()
