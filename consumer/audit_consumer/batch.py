"""A batch: records that are settled together, by one bulk request and by dead letters."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message

from audit_consumer.record import Refusal

__all__ = ["Batch", "portions"]

_TOGETHER = 64
_TOGETHER_BYTES = 128 * 1024
"""Much for one call, little for the CPU's cache and for the limit of a bulk request's body."""


@dataclass(slots=True)
class Batch:
    """Records that were read and are not settled yet.

    Owned by one thread at a time: the loop fills it, a worker settles it and hands it back.
    """

    messages: list[Message] = field(default_factory=list)
    """To be indexed; beside each message its lines of the bulk request."""
    lines: list[bytes] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    """To be dead-lettered."""
    size: int = 0
    """Bytes of the bulk request's body."""
    held: int = 0
    """Approximate bytes that it keeps in memory."""
    oldest: int = 0
    """When Kafka took the first record that was put in, in ms since 1970."""
    ends: dict[int, int] = field(default_factory=dict)
    """For each partition, the offset after the last record that was put in."""

    def __len__(self) -> int:
        return len(self.messages) + len(self.refusals)

    def add(self, message: Message, read: bytes | Refusal) -> None:
        """Add a record: its lines of the bulk request, or why it is refused."""
        self.extend([message], [read])

    def extend(self, messages: Sequence[Message], read: Sequence[bytes | Refusal]) -> None:
        """Add records, as `add` does with one."""
        if not self.ends and messages:
            self.oldest = messages[0].timestamp()[1]
        for message in messages:
            self.ends[message.partition()] = message.offset() + 1  # type: ignore[index,operator]
        lines = [one for one in read if isinstance(one, bytes)]
        size = sum(map(len, lines))
        self.held += sum(map(len, messages)) + size
        self.size += size
        self.lines += lines
        if len(lines) == len(messages):
            self.messages += messages
            return
        for message, one in zip(messages, read, strict=True):
            if isinstance(one, bytes):
                self.messages.append(message)
            else:
                self.refusals.append(one)

    def keep(self, positions: Sequence[int]) -> None:
        """Forget the messages that are settled; `positions`, in order, are those that are not."""
        self.messages = [self.messages[position] for position in positions]
        self.lines = [self.lines[position] for position in positions]

    def halve(self) -> "Batch":
        """Move the later half of the messages to a new batch, and return that.

        There must be no refusals: all that precedes the later half stays in this batch.
        """
        assert not self.refusals  # noqa: S101 - the caller's to see to
        half = len(self.messages) // 2
        rest = Batch()
        rest.extend(self.messages[half:], self.lines[half:])
        self.keep(range(half))
        self.size -= rest.size
        self.held -= rest.held
        for message in reversed(rest.messages):
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None:
                rest.ends[partition] = max(rest.ends[partition], self.ends[partition])
                self.ends[partition] = offset
        return rest

    def leave(self, partitions: Collection[int]) -> None:
        """Forget the records of partitions that were taken away, and give their memory back."""
        kept = []
        for number, (message, lines) in enumerate(zip(self.messages, self.lines, strict=True)):
            if message.partition() not in partitions:
                kept.append(number)
                continue
            self.size -= len(lines)
            self.held -= len(message) + len(lines)
        self.keep(kept)
        for refusal in self.refusals:
            if refusal.record.origin.partition in partitions:
                self.held -= len(refusal.record.value or b"")
        self.refusals = [r for r in self.refusals if r.record.origin.partition not in partitions]
        if not len(self):
            self.size = self.held = 0  # of what was settled before, or too large to be kept

    def reached(self) -> dict[int, int]:
        """Return for each partition the first offset that is not settled, or the end."""
        reached = dict(self.ends)
        unsettled = [(m.partition(), m.offset()) for m in self.messages]
        unsettled += [(r.record.origin.partition, r.record.origin.offset) for r in self.refusals]
        for partition, offset in unsettled:
            if partition is not None and offset is not None:
                reached[partition] = min(reached[partition], offset)
        return reached


def portions(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yield records in order, as many together as are read and added at once; large ones alone."""
    for start in range(0, len(messages), _TOGETHER):
        some = messages[start : start + _TOGETHER]
        if sum(map(len, some)) <= _TOGETHER_BYTES:
            yield some
        else:
            for message in some:
                yield [message]
