"""What is stated before an index is deleted: that its events, all of them proven, are retired.

Whoever may write into the sealer's folder can state it. An administrator of Elasticsearch can't, so
what they delete is missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import elasticsearch
from audit_consumer import EventIndex
from audit_query import from_partition
from audit_runtime.elastic import connect
from audit_runtime.terminal import Report

from audit_seal.adoption import unproven_ranges
from audit_seal.document_check import Verdict
from audit_seal.errors import SealError
from audit_seal.requests import Requests
from audit_seal.retirement import retirements
from audit_seal.sealed_log import EVERY_TIME, SealedLog
from audit_seal.settings import SealSettings
from audit_seal.statement import encode_statement
from audit_seal.verify import (
    DocumentCheck,
    documents_of_index,
    read_sound_log,
    tally_documents,
)

__all__ = ["IndexRetirement"]

_RANGES = 500
"""So many are in one query: Elasticsearch bounds its clauses."""


class IndexRetirement:
    """The retired events of a sealed log. Raises SealError, and the Elasticsearch client's errors."""

    def __init__(self, settings: SealSettings, report: Report) -> None:
        """Read the log, and check it. Raises SealError if it is not sound."""
        self._settings = settings
        self._report = report
        self._log = read_sound_log(settings.folder, report).log

    def left(self, index: str) -> int:
        """Return how many documents of an index would be missing if it was deleted now."""
        with connect(self._settings, seconds=self._settings.request_seconds) as client:
            total = _count(client, index, {"match_all": {}})
            return total - sum(_count(client, index, query) for query in _excused(self._log))

    def request(self, index: str) -> int:
        """Ask the sealer to state that an index may be deleted; return how many events it has.

        Raises SealError, and asks for nothing, if one of them is not proven.
        """
        settings = self._settings
        names = EventIndex(settings, settings.request_seconds)
        try:
            naming = names.naming()
        finally:
            names.close()
        check = DocumentCheck(settings.folder, self._log, settings.catalogue, naming, EVERY_TIME)
        batches, total = documents_of_index(settings, index)
        tally = tally_documents(check, batches, total, self._report)
        wrong = tally.counts.total() - sum(
            tally.counts[each] for each in (Verdict.PROVEN, Verdict.ADOPTED, Verdict.IN_GAP)
        )
        if wrong or tally.doubled:
            raise SealError(
                f"{wrong or len(tally.doubled)} of {total} documents of {index} are not proven, so it "
                "must not be deleted. To see which: auditlog seal verify"
            )
        statements = list(retirements(index, self._log, tally))
        if not statements:
            raise SealError(f"The alias {settings.index_prefix} has no sealed events in index {index}")
        Requests(settings.folder).write((encode_statement(each), b"") for each in statements)
        return total


def _count(client: elasticsearch.Elasticsearch, index: str, query: Mapping[str, Any]) -> int:
    return int(client.count(index=index, query=query)["count"])


def _excused(log: SealedLog) -> Iterator[Mapping[str, Any]]:
    """Yield queries, none of which overlap, for documents that are retired, or in a gap."""
    for topic, partition in {(place.topic, place.partition) for place in log.partitions}:
        ranges = [
            span
            for each in log.partitions_of(topic, partition)
            for span in (*each.retired, *unproven_ranges(each))
        ]
        ranges = _disjoint(ranges)
        for at in range(0, len(ranges), _RANGES):
            yield from_partition(topic, partition, *ranges[at : at + _RANGES])


def _disjoint(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges that have the same offsets, in order, and each offset once."""
    found: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif first < end:
            found.append((first, end))
    return found
