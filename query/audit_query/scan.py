"""All events of a query at one point in time, however many, at constant memory."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import elasticsearch
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from audit_runtime.hits import ANSWER_BYTES, Hit, HitPage, HitSerializer, PageSize

from audit_query.errors import ExportError
from audit_query.refusals import refusals_named

__all__ = ["Scan"]

_KEEP_ALIVE = "5m"


class Scan:
    """Pages of hits in the order of the body's sort, as the log was when it began.

    A context manager: leaving it gives the point in time back, whatever happened. While one page is
    worked on, the next is fetched; two pages are all that is in memory, each of some megabytes,
    however large events are (`PageSize`). A page that could not be searched whole raises
    ExportError: what ends without an error was complete. Errors of the Elasticsearch client pass
    through. Where a node took the point in time with it, another is opened, and the scan goes on
    from where it was: events are never changed nor taken away, so it misses none.
    """

    def __init__(
        self, settings: ElasticsearchSettings, seconds: float, body: Mapping[str, Any]
    ) -> None:
        self._index = settings.index_prefix
        self._body = {name: value for name, value in body.items() if name != "size"}
        self._size = PageSize(body["size"])
        self._pool = ThreadPoolExecutor(1, "scan")
        self._pit: str | None = None
        self._client = connect(
            settings, seconds=seconds, serializers=[HitSerializer()], answer_bytes=ANSWER_BYTES
        )

    def __enter__(self) -> Self:
        try:
            with suppress(elasticsearch.NotFoundError):  # no event yet, so no index behind the alias
                self._open()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        # Where it can't be given back now, it expires by itself.
        with suppress(elasticsearch.ApiError, elasticsearch.TransportError), self._client as client:
            if self._pit is not None:
                client.close_point_in_time(id=self._pit)

    def __iter__(self) -> Iterator[Sequence[Hit]]:
        """Yield pages of hits; none is empty. Raises ExportError."""
        coming = self._pool.submit(self._page, None) if self._pit is not None else None
        while coming is not None:
            hits, is_last = coming.result()
            coming = None if is_last else self._pool.submit(self._page, hits[-1].sort)
            if hits:
                yield hits

    def _open(self) -> None:
        opened = self._client.open_point_in_time(index=self._index, keep_alive=_KEEP_ALIVE)
        self._pit = opened["id"]

    def _page(self, after: list[Any] | None) -> tuple[Sequence[Hit], bool]:
        """Return the hits after a place, and whether these are the last."""
        with refusals_named():
            try:
                page, size = self._size.fetch(lambda size: self._search(after, size))
            except elasticsearch.NotFoundError:  # the point in time is gone
                self._open()
                page, size = self._size.fetch(lambda size: self._search(after, size))
        self._size.learn(len(page.hits), page.length)
        return page.hits, len(page.hits) < size

    def _search(self, after: list[Any] | None, size: int) -> HitPage:
        page = self._client.search(
            pit={"id": self._pit, "keep_alive": _KEEP_ALIVE},
            track_total_hits=False,
            search_after=after,
            size=size,
            **self._body,
        ).body
        if not isinstance(page, HitPage) or not page.is_whole:
            raise ExportError("Elasticsearch could not search all of the log; try again")
        self._pit = page.pit_id
        return page
