"""Settling: what became of sealed records that the consumers are past, while repair is possible.

An offset without a document is judged by its record, read from Kafka again, and by the consumer's own
code: dead letters are not asked, since whoever may write to their topic could excuse anything.
"""

import time
from collections.abc import Iterable, Iterator, Mapping

import elasticsearch
import structlog
from audit_consumer import (
    ConsumerError,
    Decoder,
    EventIndex,
    Outcome,
    Prepared,
    Record,
    Refusal,
    compare,
)
from audit_runtime.elastic import connect
from audit_runtime.kafka import message_batches
from audit_schemas import Reason
from confluent_kafka import KafkaException, Message

from audit_seal.document_search import DocumentSearch
from audit_seal.events_topic import EventsTopic
from audit_seal.place import OffsetRange, Position
from audit_seal.settings import SealSettings
from audit_seal.statement import SettledOffset, SettledStatement

__all__ = ["Settler"]

_log = structlog.get_logger()

_OFFSETS = 10_000
"""So many are asked for at once; each is a bucket of an aggregation."""
_LOOKED_UP = 500
_ELSEWHERE = 2000
_EXCEPTIONS = 500
"""So many stand in one statement at most: an entry of the log has 64 KiB."""


class Settler:
    """Makes the statements of what was settled. For one thread; memory is bounded."""

    def __init__(
        self,
        settings: SealSettings,
        events: EventsTopic,
        *,
        seconds: float | None = None,
    ) -> None:
        """Settle for `seconds` at a time; without them, all there is."""
        self._settings = settings
        self._events = events
        self._seconds = seconds
        self._index = EventIndex(settings, settings.request_seconds)
        self._client = connect(settings, seconds=settings.request_seconds)
        self._search = DocumentSearch(self._client, settings.index_prefix, settings.topic)
        self._decoder: Decoder | None = None
        self._committed: dict[int, int] | None = None
        self.problem: str | None = None
        """Why nothing can be settled at the moment."""

    def settle(self, positions: Mapping[int, Position]) -> Iterator[SettledStatement]:
        """Yield statements, each partition's from its settled offset on; at most up to its end.

        If a server is away or refuses, says so in `problem`, and goes on at the next call.
        """
        deadline = None if self._seconds is None else time.monotonic() + self._seconds
        try:
            committed = self._events.committed()
            # What was committed at the last call is visible to a search by now.
            before, self._committed = self._committed or committed, committed
            ends = {n: min(position.end, before.get(n, 0)) for n, position in positions.items()}
            if any(position.settled < ends[n] for n, position in positions.items()):
                self._search.refresh()  # else what was just deleted would count as present
            for number, position in positions.items():
                yield from self._settle(position, ends[number], deadline)
        except (
            ConsumerError,
            KafkaException,
            elasticsearch.ApiError,
            elasticsearch.TransportError,
        ) as e:
            self._block(e.args[0].str() if isinstance(e, KafkaException) else str(e))
        else:
            self.problem = None

    def close(self) -> None:
        """Close the connections."""
        self._index.close()
        self._client.close()

    def _block(self, why: str) -> None:
        if why != self.problem:
            _log.warning("nothing can be settled at the moment", why=why)
        self.problem = why

    def _settle(
        self, position: Position, end: int, deadline: float | None
    ) -> Iterator[SettledStatement]:
        for first in range(position.settled, end, _OFFSETS):
            if deadline is not None and time.monotonic() > deadline:
                return
            offsets = OffsetRange(position.place, first, min(first + _OFFSETS, end))
            yield from _statements(offsets, self._exceptions(offsets))

    def _exceptions(self, offsets: OffsetRange) -> list[SettledOffset]:
        """Return the offsets that have a record and no document, and why, in order."""
        partition, first, end = offsets.place.partition, offsets.first, offsets.end
        oldest, latest = (self._events.time_at(partition, offset) for offset in (first, end - 1))
        absent = self._search.absent(partition, first, end, oldest, latest)
        if not absent:
            return []
        low = self._events.bounds(partition)[0]
        found = {offset: self._missing(offsets, offset, "expired") for offset in absent if offset < low}
        wanted = set(absent) - set(found)
        messages = self._events.messages(partition, absent[0], absent[-1] + 1)
        still_there = (message for message in messages if message.offset() in wanted)
        for batch in message_batches(still_there, _LOOKED_UP):
            for exception in self._judge(offsets, batch):
                found[exception.offset] = exception
        return [found[offset] for offset in sorted(found)]

    def _judge(self, offsets: OffsetRange, messages: Iterable[Message]) -> Iterator[SettledOffset]:
        """Say of records why they have no document; nothing of those that have one after all."""
        decoder = self._decoder = self._decoder or self._new_decoder()
        prepared: list[Prepared] = []
        for message in messages:
            match decoder.prepare(Record.of(message)):
                case Prepared() as item:
                    prepared.append(item)
                case Refusal() as refusal:
                    yield SettledOffset(refusal.record.origin.offset, "dead-letter", refusal.reason)
        if prepared:
            yield from self._judge_valid(offsets, prepared)

    def _judge_valid(self, offsets: OffsetRange, prepared: list[Prepared]) -> Iterator[SettledOffset]:
        stored = self._index.stored(prepared)
        strays = [each for each in prepared if each.index != each.home]
        elsewhere = self._index.elsewhere(strays, _ELSEWHERE) if strays else {}
        for item in prepared:
            there = stored.get((item.index, item.document.id))
            if there is None and (others := elsewhere.get(item.document.id)):
                there = min(others, key=lambda each: each.created)
            offset = item.record.origin.offset
            match compare(item, there):
                case Outcome.DUPLICATE:
                    at = there.origin if there is not None else None
                    detail = f"{at.partition}:{at.offset}" if at is not None else ""
                    yield SettledOffset(offset, "duplicate", detail)
                case Refusal() as refusal:
                    yield SettledOffset(offset, "dead-letter", refusal.reason)
                case None if self._index.rejects(item):
                    yield SettledOffset(offset, "dead-letter", Reason.REJECTED_BY_INDEX)
                case None:
                    yield self._missing(offsets, offset)

    def _missing(self, offsets: OffsetRange, offset: int, detail: str = "") -> SettledOffset:
        _log.error(
            "a sealed record has no document",
            partition=offsets.place.partition,
            offset=offset,
            fix="auditlog verify --repair",
        )
        return SettledOffset(offset, "missing", detail)

    def _new_decoder(self) -> Decoder:
        settings = self._settings
        return Decoder(settings.load_catalogue(), settings.time_bounds(), self._index.naming())


def _statements(offsets: OffsetRange, exceptions: list[SettledOffset]) -> Iterator[SettledStatement]:
    """Yield the statements of a range, so many exceptions in each."""
    first = offsets.first
    for at in range(0, max(1, len(exceptions)), _EXCEPTIONS):
        rest = exceptions[at + _EXCEPTIONS : at + _EXCEPTIONS + 1]
        end = rest[0].offset if rest else offsets.end
        some = tuple(exceptions[at : at + _EXCEPTIONS])
        yield SettledStatement(OffsetRange(offsets.place, first, end), some)
        first = end
