"""How long records are written for when Kafka no longer answers."""

from collections.abc import Callable
from typing import Any

import pytest
from audit_admin.dead_letters import record_writer
from audit_admin.dead_letters.journal import CLAIM_LIFETIME
from audit_admin.dead_letters.record_writer import OutgoingRecord, RecordWriter
from audit_runtime import KafkaSettings
from audit_schemas import Origin
from confluent_kafka import KafkaError


class Silent:
    """A producer whose broker rejects the first batch for its size, and answers nothing after that."""

    def __init__(self, now: list[float], *, answers: bool) -> None:
        self.now = now
        self.answers = answers
        self.waiting: list[Callable[..., None]] = []
        self.batches: list[int] = []

    def enqueue(self, *_: object, on_delivery: Callable[..., None], **__: object) -> None:
        """Queue a record."""
        self.waiting.append(on_delivery)

    def flush(self, seconds: float) -> None:
        """Report what became of the queued records."""
        code, self.batches = KafkaError.MSG_SIZE_TOO_LARGE, [*self.batches, len(self.waiting)]
        if len(self.batches) > 1 and not self.answers:
            self.now[0] += seconds
            code = KafkaError._MSG_TIMED_OUT  # noqa: SLF001 - public code
        for report in self.waiting:
            if len(self.batches) > 1 and self.answers:
                report(None, Message())
            else:
                report(KafkaError(code), None)
        self.waiting.clear()


class Message:
    """Where a record was written."""

    def partition(self) -> int:
        """Return the partition."""
        return 0

    def offset(self) -> int:
        """Return the offset."""
        return 7


@pytest.mark.parametrize("answers", [True, False])
def test_records_are_tried_one_by_one_for_less_than_a_claim_lasts(
    answers: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After that, another run may publish them."""
    now = [0.0]
    producer = Silent(now, answers=answers)
    played: Any = producer
    monkeypatch.setattr(record_writer, "KafkaProducer", lambda *_: played)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    records = [OutgoingRecord("audit.events", 0, None, b"{", ())] * 500
    results = RecordWriter(KafkaSettings()).send(records)
    assert now[0] < CLAIM_LIFETIME.total_seconds()
    assert all(isinstance(one, Origin) for one in results) == answers
    assert producer.batches == [500, *[1] * (500 if answers else 1)]
