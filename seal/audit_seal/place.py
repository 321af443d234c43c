"""Where a record is in Kafka, and how far a partition is sealed."""

from dataclasses import dataclass

__all__ = ["OffsetRange", "Place", "Position"]


@dataclass(frozen=True, slots=True)
class Place:
    """A partition of one topic; a topic that was deleted and created again has another ID."""

    topic: str
    topic_id: str
    partition: int


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition is sealed, every offset before `end`, and how far it is settled."""

    place: Place
    end: int
    settled: int = 0


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The offsets from `first` up to, and without, `end`."""

    place: Place
    first: int
    end: int
