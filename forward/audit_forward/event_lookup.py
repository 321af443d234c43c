"""Which records of Kafka became events that a stream wants, as the log has them.

A document says which record it came from. So the log's own answer is the consumer's verdict: a record
that was refused, is a duplicate or claims another event's id has no document of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import elasticsearch
from audit_query import Filter, FindList, from_partition, list_finder
from audit_runtime.elastic import connect
from audit_runtime.hits import ANSWER_BYTES, Hit, HitPage, HitSerializer, PageSize

from audit_forward.errors import ForwardError
from audit_forward.settings import ForwardSettings
from audit_forward.stream_file import StreamFile

__all__ = ["EventLookup", "wanted_query"]

_PAGE = 1001
"""More than the ids of one batch: a full page would cost another search, which finds nothing."""
_ORDER = [{"audit.kafka.partition": "asc"}, {"audit.kafka.offset": "asc"}]


class EventLookup:
    """Events of one stream, by their ids or by their places. Errors of the client pass through.

    Threads may share one.
    """

    def __init__(self, settings: ForwardSettings, stream: StreamFile) -> None:
        self._index = settings.index_prefix
        self._topic = settings.topic
        self._stream = stream
        self._find_list = list_finder(settings, lambda: datetime.now(UTC))
        self._size = PageSize(_PAGE, first=_PAGE)
        self._client = connect(
            settings,
            seconds=settings.query_seconds,
            serializers=[HitSerializer()],
            answer_bytes=ANSWER_BYTES,
        )

    def by_id(self, partition: int, ids: Mapping[int, str]) -> Iterator[Hit]:
        """Yield the events that came from a partition's offsets, in their order.

        `ids` has for each offset the id that its record gives.
        """
        where = from_partition(self._topic, partition)
        for hit in self._pages({"ids": {"values": list(set(ids.values()))}}, where):
            if ids.get(hit.sort[1]) == hit.id:
                yield hit

    def by_offset(self, partition: int, first: int, end: int) -> Iterator[Hit]:
        """Yield the events that came from a range of offsets which Kafka may have lost, in order.

        Slow where the log is large: offsets have no index.
        """
        return self._pages(from_partition(self._topic, partition, (first, end)))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _pages(self, *queries: Mapping[str, Any]) -> Iterator[Hit]:
        where = [*queries, wanted_query(self._stream, self._find_list)]
        after: list[Any] | None = None
        while True:
            page, asked = self._size.fetch(partial(self._search, where, after))
            self._size.learn(len(page.hits), page.length)
            yield from page.hits
            if len(page.hits) < asked:
                return
            after = page.hits[-1].sort

    def _search(
        self, where: Sequence[Mapping[str, Any]], after: list[Any] | None, size: int
    ) -> HitPage:
        try:
            page = self._client.search(
                index=self._index,
                query={"bool": {"filter": list(where)}},
                sort=_ORDER,
                search_after=after,
                size=size,
                track_total_hits=False,
                allow_partial_search_results=False,
            ).body
        except elasticsearch.NotFoundError:
            # To pass over what the consumers have judged would be to lose it, if they index elsewhere.
            raise ForwardError(
                f"Elasticsearch has no events under {self._index}: none is indexed yet, or "
                "AUDITLOG_INDEX_PREFIX is not that of the consumers"
            ) from None
        if not isinstance(page, HitPage) or not page.is_whole:
            raise ForwardError("Elasticsearch could not search everything")
        return page


def wanted_query(stream: StreamFile, find_list: FindList, **span: datetime | None) -> Mapping[str, Any]:
    """Return the query of all that a stream wants; `start` and `end` narrow it."""
    wanted = stream.query.filter(datetime.now(UTC))
    query = wanted.to_query(find_list)
    parts = [query]
    if any(span.values()):
        parts.append(Filter(**span).to_query())  # type: ignore[arg-type]
    if stream.organization is not None:
        parts.append({"term": {"organization.id": stream.organization}})
    return {"bool": {"filter": parts}}
