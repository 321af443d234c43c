"""Which offsets of a partition have a document, by aggregation over those indexed at that time."""

from collections.abc import Mapping
from typing import Any

import elasticsearch
from audit_query import from_partition

__all__ = ["DocumentSearch"]

_SKEW_MS = 5 * 60 * 1000
"""How far the consumers' clocks may be from the brokers'."""
_LAG_MS = 10 * 60 * 1000
"""How late a document is looked for at first; then, without a limit."""
_FEW = 1000


class DocumentSearch:
    """Searches the events' indices. Raises the Elasticsearch client's errors."""

    def __init__(self, client: elasticsearch.Elasticsearch, prefix: str, topic: str) -> None:
        self._client = client
        self._pattern = f"{prefix}-*"
        self._topic = topic

    def refresh(self) -> None:
        """Make what was written and deleted until now visible, or not visible, to searches."""
        self._client.indices.refresh(index=self._pattern, allow_no_indices=True)

    def absent(
        self, partition: int, first: int, end: int, oldest: int | None, latest: int | None
    ) -> list[int]:
        """Return the offsets from `first` up to, and without, `end` that no visible document has.

        `oldest` and `latest` are the broker's times of the first and the last record in milliseconds,
        where they are known: only documents that were indexed about then are looked through, and all
        later ones if many seem to be absent.
        """
        begin = (oldest or 0) - _SKEW_MS
        limit = None if latest is None else latest + _LAG_MS
        found = self._offsets(partition, first, end, begin, limit)
        if limit is not None and end - first - len(found) > _FEW:
            found = self._offsets(partition, first, end, begin, None)
        return [offset for offset in range(first, end) if offset not in found]

    def _offsets(self, partition: int, first: int, end: int, since: int, until: int | None) -> set[int]:
        written: dict[str, Any] = {"gte": since, "format": "epoch_millis"}
        if until is not None:
            written["lte"] = until
        where: list[Mapping[str, Any]] = [
            {"range": {"event.ingested": written}},
            from_partition(self._topic, partition, (first, end)),
        ]
        each = {"field": "audit.kafka.offset", "interval": 1, "min_doc_count": 1}
        answer = self._client.search(
            index=self._pattern,
            allow_no_indices=True,
            allow_partial_search_results=False,
            size=0,
            track_total_hits=False,
            query={"bool": {"filter": where}},
            aggs={"offsets": {"histogram": each}},
            filter_path="aggregations.offsets.buckets.key",
        )
        buckets = answer.get("aggregations", {}).get("offsets", {}).get("buckets", [])
        return {int(bucket["key"]) for bucket in buckets}
