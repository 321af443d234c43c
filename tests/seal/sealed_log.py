"""A sealed log of a test's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from audit_seal.block import SALT_BYTES, Block
from audit_seal.checkpoint import Checkpoint
from audit_seal.log_folder import LogEntry, LogReader
from audit_seal.note import Note
from audit_seal.service import initialize, seal_now
from audit_seal.settings import SealSettings
from audit_seal.statement import Entry, SettledOffset, SettledStatement, decode_entry
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from support.servers import Deployment

__all__ = ["SealedLog"]

_T = TypeVar("_T")
_Offset = tuple[int, int]


@dataclass
class SealedLog:
    """A deployment, and the folder that it is sealed in."""

    deployment: Deployment
    folder: Path
    more: dict[str, object] = field(default_factory=dict)

    @classmethod
    def make(cls, deployment: Deployment, folder: Path) -> "SealedLog":
        """Make the folder and the keys."""
        log = cls(deployment, folder)
        initialize(log.settings)
        return log

    @property
    def settings(self) -> SealSettings:
        """Settings of the sealer."""
        fields = {"seal_folder": self.folder} | self.deployment._fields() | self.more
        return SealSettings(**fields)

    def seal(self) -> Note:
        """Seal what there is."""
        return seal_now(self.settings)

    def size(self) -> int:
        """Return how many entries the last checkpoint covers."""
        note = LogReader(self.folder).checkpoint()
        assert note is not None
        return Checkpoint.parse(note.text).size

    def entries(self) -> list[Entry]:
        """Return what the last checkpoint covers."""
        return [decode_entry(each.entry) for each in self._raw()]

    def of(self, kind: type[_T]) -> list[_T]:
        """Return the entries of one kind."""
        return [entry for entry in self.entries() if isinstance(entry, kind)]

    def slots(self) -> dict[_Offset, tuple[bytes, bytes]]:
        """Return each sealed slot and its salt, by partition and offset."""
        found: dict[_Offset, tuple[bytes, bytes]] = {}
        for each in self._raw():
            entry = decode_entry(each.entry)
            if isinstance(entry, Block):
                for at, offset in enumerate(range(entry.first, entry.end)):
                    salt = each.salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
                    assert (entry.partition, offset) not in found
                    found[entry.partition, offset] = entry.slot(offset), salt
        return found

    def settled(self) -> dict[int, int]:
        """Return up to where each partition is settled, if it is; nothing is settled twice."""
        ends: dict[int, int] = {}
        for statement in self.of(SettledStatement):
            partition = statement.range.place.partition
            assert statement.range.first == ends.get(partition, 0)
            ends[partition] = statement.range.end
        return ends

    def exceptions(self) -> dict[_Offset, SettledOffset]:
        """Return the offsets without a document, by partition and offset."""
        return {
            (statement.range.place.partition, each.offset): each
            for statement in self.of(SettledStatement)
            for each in statement.exceptions
        }

    def published(self) -> list[Note]:
        """Return what is in the topic of seals."""
        records = self.deployment.records(self.settings.seals_topic)
        return [Note.parse(record.value or b"") for record in records]

    def delete_records(self, partition: int, before: int) -> None:
        """Delete a partition's first records from Kafka."""
        admin = AdminClient({"bootstrap.servers": self.deployment.servers.kafka})
        place = TopicPartition(self.settings.topic, partition, before)
        admin.delete_records([place])[place].result(60)

    def _raw(self) -> Iterator[LogEntry]:
        return LogReader(self.folder).entries(0, self.size())
