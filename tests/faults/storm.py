"""Other load on an Elasticsearch: bulks of no use, from many sides at once."""

import contextlib
import http.client
import threading
import time
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import elasticsearch
from support.server_processes import Search

__all__ = ["Storm", "rejections"]

_INDEX = "junk"
_PAUSE_SECONDS = 0.01


class Storm:
    """Threads that send bulks into an index of their own for as long as the context lasts."""

    def __init__(self, search: Search, *, threads: int, bulk_bytes: int) -> None:
        self._rejected = self._under_way = 0
        self.search = search
        line = b'{"create":{}}\n{"x":"%b"}\n' % (b"x" * 480)
        self._body = line * (bulk_bytes // len(line))
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._workers = [threading.Thread(target=self._blow, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        with elasticsearch.Elasticsearch(self.search.url) as client:
            client.indices.create(
                index=_INDEX,
                mappings={"dynamic": False},
                settings={"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"},
            )
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.end()
        with elasticsearch.Elasticsearch(self.search.url) as client:
            client.indices.delete(index=_INDEX)
        assert self._failure is None, self._failure

    @property
    def rejected_at_most(self) -> int:
        """How many requests were answered 429 as a whole, and those whose answer was not read yet."""
        with self._lock:
            return self._rejected + self._under_way

    def end(self) -> None:
        """Return when it is calm."""
        self._stop.set()
        for worker in self._workers:
            worker.join()

    def _blow(self) -> None:
        try:
            with contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", self.search.port, timeout=60)
            ) as connection:
                while not self._stop.is_set():
                    self._send(connection)
        except (OSError, http.client.HTTPException) as error:
            self._failure = error

    def _send(self, connection: http.client.HTTPConnection) -> None:
        path, kind = f"/{_INDEX}/_bulk?filter_path=errors", {"content-type": "application/x-ndjson"}
        with self._lock:
            self._under_way += 1
        connection.request("POST", path, self._body, kind)
        answer = connection.getresponse()
        answer.read()
        is_rejected = answer.status == HTTPStatus.TOO_MANY_REQUESTS
        with self._lock:
            self._under_way -= 1
            self._rejected += is_rejected
        if is_rejected:
            time.sleep(_PAUSE_SECONDS)  # else all that is left of the machine goes into refusals


def rejections(search: Search) -> dict[str, int]:
    """Return how much was answered 429 since the start, from Elasticsearch's own counters.

    `items`: runs of items for one shard; `queue` and `memory`: whole requests.
    """
    with elasticsearch.Elasticsearch(search.url) as client:
        found = client.nodes.stats(metric=["thread_pool", "indexing_pressure"])
    (node,) = found["nodes"].values()
    memory: dict[str, Any] = node["indexing_pressure"]["memory"]["total"]
    return {
        "items": node["thread_pool"]["write"]["rejected"],
        "queue": node["thread_pool"]["write_coordination"]["rejected"],
        "memory": memory["coordinating_rejections"],
    }
