"""Statements: the entries of the log that are not blocks, and say in lines what happened.

The first line names the kind; every other line begins with a word for what follows it.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Literal

from audit_schemas import Catalogue

from audit_seal.block import Block
from audit_seal.errors import FormatError
from audit_seal.note import VerifierKey
from audit_seal.place import OffsetRange, Place, Position

__all__ = [
    "CatalogueStatement",
    "Entry",
    "GapStatement",
    "OffsetRange",
    "PeriodStatement",
    "Place",
    "Position",
    "RetiredStatement",
    "SettledOffset",
    "SettledStatement",
    "Statement",
    "TickStatement",
    "TopicStatement",
    "UnknownStatement",
    "catalogue_digest",
    "decode_entry",
    "encode_statement",
]

_KIND = re.compile(rb"auditlog/([a-z-]+)@v1\n")
_NUMBER = re.compile("0|[1-9][0-9]{0,18}")

_RANGE_LINES = 3

_Lines = list[list[str]]
"""The lines of a statement below the first, each in words."""

Outcome = Literal["duplicate", "dead-letter", "missing"]


@dataclass(frozen=True, slots=True)
class TopicStatement:
    """A topic is sealed from here on, with so many partitions."""

    kind: ClassVar = "topic"
    topic: str
    topic_id: str
    partitions: int
    cleanup_policy: str

    def lines(self) -> list[str]:
        """Return its lines below the first."""
        return [
            f"topic {self.topic} {self.topic_id}",
            f"partitions {self.partitions}",
            f"cleanup-policy {self.cleanup_policy}",
        ]


@dataclass(frozen=True, slots=True)
class GapStatement:
    """Kafka had deleted these offsets before they were sealed."""

    kind: ClassVar = "gap"
    range: OffsetRange

    def lines(self) -> list[str]:
        """Return its lines below the first."""
        return _range_lines(self.range)


@dataclass(frozen=True, slots=True)
class TickStatement:
    """The last entry before each checkpoint: the sealer's clock, its period, and its positions.

    A sealer that starts knows by it where to go on. A topic has a line of how far it is sealed and one
    of how far it is settled, partition by partition from 0 on: so a thousand fit an entry.
    """

    kind: ClassVar = "tick"
    time_ms: int
    positions: tuple[Position, ...]
    period: int = 1
    """Whose key signs this checkpoint."""
    missing: int = 0
    """How many records had no document when they were settled, ever."""

    def lines(self) -> list[str]:
        """Return its lines below the first."""
        lines = [f"time {self.time_ms}", f"period {self.period}", f"missing {self.missing}"]
        topics: dict[tuple[str, str], list[Position]] = {}
        for position in self.positions:
            topics.setdefault((position.place.topic, position.place.topic_id), []).append(position)
        for (name, topic_id), positions in topics.items():
            lines += [
                f"topic {name} {topic_id}",
                " ".join(["sealed", *(str(each.end) for each in positions)]),
                " ".join(["settled", *(str(each.settled) for each in positions)]),
            ]
        return lines


@dataclass(frozen=True, slots=True)
class PeriodStatement:
    """The key of the `number`-th period; the first is 1, and its key is the log's first entry.

    Any other stands right before the tick of the last checkpoint of the period before it.
    """

    kind: ClassVar = "period"
    number: int
    key: VerifierKey

    def lines(self) -> list[str]:
        """Return its lines below the first."""
        return [f"number {self.number}", f"key {self.key}"]


@dataclass(frozen=True, slots=True)
class CatalogueStatement:
    """The catalogue of activities that events are judged by from here on, by its SHA-256."""

    kind: ClassVar = "catalogue"
    digest: str

    def lines(self) -> list[str]:
        """Return its lines below the first."""
        return [f"sha256 {self.digest}"]


@dataclass(frozen=True, slots=True)
class SettledOffset:
    """An offset without a document of its own, and why.

    `detail` is the offset of the record that the event was indexed for (`PARTITION:OFFSET`) for a
    duplicate, the reason for a dead letter, and empty for a missing one.
    """

    offset: int
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SettledStatement:
    """The consumers are past these offsets: all have documents but those listed."""

    kind: ClassVar = "settled"
    range: OffsetRange
    exceptions: tuple[SettledOffset, ...] = ()

    def lines(self) -> list[str]:
        """Return its lines below the first."""
        return [
            *_range_lines(self.range),
            *(f"{e.outcome} {e.offset} {e.detail}".rstrip() for e in self.exceptions),
        ]


@dataclass(frozen=True, slots=True)
class RetiredStatement:
    """Retention deleted an index, and with it the documents of these offsets."""

    kind: ClassVar = "retired"
    index: str
    ranges: tuple[OffsetRange, ...]

    def lines(self) -> list[str]:
        """Return its lines below the first."""
        return [
            f"index {self.index}",
            *(
                f"offsets {r.place.topic} {r.place.topic_id} {r.place.partition} {r.first} {r.end}"
                for r in self.ranges
            ),
        ]


@dataclass(frozen=True, slots=True)
class UnknownStatement:
    """A kind that a newer version writes."""

    kind: str
    text: str

    def lines(self) -> list[str]:
        """Return its lines below the first."""
        return self.text.split("\n")


Statement = (
    TopicStatement
    | GapStatement
    | TickStatement
    | PeriodStatement
    | CatalogueStatement
    | SettledStatement
    | RetiredStatement
    | UnknownStatement
)
Entry = Block | Statement


def catalogue_digest(catalogue: Catalogue) -> str:
    """Return the SHA-256 of a catalogue, in hex: of its activities by name, as compact JSON."""
    activities = {name: catalogue[name].model_dump() for name in sorted(catalogue)}
    return sha256(json.dumps(activities, separators=(",", ":")).encode()).hexdigest()


def encode_statement(statement: Statement) -> bytes:
    """Return the entry of a statement."""
    return "".join(
        f"{line}\n" for line in (f"auditlog/{statement.kind}@v1", *statement.lines())
    ).encode()


def decode_entry(entry: bytes) -> Entry:
    """Read any entry of the log. Raises FormatError."""
    head = _KIND.match(entry)
    if head is None:
        raise FormatError("An entry of the log does not say what it is")
    kind = head[1].decode()
    if kind == "block":
        return Block.decode(entry)
    try:
        text = entry[head.end() :].decode()
    except UnicodeDecodeError:
        raise FormatError(f"A statement ({kind}) is not UTF-8") from None
    if not text.endswith("\n"):
        raise FormatError(f"A statement ({kind}) does not end with a line break")
    try:
        return _decode(kind, text[:-1])
    except (ValueError, IndexError):
        raise FormatError(f"A statement ({kind}) has lines that it must not have") from None


def _decode(kind: str, text: str) -> Statement:
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return UnknownStatement(kind, text)
    return decoder([line.split(" ") for line in text.split("\n")])


def _topic(lines: _Lines) -> TopicStatement:
    match lines:
        case [["topic", name, topic_id], ["partitions", count], ["cleanup-policy", policy]]:
            return TopicStatement(name, topic_id, _number(count), policy)
    raise ValueError


def _tick(lines: _Lines) -> TickStatement:
    match lines:
        case [["time", time], ["period", period], ["missing", missing], *rest]:
            topics = (_positions(rest[at : at + 3]) for at in range(0, len(rest), 3))
            positions = tuple(position for topic in topics for position in topic)
            return TickStatement(_number(time), positions, _number(period), _number(missing))
    raise ValueError


def _period(lines: _Lines) -> PeriodStatement:
    match lines:
        case [["number", number], ["key", key]]:
            return PeriodStatement(_number(number), VerifierKey.parse(key))
    raise ValueError


def _catalogue(lines: _Lines) -> CatalogueStatement:
    match lines:
        case [["sha256", digest]]:
            return CatalogueStatement(digest)
    raise ValueError


def _settlement(lines: _Lines) -> SettledStatement:
    exceptions = tuple(map(_settled, lines[_RANGE_LINES:]))
    return SettledStatement(_range(lines[:_RANGE_LINES]), exceptions)


def _retirement(lines: _Lines) -> RetiredStatement:
    match lines:
        case [["index", index], *rest]:
            return RetiredStatement(index, tuple(map(_retired, rest)))
    raise ValueError


def _range_lines(offsets: OffsetRange) -> list[str]:
    place = offsets.place
    return [
        f"topic {place.topic} {place.topic_id}",
        f"partition {place.partition}",
        f"offsets {offsets.first} {offsets.end}",
    ]


def _range(lines: _Lines) -> OffsetRange:
    match lines:
        case [["topic", name, topic_id], ["partition", partition], ["offsets", first, end]]:
            return OffsetRange(Place(name, topic_id, _number(partition)), _number(first), _number(end))
    raise ValueError


def _positions(lines: _Lines) -> list[Position]:
    match lines:
        case [["topic", name, topic_id], ["sealed", *ends], ["settled", *settled]]:
            return [
                Position(Place(name, topic_id, partition), _number(end), _number(until))
                for partition, (end, until) in enumerate(zip(ends, settled, strict=True))
            ]
    raise ValueError


def _settled(line: list[str]) -> SettledOffset:
    match line:
        case [("duplicate" | "dead-letter" | "missing") as outcome, offset, *detail]:
            return SettledOffset(_number(offset), outcome, " ".join(detail))
    raise ValueError


def _retired(line: list[str]) -> OffsetRange:
    match line:
        case ["offsets", name, topic_id, partition, first, end]:
            return OffsetRange(Place(name, topic_id, _number(partition)), _number(first), _number(end))
    raise ValueError


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return int(text)


_DECODERS: dict[str, Callable[[_Lines], Statement]] = {
    "topic": _topic,
    "gap": lambda lines: GapStatement(_range(lines)),
    "tick": _tick,
    "period": _period,
    "catalogue": _catalogue,
    "settled": _settlement,
    "retired": _retirement,
}
