"""Reading the dead-letter topic."""

from collections.abc import Iterator

from audit_admin.dead_letters.dead_letter import DeadLetter, Selection, parse_dead_letter
from audit_admin.dead_letters.journal import JournalEntry, parse_entry
from audit_admin.topic_reader import TopicReader

__all__ = ["DeadLetterReader"]


class DeadLetterReader:
    """The dead-letter topic as of now: what is written later is not read.

    Each method that reads starts over, and holds one record at a time. Raises SetupFaultError if Kafka
    does not answer, or does not have the topic.
    """

    def __init__(self, reader: TopicReader, topic: str) -> None:
        self._reader = reader
        self.topic = topic
        self._bounds = {number: reader.bounds(topic, number) for number in reader.partitions(topic)}

    def __len__(self) -> int:
        return sum(high - low for low, high in self._bounds.values())

    @property
    def partitions(self) -> list[int]:
        """The numbers of the topic's partitions."""
        return list(self._bounds)

    def start(self, partition: int) -> int:
        """Return the offset from which on a partition is read."""
        return self._bounds[partition][0]

    def end(self, partition: int) -> int:
        """Return the offset up to which a partition is read."""
        return self._bounds[partition][1]

    def read(self) -> Iterator[DeadLetter | JournalEntry | None]:
        """Yield dead letters and journal entries; None for any other record."""
        for partition, (low, high) in self._bounds.items():
            yield from self.read_range(partition, low, high)

    def read_range(
        self, partition: int, first: int, end: int
    ) -> Iterator[DeadLetter | JournalEntry | None]:
        """Yield what is at the offsets from `first` up to, excluding, `end`."""
        for record in self._reader.read(self.topic, partition, first, end):
            yield parse_dead_letter(record) or parse_entry(record)

    def dead_letters(self, selection: Selection) -> Iterator[DeadLetter]:
        """Yield the first dead letter of each selected record."""
        seen: set[bytes] = set()
        for item in self.read():
            if isinstance(item, DeadLetter) and selection.matches(item) and item.identity not in seen:
                seen.add(item.identity)
                yield item
