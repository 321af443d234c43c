"""All events of a query at one point in time, however many, at constant memory."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import elasticsearch
import msgspec
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from elasticsearch.serializer import JsonSerializer

from audit_query.errors import ExportError
from audit_query.refusals import refusal_of

__all__ = ["Scan", "ScanHit"]

_KEEP_ALIVE = "5m"


class ScanHit(msgspec.Struct, gc=False):
    """An event: where it stands in the scan's order, and the text of its JSON as it is stored.

    Or the values of `fields`, where the body asks for these.
    """

    sort: list[Any]
    source: msgspec.Raw = msgspec.field(name="_source", default=msgspec.Raw(b""))
    fields: dict[str, list[Any]] = {}


class _Hits(msgspec.Struct, gc=False):
    hits: list[ScanHit]


class _Shards(msgspec.Struct, gc=False):
    failed: int


class _Page(msgspec.Struct, gc=False):
    hits: _Hits
    timed_out: bool
    shards: _Shards = msgspec.field(name="_shards")
    pit_id: str


_PAGE = msgspec.json.Decoder(_Page)


class _PageSerializer(JsonSerializer):
    """Reads a page without making objects of its events: twenty times less work, and no garbage."""

    def loads(self, data: bytes) -> Any:
        try:
            return _PAGE.decode(data)
        except msgspec.ValidationError:  # any other answer, or an error's
            return super().loads(data)


class Scan:
    """Pages of hits in the order of the body's sort, as the log was when it began.

    A context manager: leaving it gives the point in time back, whatever happened. While one page is
    worked on, the next is fetched; two pages are all that is in memory. A page that could not be
    searched whole raises ExportError: what ends without an error was complete. Errors of the
    Elasticsearch client pass through.
    """

    def __init__(
        self, settings: ElasticsearchSettings, seconds: float, body: Mapping[str, Any]
    ) -> None:
        self._index = settings.index_prefix
        self._body = dict(body)
        self._pool = ThreadPoolExecutor(1, "scan")
        self._pit: str | None = None
        self._client = connect(settings, seconds=seconds, serializer=_PageSerializer())

    def __enter__(self) -> Self:
        try:
            with suppress(elasticsearch.NotFoundError):  # no event yet, so no index behind the alias
                opened = self._client.open_point_in_time(index=self._index, keep_alive=_KEEP_ALIVE)
                self._pit = opened["id"]
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

    def __iter__(self) -> Iterator[Sequence[ScanHit]]:
        """Yield pages of hits; none is empty. Raises ExportError."""
        size = self._body["size"]
        coming = self._pool.submit(self._page, None) if self._pit is not None else None
        while coming is not None:
            hits = coming.result()
            more = len(hits) == size
            coming = self._pool.submit(self._page, hits[-1].sort) if more else None
            if hits:
                yield hits

    def _page(self, after: list[Any] | None) -> Sequence[ScanHit]:
        try:
            page = self._client.search(
                pit={"id": self._pit, "keep_alive": _KEEP_ALIVE},
                track_total_hits=False,
                search_after=after,
                **self._body,
            ).body
        except elasticsearch.ApiError as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error
        if not isinstance(page, _Page) or page.timed_out or page.shards.failed:
            raise ExportError("Elasticsearch could not search all of the log; try again")
        self._pit = page.pit_id
        return page.hits.hits
