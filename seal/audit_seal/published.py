"""The checkpoints in the topic of seals, held to a log: that finds one rolled back or forked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from audit_runtime.kafka import partition_bounds, visible_partitions
from confluent_kafka import Consumer, TopicPartition

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import SealError, SignatureError
from audit_seal.note import Note, VerifierKey
from audit_seal.seals_topic import note_in
from audit_seal.settings import SealSettings

__all__ = ["Published", "check_published_log", "read_published"]

_SECONDS = 15.0
_MOST_FAULTS = 20


@dataclass(slots=True)
class Published:
    """What the topic has of a log: the root of each size; and what is wrong with records there.

    About 200 bytes a checkpoint: 100 MB for a year of one a minute.
    """

    topic: str
    roots: dict[int, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, offset: int, note: Note, keys: Sequence[VerifierKey]) -> None:
        """Take in a checkpoint of the log."""
        checkpoint = Checkpoint.parse(note.text)
        try:
            _verify(note, keys)
        except SignatureError:
            self._tell(f"the checkpoint at offset {offset} is not signed by the log's key")
            return
        if self.roots.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            self._tell(
                f"the log was forked: two checkpoints of {checkpoint.size} entries are published, "
                f"one of them at offset {offset}"
            )

    def _tell(self, fault: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(f"{self.topic}: {fault}")


def read_published(
    settings: SealSettings,
    origin: str,
    keys: Sequence[VerifierKey],
    report: Callable[[str, int, int], None],
) -> Published:
    """Read all that is published of a log up to now. Raises SealError, KafkaException."""
    topic = settings.seals_topic
    found = Published(topic)
    with closing(Consumer(settings.consumer_config())) as consumer:
        if not visible_partitions(consumer, topic, seconds=_SECONDS):
            raise SealError(f"Topic {topic} is missing, or may not be read: nothing can be compared")
        low, high = partition_bounds(consumer, TopicPartition(topic, 0), seconds=_SECONDS)
    if low > 0:
        found.faults.append(f"{topic}: what was published before offset {low} was deleted")
    for offset, note in _notes(settings, topic, low, high):
        report("Reading what was published", offset - low, high - low)
        if Checkpoint.parse(note.text).origin == origin:
            found.add(offset, note, keys)
    return found


def check_published_log(
    published: Published, checkpoint: Checkpoint, logs_roots: Mapping[int, bytes]
) -> list[str]:
    """Return what contradicts the log that this is the checkpoint of; `logs_roots` by its sizes.

    The checkpoint must have been read after what was published.
    """
    topic, newest = published.topic, max(published.roots, default=0)
    faults = list(published.faults)
    if not published.roots:
        faults.append(f"{topic}: no checkpoint of this log is published")
    if newest > checkpoint.size:
        faults.append(
            f"{topic}: a checkpoint of {newest} entries is published, and this log has "
            f"{checkpoint.size}: it was rolled back, or it is an old copy"
        )
    sizes = (size for size in published.roots if size <= checkpoint.size)
    forked = [size for size in sizes if published.roots[size] != logs_roots.get(size)]
    if forked:
        faults.append(
            f"{topic}: the log was forked: {len(forked)} checkpoints are published that it does not "
            f"contain, the first one of {min(forked)} entries"
        )
    return faults


def _notes(settings: SealSettings, topic: str, first: int, end: int) -> Iterator[tuple[int, Note]]:
    from audit_runtime.partition_reader import PartitionReader  # noqa: PLC0415 - slow to import

    with closing(PartitionReader(settings)) as reader:
        while first < end:
            found = reader.fetch(topic, 0, first, seconds=_SECONDS)
            for message in found.records:
                note = note_in(message)
                if note is not None:
                    yield message.offset() or 0, note
            if found.next_offset == first:
                break
            first = found.next_offset


def _verify(note: Note, keys: Sequence[VerifierKey]) -> None:
    signed = {(signature.name, signature.key_id) for signature in note.signatures}
    known = [key for key in keys if (key.name, key.key_id) in signed]
    if not known:
        raise SignatureError("No key of the log has signed this")
    for key in known:
        note.verify(key)
