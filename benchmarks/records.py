"""The topic's records, published again under new ids and times at next to no cost."""

import random
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from audit_schemas import format_timestamp
from confluent_kafka import Message, Producer

Headers = Sequence[tuple[str, str | bytes | None]]

_REST = (1 << 76) - 1
_CUT = re.compile(rb'^(\{"event":\{"id":")([^"]*)[^"]{8}(".*?"@timestamp":")([^"]*)', re.DOTALL)
"""An event as the SDK writes it. The end of the id is replaced: its beginning is its time."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record whose value is a template: a number completes the id, and the times can be new."""

    key: bytes | None
    headers: Headers
    template: bytes
    id_begin: str
    time: bytes

    def renewed(self, number: int) -> bytes:
        """Return the event with another id, of a number below 2**32."""
        return self.template % (self.id_begin.encode(), number, self.time)

    def moved(self, number: int, moment: "Moment") -> tuple[str, bytes]:
        """Return an id of another time, and the event as one that happened then."""
        begin = moment.id_begin + self.id_begin[len(moment.id_begin) :]
        return f"{begin}{number:08x}", self.template % (begin.encode(), number, moment.time)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, and how the ids of its events begin: in the index of another one they would be strays."""

    time: bytes
    id_begin: str

    @classmethod
    def of(cls, moment: datetime) -> "Moment":
        """Write a time; made once for many events, it costs none of them anything."""
        begin = in_order_of_time(str(uuid.UUID(int=0)), moment.isoformat())[: len("00000000-0000-7")]
        return cls(format_timestamp(moment).encode(), begin)


def record_of(message: Message) -> Record:
    """Make a template of a record that the SDK wrote."""
    key, value, headers = message.key(), message.value(), message.headers()
    assert isinstance(value, bytes)  # noqa: S101 - the SDK's records have values
    found = _CUT.match(value)
    assert found is not None  # noqa: S101 - id first, then the time
    return Record(
        key.encode() if isinstance(key, str) else key,
        headers if isinstance(headers, list) else [],
        _CUT.sub(rb"\1%b%08x\3%b", value.replace(b"%", b"%%"), count=1),
        found[2].decode(),
        found[4],
    )


def send(producer: Producer, topic: str, record: Record, value: bytes) -> None:
    """Hand a value to the client under the record's key; block while its queue is full."""
    while True:
        try:
            producer.produce(topic, value, key=record.key, headers=list(record.headers))
        except BufferError:
            producer.poll(0.01)
        else:
            return


def in_order_of_time(found: str, timestamp: str) -> str:
    """Return a UUIDv7 of the event's time, as the SDK makes them; the rest is from another UUID.

    The generator's own ids are random, so that a seed gives the same events; they cost an index more.
    """
    milliseconds = int(datetime.fromisoformat(timestamp).timestamp() * 1000)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | uuid.UUID(found).int & _REST))


def random_id(found: str) -> str:
    """Return a UUIDv4, always the same one for the same id."""
    bits = random.Random(found).getrandbits(128)  # noqa: S311 - to be repeated, not to be secret
    return str(uuid.UUID(int=bits, version=4))
