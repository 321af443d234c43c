"""All events of a question at one point in time, however many, at constant memory."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import elasticsearch

from audit_query.errors import ExportError

__all__ = ["Scan"]

_KEEP_ALIVE = "5m"


class Scan:
    """Pages of hits in the order of the body's sort, as the log was when it began.

    A context manager: leaving it gives the point in time back, whatever happened. While one page is
    worked on, the next is fetched; two pages are all that is in memory. A page that could not be
    searched whole raises ExportError: what ends without an error was complete.
    """

    def __init__(
        self, client: elasticsearch.Elasticsearch, index: str, body: Mapping[str, Any]
    ) -> None:
        self._client = client
        self._index = index
        self._body = dict(body)
        self._pool = ThreadPoolExecutor(1, "scan")
        self._pit: str | None = None

    def __enter__(self) -> Self:
        opened = self._client.open_point_in_time(
            index=self._index,
            keep_alive=_KEEP_ALIVE,
            ignore_unavailable=True,
            allow_partial_search_results=False,
        )
        self._pit = opened["id"]
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        with suppress(elasticsearch.ApiError, elasticsearch.TransportError):  # it expires by itself
            self._client.close_point_in_time(id=self._pit)

    def __iter__(self) -> Iterator[Sequence[dict[str, Any]]]:
        """Yield pages of hits; none is empty. Raises ExportError."""
        coming = self._pool.submit(self._page, None)
        while True:
            found = coming.result()
            hits: list[dict[str, Any]] = found["hits"]["hits"]
            self._pit = found.get("pit_id", self._pit)
            if len(hits) == self._body["size"]:
                coming = self._pool.submit(self._page, hits[-1]["sort"])
            if hits:
                yield hits
            if len(hits) < self._body["size"]:
                return

    def _page(self, after: list[Any] | None) -> Mapping[str, Any]:
        found = self._client.search(
            pit={"id": self._pit, "keep_alive": _KEEP_ALIVE},
            track_total_hits=False,
            search_after=after,
            **self._body,
        )
        if found["timed_out"] or found["_shards"]["failed"]:
            raise ExportError("Elasticsearch could not search all of the log; try again")
        return dict(found.body)
