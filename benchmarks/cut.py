"""A record of the topic in pieces, so that it can be published again under a new id and time."""

from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Message, Producer

__all__ = ["Cut", "Headers", "cut", "cut_value", "offer"]

Headers = Sequence[tuple[str, str | bytes | None]]

_ID, _TIME = b'"id":"', b'"@timestamp":"'
_FRESH = 8
"""Characters of an id that are replaced, at its end: its beginning is its time."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What stands around the id's end and the time. Numbers have at most 32 bits."""

    key: bytes | None
    headers: Headers
    head: bytes
    id_begin: bytes
    middle: bytes
    moment: bytes
    tail: bytes

    def renewed(self, number: int, moment: bytes = b"") -> bytes:
        """Return the event with another id and, if one is given, another time."""
        time = moment or self.moment
        return b"".join((self.head, self.id_begin, b"%08x" % number, self.middle, time, self.tail))

    def id(self, number: int) -> str:
        """Return the id that `renewed` gives."""
        return f"{self.id_begin.decode()}{number:08x}"


def cut(message: Message) -> Cut:
    """Cut a record that the SDK wrote."""
    key, value, headers = message.key(), message.value(), message.headers()
    return cut_value(
        value.encode() if isinstance(value, str) else value or b"",
        key.encode() if isinstance(key, str) else key,
        headers if isinstance(headers, list) else [],
    )


def cut_value(value: bytes, key: bytes | None = None, headers: Headers = ()) -> Cut:
    """Cut an event's bytes: its id is the first of all, and its time comes after that."""
    begin = value.index(_ID) + len(_ID)
    end = value.index(b'"', begin)
    time_begin = value.index(_TIME, end) + len(_TIME)
    time_end = value.index(b'"', time_begin)
    return Cut(
        key,
        headers,
        head=value[:begin],
        id_begin=value[begin : end - _FRESH],
        middle=value[end:time_begin],
        moment=value[time_begin:time_end],
        tail=value[time_end:],
    )


def offer(producer: Producer, topic: str, key: bytes | None, value: bytes, headers: Headers) -> None:
    """Hand a record to the client, however long its queue is full."""
    while True:
        try:
            producer.produce(topic, value, key=key, headers=list(headers))
        except BufferError:
            producer.poll(0.01)
        else:
            return
