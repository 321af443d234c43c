"""The documents of a shard in the order they were written, by sequence number.

Events are neither changed nor deleted, so a range of sequence numbers below the global checkpoint never
changes again. It can be read page by page, and as often as needed, without a point in time.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from audit_consumer import UnreachableError
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from audit_runtime.hits import ANSWER_BYTES, Hit, HitPage, HitSerializer, PageSize

__all__ = ["Checksum", "ShardReader"]

_PAGE = 2000
_MODULUS = 1 << 256
_CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Checksum:
    """A count of documents and the sum of their hashes: equal for equal sets, in any order."""

    documents: int = 0
    digest: int = 0

    def plus(self, documents: Sequence[Hit]) -> "Checksum":
        """Return the checksum with these documents added."""
        total = sum(
            int.from_bytes(hashlib.sha256(one.id.encode() + b"\0" + one.line).digest())
            for one in documents
        )
        return Checksum(self.documents + len(documents), (self.digest + total) % _MODULUS)

    def __add__(self, other: "Checksum") -> "Checksum":
        return Checksum(self.documents + other.documents, (self.digest + other.digest) % _MODULUS)


class ShardReader:
    """Reads shards. Raises the errors of the Elasticsearch client."""

    def __init__(self, settings: ElasticsearchSettings, seconds: float) -> None:
        self.client = connect(
            settings, seconds=seconds, serializers=[HitSerializer()], answer_bytes=ANSWER_BYTES
        )

    def checkpoints(self, index: str, *, complete: bool = False) -> dict[int, int]:
        """Return each shard's global checkpoint, and make everything below it searchable.

        The checkpoint is below the last sequence number while writes are in flight. With `complete`,
        wait until there are none; the index must be blocked for writes by then. Raises UnreachableError
        if the shard copies do not catch up.
        """
        deadline = time.monotonic() + _CHECKPOINT_SECONDS
        while True:
            shards = self._sequence_numbers(index)
            if not complete or all(checkpoint == last for checkpoint, last in shards.values()):
                break
            if time.monotonic() > deadline:
                raise UnreachableError(f"The shard copies of index {index} do not catch up")
            time.sleep(0.1)
        self.client.indices.refresh(index=index)
        return {shard: checkpoint for shard, (checkpoint, _) in shards.items()}

    def pages(self, index: str, shard: int, after: int, upto: int) -> Iterator[Sequence[Hit]]:
        """Yield the documents above `after`, up to and including `upto`, which must be a checkpoint.

        A page has some megabytes, however large the documents are.
        """
        number = PageSize(_PAGE)
        while after < upto:
            page, _ = number.fetch(partial(self._page, index, shard, (after, upto)))
            if not page.hits:
                return
            number.learn(len(page.hits), page.length)
            yield page.hits
            after = page.hits[-1].sort[0]

    def _page(self, index: str, shard: int, bounds: tuple[int, int], size: int) -> HitPage:
        after, upto = bounds
        page = self.client.search(
            index=index,
            preference=f"_shards:{shard}",
            size=size,
            sort=[{"_seq_no": "asc"}],
            query={"range": {"_seq_no": {"gt": after, "lte": upto}}},
            track_total_hits=False,
            allow_partial_search_results=False,
        ).body
        if not isinstance(page, HitPage) or not page.is_whole:
            raise UnreachableError(f"Elasticsearch could not search all shards of index {index}")
        return page

    def _sequence_numbers(self, index: str) -> dict[int, tuple[int, int]]:
        """Return for each shard its global checkpoint and its highest sequence number."""
        stats = self.client.indices.stats(index=index, metric="docs", level="shards")
        (shards,) = (one["shards"] for one in stats["indices"].values())
        numbers = {
            int(shard): (copy["seq_no"]["global_checkpoint"], copy["seq_no"]["max_seq_no"])
            for shard, copies in shards.items()
            for copy in copies
            if copy["routing"]["primary"]
        }
        if len(numbers) != len(shards) or not numbers:
            raise UnreachableError(f"A primary shard of index {index} is not available")
        return numbers
