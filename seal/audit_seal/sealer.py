"""The sealer: reads the topic, appends blocks and statements to the log, and signs it.

Order of writes: entries, salts and tiles are on the disk, then the checkpoint is signed and put into
the folder, which is what counts, then witnesses cosign it, then it is published. What a sealer that
was killed had appended behind the last checkpoint is read from Kafka again.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import structlog
from audit_runtime.record_batches import RecordBatch
from confluent_kafka import KafkaError, KafkaException

from audit_seal.block import Kind
from audit_seal.block_builder import BlockBuilder, SaltedBlock
from audit_seal.checkpoint import Checkpoint
from audit_seal.cosigning import Cosigner
from audit_seal.errors import FormatError, SealError
from audit_seal.events_topic import EventsTopic
from audit_seal.log_folder import LogWriter
from audit_seal.note import Note
from audit_seal.periods import Periods
from audit_seal.place import OffsetRange, Place, Position
from audit_seal.requests import Requests
from audit_seal.seals_topic import SealsTopic
from audit_seal.settings import SealSettings
from audit_seal.statement import (
    CatalogueStatement,
    GapStatement,
    SettledStatement,
    Statement,
    TickStatement,
    TopicStatement,
    catalogue_digest,
    decode_entry,
    encode_statement,
)

__all__ = ["Sealer", "SettlesBlocks"]

_log = structlog.get_logger()

_HOLE = 65_536
"""So many offsets in a row without a record are told by a gap instead of in blocks of zeros."""


class SettlesBlocks(Protocol):
    """Says what became of sealed records."""

    def settle(self, positions: Mapping[int, Position]) -> Iterator[SettledStatement]:
        """Yield statements, each partition's from its settled offset on; at most up to its end."""


class Sealer:
    """One log, and its writer. For one thread; the caller holds the folder's lock.

    KafkaException and SealError pass through. After either from `read` or `seal`, go on or start anew:
    nothing was signed that is not whole.
    """

    def __init__(
        self,
        settings: SealSettings,
        events: EventsTopic,
        seals: SealsTopic,
        settler: SettlesBlocks | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._events = events
        self._seals = seals
        self._settler = settler
        self._now = now
        self._cosigner = Cosigner(settings.folder)
        self._periods = Periods(settings.folder, settings.seal_period_hours * 3600)
        self._builders: dict[int, BlockBuilder] = {}
        self._settled: dict[int, int] = {}
        self._lost: dict[int, str] = {}
        self._topic: TopicStatement | None = None
        self._is_published = False
        self.missing = 0
        """How many records had no document when they were settled, ever."""
        self._load()

    @property
    def positions(self) -> dict[int, Position]:
        """How far each partition is read and settled."""
        return {
            number: Position(builder.place, builder.first, self._settled.get(number, 0))
            for number, builder in sorted(self._builders.items())
        }

    @property
    def lost(self) -> dict[int, str]:
        """For each partition that can't be sealed, as Kafka has lost records of it, a sentence."""
        return dict(self._lost)

    @property
    def cosigned(self) -> dict[str, bool]:
        """For each witness whether it has cosigned the last checkpoint."""
        return self._cosigner.cosigned

    @property
    def period(self) -> int:
        """The number of the period whose key signs now."""
        return self._periods.number

    def read(self) -> bool:
        """Take what is there from each partition, about 512 KiB; tell whether anything was."""
        if self._topic is None:
            self._describe()
        return sum(self._read(builder) for builder in self._builders.values()) > 0

    def catch_up(self) -> None:
        """Read up to where the topic ends now."""
        self._describe()
        ends = {number: self._events.bounds(number)[1] for number in self._builders}
        for number, end in ends.items():
            builder = self._builders[number]
            while builder.end < end and self._read(builder):
                pass

    def seal(self) -> Note:
        """Make a checkpoint of all that was read, and publish it."""
        self._describe()
        self._compare()
        for builder in self._builders.values():
            self._append_blocks(builder.take())
        if self._settler is not None:
            for statement in self._settler.settle(self.positions):
                self._append(statement)
                self._settled[statement.range.place.partition] = statement.range.end
                self.missing += sum(each.outcome == "missing" for each in statement.exceptions)
        self._take_requests()
        now = self._now()
        next_period = self._periods.next_period(now)
        if next_period is not None:
            self._append(next_period)
        self._append(self._tick(now))
        checkpoint = self._writer.sync()
        note = self._periods.sign(replace(checkpoint, origin=self._periods.log_key.name), now)
        self._writer.publish(note)
        self._is_published = False
        self._taken[:] = [path for path in self._taken if not Requests.remove(path)]
        return self._publish(note, is_last=next_period is not None)

    def _load(self) -> None:
        """Take up the log as its last checkpoint has it."""
        self._writer = LogWriter(self._settings.folder)
        self._taken: list[Path] = []
        """Files of requests that were appended and are still there."""
        self._topic = None
        self._builders, self._settled = {}, {}
        note = self._writer.checkpoint()
        if note is None:
            self._append(self._periods.first_statement())
        else:
            last = self._last_tick()
            self.missing = last.missing
            self._periods.resume(last.period, note, self._entry(self._writer.size - 2))
            for position in last.positions:
                number = position.place.partition
                self._builders[number] = BlockBuilder(position.place, position.end)
                self._settled[number] = position.settled
        self._append(CatalogueStatement(catalogue_digest(self._settings.load_catalogue())))

    def _take_requests(self) -> None:
        """Append what commands ask for; if the sealer is killed, perhaps twice, which means nothing.

        What can't be read, as a file of another account's, waits, and keeps nothing from being sealed.
        """
        try:
            waiting = Requests(self._settings.folder).waiting()
        except OSError as error:
            _log.error("requests not read", why=str(error))
            return
        for path in waiting:
            if path in self._taken:
                continue
            try:
                requests = list(Requests.read(path))
            except OSError as error:
                _log.error("request not read", why=str(error))
                continue
            except FormatError as error:
                _log.error("request refused", why=str(error))
                Requests.refuse(path)
                continue
            for entry, salts in requests:
                self._writer.append(entry, salts)
            self._taken.append(path)

    def _compare(self) -> None:
        """Let nothing be signed beside what was published; publish what a killed sealer did not."""
        note = self._writer.checkpoint()
        size = Checkpoint.parse(note.text).size if note else 0
        newest = self._seals.compare(self._writer, self._periods.log_key, size)
        self._cosigner.compare(self._periods.log_key, size)
        if note is not None and not self._is_published:
            if newest < size:
                self._publish(note)
            self._is_published = True

    def _publish(self, note: Note, *, is_last: bool = False) -> Note:
        """Have the checkpoint in the folder cosigned, and publish it; `is_last`: of its period."""
        size = Checkpoint.parse(note.text).size
        cosigned = self._cosigner.cosign(note, self._writer.hash_at(size))
        if cosigned != note:
            self._writer.publish(cosigned)
        if is_last:
            self._periods.advance(cosigned)
        self._seals.publish(cosigned)
        self._is_published = True
        return cosigned

    def _describe(self) -> None:
        """Ask what the topic is, and state what is new about it."""
        found = self._events.describe()
        if found == self._topic:
            return
        known = {builder.place.topic_id for builder in self._builders.values()}
        if known and known != {found.topic_id}:
            if self._topic is not None:
                # Which of the two what was read since the checkpoint came from, nobody can tell.
                _log.warning("the topic was created anew", topic=found.topic)
                self._load()
            self._builders, self._settled, self._lost = {}, {}, {}
        self._topic = found
        self._append(found)
        new = [number for number in range(found.partitions) if number not in self._builders]
        for number in new:
            place = Place(found.topic, found.topic_id, number)
            self._builders[number] = BlockBuilder(place, 0)
        for number in new:  # if Kafka is away amid this, `_read` skips for the rest
            self._skip_expired(self._builders[number])

    def _read(self, builder: BlockBuilder) -> bool:
        try:
            found = self._events.fetch(builder.place.partition, builder.end)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.OFFSET_OUT_OF_RANGE:
                return self._skip_expired(builder)
            raise
        self._lost.pop(builder.place.partition, None)
        before = builder.end
        for batch in found.batches:
            if batch.first - builder.end >= _HOLE:
                self._skip_to(builder, batch.first)
            self._append_blocks(self._blocks(builder, batch))
        self._append_blocks(builder.advance(found.next_offset))
        return builder.end > before

    def _blocks(self, builder: BlockBuilder, batch: RecordBatch) -> Iterator[SaltedBlock]:
        """Seal a batch; of a record that can't be read, that it is there."""
        first = builder.end
        values = batch.values()
        if values is not None:
            is_new = batch.first >= first
            yield from builder.extend(values if is_new else [v for v in values if v[0] >= first])
            return
        place = builder.place
        for message in batch.records(place.topic, place.partition):
            offset, value, time_ms = message.offset() or 0, message.value(), message.timestamp()[1]
            if offset >= first:
                kept = value if isinstance(value, bytes) else None
                null = Kind.UNREADABLE if message.error() else Kind.NULL
                yield from builder.extend([(offset, time_ms, kept)], null=null)

    def _skip_expired(self, builder: BlockBuilder) -> bool:
        """State that Kafka no longer has what was not sealed; tell whether that is so."""
        place = builder.place
        low, high = self._events.bounds(place.partition)
        if builder.end > high:
            if place.partition not in self._lost:
                self._lost[place.partition] = (
                    f"{place.topic} [{place.partition}] ends at offset {high}, and is sealed up to "
                    f"{builder.end}: Kafka has lost records. What takes their offsets can't be sealed. "
                    "See docs/operating.md#auditlogpartitionnotsealed"
                )
                _log.error("records lost", why=self._lost[place.partition])
            return False
        if builder.end < low:
            self._skip_to(builder, low)
            return True
        return False

    def _skip_to(self, builder: BlockBuilder, first: int) -> None:
        self._append_blocks(builder.take())
        gap = OffsetRange(builder.place, builder.first, first)
        _log.warning("gap", partition=gap.place.partition, first=gap.first, end=gap.end)
        self._append(GapStatement(gap))
        builder.skip_to(first)

    def _append_blocks(self, blocks: Iterator[SaltedBlock]) -> None:
        for block, salts in blocks:
            self._writer.append(block.encode(), salts)

    def _append(self, statement: Statement) -> None:
        self._writer.append(encode_statement(statement))

    def _tick(self, now: float) -> TickStatement:
        positions = tuple(self.positions.values())
        return TickStatement(int(now * 1000), positions, self.period, self.missing)

    def _last_tick(self) -> TickStatement:
        last = self._entry(self._writer.size - 1)
        if not isinstance(last, TickStatement):
            raise SealError("The last entry of the log is not a tick: this is not a log of the sealer")
        return last

    def _entry(self, index: int) -> object:
        return decode_entry(self._writer.entry(index).entry)
