"""Which refused records the dead-letter topic has copies of.

Whoever may write to that topic can write headers that name any offset. So a dead letter says only
that there is a copy of these bytes, for this offset; `judge.py` finds out what they deserve.
"""

import hashlib
from array import array
from bisect import bisect_left
from datetime import datetime

from audit_consumer import Record
from audit_runtime.terminal import Report
from audit_schemas import Origin

from audit_admin.dead_letters.dead_letter import parse_dead_letter
from audit_admin.dead_letters.journal import identity_of
from audit_admin.offset_set import OffsetSet
from audit_admin.topic_reader import TopicReader

__all__ = ["Copies"]


class Copies:
    """The copies of one topic's records: their offsets, and eight bytes each of their identities."""

    def __init__(self) -> None:
        self._offsets: dict[int, OffsetSet] = {}
        self._identities = array("Q")

    @classmethod
    def read(
        cls, reader: TopicReader, dead_letter_topic: str, topic: str, since: datetime, report: Report
    ) -> "Copies":
        """Read the dead letters that were written at `since` or later, once.

        Older ones belong to a deleted topic of the same name.
        """
        copies = cls()
        for number in reader.partitions(dead_letter_topic):
            low, high = reader.bounds(dead_letter_topic, number)
            low = max(low, reader.offset_at(dead_letter_topic, number, since))
            for record in reader.read(dead_letter_topic, number, low, high):
                report("Reading dead letters", record.origin.offset - low, high - low)
                dead_letter = parse_dead_letter(record)
                if dead_letter is not None and dead_letter.origin.topic == topic:
                    copies._add(dead_letter.origin, dead_letter.identity)
        copies._identities = array("Q", sorted(copies._identities))
        return copies

    def offsets(self, partition: int) -> OffsetSet:
        """Return the offsets of a partition that dead letters name."""
        return self._offsets.get(partition, OffsetSet())

    def have(self, record: Record) -> bool:
        """Tell whether there is a copy of this very record: of its place and of its whole value."""
        if record.origin.offset not in self.offsets(record.origin.partition):
            return False
        digest = hashlib.sha256(record.value or b"").hexdigest()
        wanted = _short(identity_of(record.origin, digest))
        at = bisect_left(self._identities, wanted)
        return at < len(self._identities) and self._identities[at] == wanted

    def _add(self, origin: Origin, identity: bytes) -> None:
        self._offsets.setdefault(origin.partition, OffsetSet()).add(origin.offset)
        self._identities.append(_short(identity))


def _short(identity: bytes) -> int:
    return int.from_bytes(identity[:8], "big")
