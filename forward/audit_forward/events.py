"""The topic of events: what its records became in the log."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from audit_runtime.hits import Hit
from audit_runtime.record_values import StoredValue
from audit_schemas import EventRefusedError, decode

from audit_forward.encoder import Encoder
from audit_forward.event_lookup import EventLookup
from audit_forward.horizon import Horizon
from audit_forward.item import Item

__all__ = ["EventTopic"]


class _Event(msgspec.Struct, gc=False):
    id: str


class _Record(msgspec.Struct, gc=False):
    event: _Event


_RECORD = msgspec.json.Decoder(_Record)


class EventTopic:
    """See `audit_forward.record_source.Topic`. Events, up to where the consumers are."""

    def __init__(self, name: str, horizon: Horizon, lookup: EventLookup, encoder: Encoder) -> None:
        self.name = name
        self._horizon = horizon
        self._lookup = lookup
        self._encoder = encoder

    def ends(self) -> Mapping[int, int]:
        """Return how far the consumers have judged each partition."""
        return self._horizon.offsets()

    def bounds(self, partition: int) -> tuple[int, int]:
        """Ask Kafka."""
        return self._horizon.bounds(self.name, partition)

    def items(self, partition: int, records: Sequence[StoredValue]) -> list[Item]:
        """Return the events that these records became."""
        ids = {offset: found for offset, _, value in records if (found := _id_of(value)) is not None}
        if not ids:
            return []
        return [self._item(hit) for hit in self._lookup.by_id(partition, ids)]

    def lost(self, partition: int, first: int, end: int) -> Iterator[Item]:
        """Yield the events that deleted records became."""
        return map(self._item, self._lookup.by_offset(partition, first, end))

    def close(self) -> None:
        """Close the connection; the horizon is others' too."""
        self._lookup.close()

    def _item(self, hit: Hit) -> Item:
        return self._encoder.event(hit.line, hit.sort[0], hit.sort[1])


def _id_of(value: bytes | None) -> str | None:
    """Return the id that a record gives; whether the record became that event, the log says."""
    if value is None:
        return None
    try:
        return _RECORD.decode(value).event.id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:  # what the consumer sanitizes
        return decode(value).event.id
    except EventRefusedError:
        return None
