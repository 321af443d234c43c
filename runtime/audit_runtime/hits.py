"""Pages of hits by bytes: what Elasticsearch finds, read a bounded amount at a time."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import elasticsearch
import msgspec
from elasticsearch.serializer import JsonSerializer

from audit_runtime.elastic_node import AnswerTooLargeError

__all__ = ["ANSWER_BYTES", "NO_HITS", "Hit", "HitPage", "HitSerializer", "PageSize", "is_too_much"]

ANSWER_BYTES = 8 * 1024**2
"""What a client that reads hits takes at most in one answer."""

_PAGE_BYTES = ANSWER_BYTES // 2
"""What a page should have: there is room for events that are larger than those before."""
_FIRST = 100
_GROWTH = 10
_SHRINKING = 4
_CIRCUIT_BREAKER = "circuit_breaking_exception"

T = TypeVar("T")


class Hit(msgspec.Struct, gc=False):
    """An event: where it stands in the order, and the text of its JSON as it is stored.

    Or the values of `fields`, where the body asks for these.
    """

    sort: list[Any]
    id: str = msgspec.field(name="_id", default="")
    index: str = msgspec.field(name="_index", default="")
    source: msgspec.Raw = msgspec.field(name="_source", default=msgspec.Raw(b""))
    fields: dict[str, list[Any]] = {}

    @property
    def line(self) -> bytes:
        """Its JSON on one line, as a bulk request needs it, and as the consumer writes it."""
        text = bytes(self.source)
        return msgspec.json.format(text, indent=-1) if b"\n" in text else text


class _Hits(msgspec.Struct, gc=False):
    hits: list[Hit]


class _Shards(msgspec.Struct, gc=False):
    failed: int


class HitPage(msgspec.Struct, gc=False):
    """An answer to a search, without its aggregations."""

    found: _Hits = msgspec.field(name="hits")
    timed_out: bool
    shards: _Shards = msgspec.field(name="_shards")
    pit_id: str | None = None
    length: int = 0
    """How many bytes it has."""
    is_last: bool = False
    """Whether it has fewer hits than were asked for."""

    @property
    def hits(self) -> list[Hit]:
        """The hits, in order."""
        return self.found.hits

    @property
    def is_whole(self) -> bool:
        """Whether all shards were searched."""
        return not self.timed_out and not self.shards.failed


NO_HITS = HitPage(_Hits([]), timed_out=False, shards=_Shards(0), is_last=True)
_PAGE = msgspec.json.Decoder(HitPage)


class HitSerializer(JsonSerializer):
    """Reads a page without making objects of its events: twenty times less work, and no garbage."""

    def loads(self, data: bytes) -> Any:
        """Return a HitPage; what is none, such as an error, as objects. Raises SerializationError."""
        try:
            page = _PAGE.decode(data)
        except msgspec.DecodeError:  # no page, or no JSON: the client's own reader tells
            return super().loads(data)
        page.length = len(data)
        return page


class PageSize:
    """How many hits to ask for, so that an answer has about 4 MB, whatever the events' size.

    The first page is small (`first`). Later ones follow the bytes of the one before.
    """

    def __init__(self, most: int, *, first: int = _FIRST) -> None:
        self._most = most
        self._size = min(first, most)

    def fetch(self, ask: Callable[[int], T], most: int | None = None) -> tuple[T, int]:
        """Return what `ask` returns for a number of hits, and that number, at most `most`.

        It is asked for fewer, down to one, while the answer is too much for us or Elasticsearch.
        Raises what it raises otherwise.
        """
        while True:
            size = min(self._size, most or self._size)
            try:
                return ask(size), size
            except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
                if size == 1 or not is_too_much(error):
                    raise
                self._size = max(1, size // _SHRINKING)

    def learn(self, hits: int, length: int) -> None:
        """Take the bytes of a page into account."""
        if hits:
            fitting = _PAGE_BYTES * hits // max(1, length)
            self._size = max(1, min(fitting, self._size * _GROWTH, self._most))


def is_too_much(error: Exception) -> bool:
    """Tell whether an answer was too large for the client, or for Elasticsearch's memory."""
    if isinstance(error, elasticsearch.ApiError):
        statuses = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return error.meta.status in statuses and (
            error.meta.status != HTTPStatus.TOO_MANY_REQUESTS or _CIRCUIT_BREAKER in str(error.body)
        )
    return isinstance(error, AnswerTooLargeError)
