"""The topic of signed checkpoints: what was published of the log, compared with the log on disk.

A sealer whose folder was restored from an old copy, or that is not alone, would sign a second history.
It is stopped here: everything that was ever published must be a part of the log that it continues.
"""

import threading
import time

import structlog
from audit_runtime.kafka import KafkaProducer, partition_bounds, visible_partitions
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, SealError, SignatureError
from audit_seal.log_folder import LogReader
from audit_seal.note import Note, VerifierKey
from audit_seal.settings import SealSettings

__all__ = ["SealsTopic", "check_published", "note_in"]

_log = structlog.get_logger()

_SECONDS = 15.0
_STEP = 500


class SealsTopic:
    """Reads and writes the topic. For one thread. KafkaException passes through."""

    def __init__(self, settings: SealSettings) -> None:
        from audit_runtime.partition_reader import PartitionReader  # noqa: PLC0415 - slow to import

        self._name = settings.seals_topic
        self._consumer = Consumer(settings.consumer_config())
        self._reader = PartitionReader(settings)
        self._producer = KafkaProducer(settings, {"linger.ms": 0})
        self._seen = -1
        """Before this offset everything was compared; negative before the first time."""

    def compare(self, log: LogReader, key: VerifierKey, size: int) -> int:
        """Compare what was published since the last call with a log of `size` entries.

        Returns the size of the newest checkpoint among it, 0 if there is none. Raises SealError where
        one is not of this log, or not a part of it.
        """
        if not visible_partitions(self._consumer, self._name, seconds=_SECONDS):
            raise SealError(f"Topic {self._name} is missing; create it with: auditlog setup")
        place = TopicPartition(self._name, 0)
        low, high = partition_bounds(self._consumer, place, seconds=_SECONDS)
        newest = 0
        if not 0 <= self._seen <= high:  # the start, or the topic is another one
            end = high
            while end > low and not newest:  # the last one contains all before it
                first = max(low, end - _STEP)
                newest = self._compare(first, end, log, key, size)
                end = first
        else:
            newest = self._compare(max(low, self._seen), high, log, key, size)
        self._seen = high
        return newest

    def publish(self, note: Note) -> None:
        """Publish a checkpoint. Raises KafkaException if it was not acknowledged."""
        answered = threading.Event()
        failed: list[KafkaError] = []

        def on_delivery(error: KafkaError | None, message: Message | None) -> None:
            if error is not None:
                failed.append(error)
            elif message is not None and message.offset() == self._seen:
                self._seen += 1  # nobody has published in between
            answered.set()

        deadline = time.monotonic() + _SECONDS
        origin = note.text.partition("\n")[0].encode()
        self._producer.enqueue(
            self._name,
            str(note).encode(),
            key=origin,
            partition=0,
            on_delivery=on_delivery,
            deadline=deadline,
        )
        self._producer.flush(_SECONDS)
        if failed:
            raise KafkaException(failed[0])
        if not answered.is_set():
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its only name

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._consumer.close()

    def _compare(self, first: int, end: int, log: LogReader, key: VerifierKey, size: int) -> int:
        newest = 0
        while first < end:
            found = self._reader.fetch(self._name, 0, first, seconds=_SECONDS)
            for message in found.records:
                note = note_in(message)
                if note is not None and Checkpoint.parse(note.text).origin == key.name:
                    newest = check_published(note, log, key, size)
            if found.next_offset == first:
                break
            first = found.next_offset
        return newest


def check_published(note: Note, log: LogReader, key: VerifierKey, size: int) -> int:
    """Return the size of a published checkpoint that is a part of a log of `size` entries.

    Raises SealError if it is not.
    """
    published = Checkpoint.parse(note.text)
    try:
        note.verify(key)
    except SignatureError:
        raise SealError(
            f"A checkpoint of {key.name} is published that another key has signed: another sealer has "
            "that name. Set AUDITLOG_SEAL_NAME to another one, and run: auditlog seal init"
        ) from None
    if published.size > size:
        raise SealError(
            f"A checkpoint of {published.size} entries is published, and the folder has {size}: it was "
            "restored from an old copy, or another sealer goes on with this log. Nothing was signed. "
            "See docs/operating.md#restore-the-sealed-log"
        )
    if log.root(published.size) != published.root:
        raise SealError(
            f"The published checkpoint of {published.size} entries is not one of this folder's log: "
            "two sealers have gone on with copies of it. Nothing was signed; keep both folders. See "
            "docs/operating.md#restore-the-sealed-log"
        )
    return published.size


def note_in(message: Message) -> Note | None:
    """Return the checkpoint in a record; None for what is not a checkpoint."""
    value = message.value()
    if not isinstance(value, bytes):
        return None
    try:
        note = Note.parse(value)
        Checkpoint.parse(note.text)
    except FormatError:
        _log.warning("not a checkpoint", topic=message.topic(), offset=message.offset())
        return None
    return note
