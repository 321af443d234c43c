"""Reads what librdkafka fetched of the assigned partitions, a few records at a time."""

import time
from collections.abc import Mapping
from typing import Protocol

from confluent_kafka import Message, TopicPartition

__all__ = ["Client", "ClientReader"]

_READ_BYTES = 4 * 1024 * 1024
_AT_A_TIME = 10


class Client(Protocol):
    """What is needed of `confluent_kafka.Consumer`."""

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        """Return up to so many records; callbacks run meanwhile."""

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Read these partitions, too."""

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Read these partitions no longer."""


class ClientReader:
    """Knows where each assigned partition began, and which were given up during a read.

    `assign` and `drop` are for the callbacks of the client, which run inside its `consume`.
    """

    def __init__(self, client: Client, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._dropped: set[int] = set()
        self.begun: dict[int, int] = {}
        """For each assigned partition the offset that it was assigned at."""

    def assign(self, offsets: Mapping[int, int]) -> None:
        """Note where partitions begin that are assigned now."""
        self.begun.update(offsets)

    def drop(self, partitions: list[int]) -> None:
        """Note that partitions are given up: what a read has of them already is not ours any more."""
        self._dropped.update(partitions)
        for partition in partitions:
            self.begun.pop(partition, None)

    def read(self, count: int, seconds: float) -> list[Message]:
        """Return up to so many records and about 4 MiB, or what there is after so long.

        A few are taken at a time, which costs no more: headers without end are unpacked here.
        """
        messages: list[Message] = []
        size = 0
        deadline = time.monotonic() + seconds
        self._dropped.clear()
        while len(messages) < count and size < _READ_BYTES and not self._dropped:
            left = max(0.0, deadline - time.monotonic())
            found = self._client.consume(min(_AT_A_TIME, count - len(messages)), left)
            if not found:
                break
            messages += found
            size += sum(map(len, found))
        return self._still_ours(messages) if self._dropped else messages

    def _still_ours(self, messages: list[Message]) -> list[Message]:
        """Leave out records of partitions that were given up after they had been taken.

        Another consumer reads them again. Settled here, their offsets would be committed past records
        that it has not settled yet, and lost if it ends. A partition that came back within the same
        read begins again where it was assigned, since its old and new records can't be told apart.
        """
        for partition in self._dropped & self.begun.keys():
            place = TopicPartition(self._topic, partition, self.begun[partition])
            self._client.incremental_unassign([place])
            self._client.incremental_assign([place])
        return [m for m in messages if m.error() is not None or m.partition() not in self._dropped]
