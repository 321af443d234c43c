"""A reader of partitions whose user has a quota."""

from types import SimpleNamespace
from typing import Any

import pytest
from audit_runtime.partition_reader import PartitionReader
from audit_runtime.settings import KafkaSettings
from confluent_kafka import KafkaError, KafkaException

HELD_BACK = SimpleNamespace(responses=[])
"""What a broker answers beyond a quota: no error, and no topic."""
PARTITION = SimpleNamespace(error_code=0, records=b"", aborted_transactions=None, last_stable_offset=7)
ANSWER = SimpleNamespace(responses=[SimpleNamespace(partitions=[PARTITION])])


class Client:
    """Gives answers, and the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def send_and_receive(self, *_: Any) -> Any:
        """Return the next answer."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def reader_of(client: Client, monkeypatch: pytest.MonkeyPatch) -> PartitionReader:
    """Return a reader that asks this client."""
    monkeypatch.setattr(PartitionReader, "_connected", lambda _: client)
    monkeypatch.setattr(PartitionReader, "_leader", lambda *_: 0)
    return PartitionReader(KafkaSettings())


def test_answer_that_a_quota_keeps_back_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names no topic at all."""
    found = reader_of(Client(HELD_BACK, HELD_BACK, ANSWER), monkeypatch).fetch("audit.events", 0, 7)
    assert (list(found.records), found.next_offset, found.end) == ([], 7, 7)


def test_quota_that_keeps_all_back_is_an_error_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that those who read know how to wait for."""
    reader = reader_of(Client(HELD_BACK), monkeypatch)
    with pytest.raises(KafkaException) as raised:
        reader.fetch("audit.events", 0, 7, seconds=0.01)
    assert raised.value.args[0].code() == KafkaError.THROTTLING_QUOTA_EXCEEDED
