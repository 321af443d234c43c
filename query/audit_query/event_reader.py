"""Events read page by page: each page of some megabytes, however large events are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import elasticsearch
import msgspec
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from audit_runtime.hits import ANSWER_BYTES, NO_HITS, Hit, HitPage, HitSerializer, PageSize

from audit_query.cursor import Cursor
from audit_query.refusals import refusals_named

__all__ = ["PAGE_MAX", "EventReader", "Page", "Query", "decoded", "sorted_by", "up_to"]

PAGE_MAX = 10_000
"""Events of one page; Elasticsearch's own limit."""

_PAGE_BYTES = 8 * 1024**2
"""What a page of events has at most, or little more; large events make it shorter."""

Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Page(Generic[Event]):
    """Some events, as they are stored, and where to go on; no cursor means that is all.

    It may have fewer events than were asked for, and a cursor, where events are large.
    """

    events: Sequence[Event]
    cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class Query:
    """Which events, in what order, from where on; and which fields of them, if not all.

    `values` are fields that are read from the index, in place of any of the event's text.
    """

    query: Mapping[str, Any]
    sort: Sequence[Mapping[str, str]]
    after: Sequence[int] | None = None
    fields: Sequence[str] | None = None
    values: Sequence[str] | None = None

    def body(self, after: Sequence[Any] | None) -> dict[str, Any]:
        """Return the search request for what follows `after`."""
        return {
            "query": self.query,
            "sort": list(self.sort),
            "search_after": list(after) if after else None,
            "source": None if self.values is None else False,
            "source_includes": None if self.fields is None else list(self.fields),
            "docvalue_fields": self.values,
            "track_total_hits": False,
            "allow_partial_search_results": False,
        }


class EventReader:
    """Reads hits from a connection of its own. Errors of the Elasticsearch client pass through."""

    def __init__(self, settings: ElasticsearchSettings, seconds: float) -> None:
        self._index = settings.index_prefix
        self._client = connect(
            settings, seconds=seconds, serializers=[HitSerializer()], answer_bytes=ANSWER_BYTES
        )

    def pages(
        self, query: Query, *, limit: int | None = None, first: int = 100, most: int = PAGE_MAX
    ) -> Iterator[HitPage]:
        """Yield pages until `limit` or the end, none empty.

        The first asks for `first` events, no page for more than `most`.
        """
        size = PageSize(min(limit or most, most), first=first)
        left, after = limit, query.after
        while left is None or left > 0:
            with refusals_named():
                page, asked = size.fetch(partial(self._search, query.body(after)), left)
            size.learn(len(page.hits), page.length)
            page.is_last = len(page.hits) < asked
            if page.hits:
                yield page
            if page.is_last:
                return
            after = page.hits[-1].sort
            left = None if left is None else left - len(page.hits)

    def page(self, query: Query, size: int) -> Page[Hit]:
        """Return one page of 1 to 10,000 events; it ends early after about 8 MB."""
        size = max(1, min(size, PAGE_MAX))
        hits, is_cut = up_to(_PAGE_BYTES, self.pages(query, limit=size))
        return Page(hits, tuple(hits[-1].sort) if is_cut or len(hits) == size else None)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _search(self, body: Mapping[str, Any], size: int) -> HitPage:
        try:
            page = self._client.search(index=self._index, size=size, **body).body
        except elasticsearch.NotFoundError:  # no event yet, so no index behind the alias
            return NO_HITS
        assert isinstance(page, HitPage)  # noqa: S101 - what it asks for is read as one
        return page


def sorted_by(order: Sequence[str], *, newest_first: bool) -> list[dict[str, str]]:
    """Return the order as a search request has it."""
    return [{field: "desc" if newest_first else "asc"} for field in order]


def up_to(most: int, pages: Iterator[HitPage]) -> tuple[list[Hit], bool]:
    """Return the hits of the first pages, up to about so many bytes, and whether there may be more."""
    hits: list[Hit] = []
    for page in pages:
        hits += page.hits
        most -= page.length
        if most <= 0:
            return hits, not page.is_last
    return hits, False


def decoded(hit: Hit) -> dict[str, Any]:
    """Return an event as objects."""
    event: dict[str, Any] = msgspec.json.decode(hit.source)
    return event
