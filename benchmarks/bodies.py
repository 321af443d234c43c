"""Ready-made bulk bodies on disk: NDJSON, and where each hundred documents begin; and their pusher."""

import http.client
import json
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from threading import Lock

STEP = 100
"""Documents from one noted offset to the next: bodies have a multiple of that many."""

_SECONDS = 120


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
        notes = json.loads((folder / "documents.json").read_text())
        self._starts: list[int] = notes["starts"]
        self._size: int = notes["size"]
        self.documents: int = notes["documents"]

    @property
    def mean_bytes(self) -> float:
        """The mean size of a document with its action line."""
        return self._size / max(1, self.documents)

    def pairs(self, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield action line and document, without line ends."""
        with self.file.open("rb") as file:
            for _ in range(min(limit, self.documents)):
                yield file.readline()[:-1], file.readline()[:-1]

    def of(self, documents: int, limit: int) -> Iterator[Body]:
        """Yield bodies of so many documents, up to a limit of documents in all.

        Both are multiples of STEP; a limit that is none is rounded down, unless there are no more.
        """
        limit = self.documents if limit >= self.documents else limit - limit % STEP
        for first in range(0, limit, documents):
            last = min(first + documents, limit)
            end = self._size if last == self.documents else self._starts[last // STEP]
            start = self._starts[first // STEP]
            yield Body(start, end - start, last - first)


class Writer:
    """Writes action lines and documents into a folder, and notes where they start."""

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "documents.json"
        self._file = (folder / "documents.ndjson").open("wb")
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
        notes = {"starts": self._starts, "documents": self._documents, "size": self._size}
        self._notes.write_text(json.dumps(notes))

    def close(self) -> None:
        """Complete the folder."""
        self.note()
        self._file.close()


def push(address: str, path: str, folder: str, connections: int, documents: int, limit: int) -> None:
    """Push bodies over plain keep-alive HTTP, then wait to be ended. A process of its own.

    It reads nothing of an answer but whether there were errors, so what it reaches is the ceiling:
    what this Elasticsearch can take on this machine from anybody. Exits with the first failure.
    """
    bodies = Bodies(Path(folder))
    todo, lock = bodies.of(documents, limit), Lock()

    def take() -> Body | None:
        with lock:
            return next(todo, None)

    def work(_: int) -> None:
        connection = http.client.HTTPConnection(address, timeout=_SECONDS)
        headers = {"Content-Type": "application/x-ndjson"}
        with bodies.file.open("rb") as file:
            while (body := take()) is not None:
                file.seek(body.start)
                connection.request("POST", path, file.read(body.size), headers)
                response = connection.getresponse()
                answer = response.read()
                if response.status != HTTPStatus.OK or b'"errors":true' in answer:
                    sys.exit(f"{response.status} {answer[:300]!r}")
        connection.close()

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, range(connections)))
    signal.pause()
