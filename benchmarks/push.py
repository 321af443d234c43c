"""Push ready-made bulk bodies over plain keep-alive HTTP. A process of its own.

It reads nothing of an answer but whether there were errors, so what it reaches is the ceiling: what
this Elasticsearch can take on this machine from anybody.
"""

import http.client
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bodies import Bodies, Body
from benchmarks.children import job_of

__all__ = ["Push"]

_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Push:
    """What to push where, and how."""

    address: str
    """host:port"""
    path: str
    """With the index and what is asked of the answer: `/name/_bulk?filter_path=errors`."""
    folder: str
    connections: int
    documents: int
    """In a body."""
    limit: int
    """How many documents in all."""


class _Work:
    """The bodies, given out one at a time to whoever asks; and the first failure."""

    def __init__(self, push: Push) -> None:
        bodies = Bodies(Path(push.folder))
        self._bodies: Iterator[Body] = iter(bodies.of(push.documents, push.limit))
        self._lock = threading.Lock()
        self.file = bodies.file
        self.failure: str | None = None

    def next(self) -> Body | None:
        with self._lock:
            return None if self.failure else next(self._bodies, None)


def _connection(push: Push, work: _Work) -> None:
    connection = http.client.HTTPConnection(push.address, timeout=_SECONDS)
    headers = {"Content-Type": "application/x-ndjson"}
    try:
        with work.file.open("rb") as file:
            while (body := work.next()) is not None:
                file.seek(body.start)
                connection.request("POST", push.path, file.read(body.size), headers)
                response = connection.getresponse()
                answer = response.read()
                if response.status != http.HTTPStatus.OK or b'"errors":true' in answer:
                    work.failure = f"{response.status} {answer[:300]!r}"
    except (OSError, http.client.HTTPException) as error:
        work.failure = repr(error)
    finally:
        connection.close()


def main(push: Push) -> None:
    """Push it all, and wait to be ended, as a consumer does."""
    work = _Work(push)
    threads = [threading.Thread(target=_connection, args=(push, work)) for _ in range(push.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if work.failure:
        sys.exit(work.failure)
    signal.pause()


if __name__ == "__main__":
    main(Push(**job_of(sys.argv)))
