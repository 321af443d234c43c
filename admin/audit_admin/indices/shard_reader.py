"""The documents of a shard in the order of their writing, by sequence number.

A range of sequence numbers that is settled never changes again, as events are neither changed nor
deleted: so it can be read page by page, by whom and as often as one likes, with no point in time.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from audit_consumer import UnreachableError
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from elasticsearch.serializer import JsonSerializer

__all__ = ["Hit", "Sweep", "Tally"]

_PAGE = 2000
_MODULUS = 1 << 256
_SETTLED_SECONDS = 60.0


class Hit(msgspec.Struct, gc=False):
    """A document: its id, the text of its JSON as it is stored, and its sequence number."""

    id: str = msgspec.field(name="_id")
    source: msgspec.Raw = msgspec.field(name="_source")
    sort: list[int]

    @property
    def line(self) -> bytes:
        """Its text on one line, as a bulk request needs it, and as the consumer writes it."""
        text = bytes(self.source)
        return msgspec.json.format(text, indent=-1) if b"\n" in text else text


class _Hits(msgspec.Struct, gc=False):
    hits: list[Hit]


class _Page(msgspec.Struct, gc=False):
    hits: _Hits
    timed_out: bool


_DECODER = msgspec.json.Decoder(_Page)


class _PageSerializer(JsonSerializer):
    """Reads a page of hits without making objects of their sources."""

    def loads(self, data: bytes) -> Any:
        try:
            return _DECODER.decode(data)
        except msgspec.ValidationError:  # any other answer, or an error's
            return super().loads(data)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many documents, and the sum of their hashes: the same for the same ones in any order."""

    documents: int = 0
    digest: int = 0

    def plus(self, hits: Sequence[Hit]) -> "Tally":
        """Return the tally with these, too."""
        total = sum(
            int.from_bytes(hashlib.sha256(hit.id.encode() + b"\0" + hit.line).digest()) for hit in hits
        )
        return Tally(self.documents + len(hits), (self.digest + total) % _MODULUS)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.documents + other.documents, (self.digest + other.digest) % _MODULUS)


class Sweep:
    """Reads shards. Errors of the Elasticsearch client pass through."""

    def __init__(self, settings: ElasticsearchSettings, seconds: float) -> None:
        self.client = connect(settings, seconds=seconds, serializer=_PageSerializer())

    def settled(self, index: str, *, whole: bool = False) -> dict[int, int]:
        """Return for each shard up to where all is written on every copy, and make that visible.

        Less than all that was written may be: some writes are under way. `whole` waits until there
        are none; the index must take none then. Raises UnreachableError where there is no end of them.
        """
        deadline = time.monotonic() + _SETTLED_SECONDS
        while True:
            found = self._checkpoints(index)
            if not whole or all(settled == last for settled, last in found.values()):
                break
            if time.monotonic() > deadline:
                raise UnreachableError(f"The copies of index {index} don't catch up with each other")
            time.sleep(0.1)
        self.client.indices.refresh(index=index)
        return {shard: settled for shard, (settled, _) in found.items()}

    def pages(self, index: str, shard: int, after: int, upto: int) -> Iterator[Sequence[Hit]]:
        """Yield the documents above `after`, up to and with `upto`, which must be settled."""
        while after < upto:
            found = self.client.search(
                index=index,
                preference=f"_shards:{shard}",
                size=_PAGE,
                sort=[{"_seq_no": "asc"}],
                query={"range": {"_seq_no": {"gt": after, "lte": upto}}},
                track_total_hits=False,
                allow_partial_search_results=False,
            ).body
            if not isinstance(found, _Page) or found.timed_out:
                raise UnreachableError(f"Elasticsearch could not search all of index {index}")
            if not found.hits.hits:
                return
            yield found.hits.hits
            after = found.hits.hits[-1].sort[0]

    def _checkpoints(self, index: str) -> dict[int, tuple[int, int]]:
        """Return for each shard what is settled, and the last number that was given."""
        stats = self.client.indices.stats(index=index, metric="docs", level="shards")
        (shards,) = (one["shards"] for one in stats["indices"].values())
        found = {
            int(number): (copy["seq_no"]["global_checkpoint"], copy["seq_no"]["max_seq_no"])
            for number, copies in shards.items()
            for copy in copies
            if copy["routing"]["primary"]
        }
        if len(found) != len(shards) or not found:
            raise UnreachableError(f"A shard of index {index} is not there just now")
        return found
