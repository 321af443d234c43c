"""The consumer's loop, without servers."""

from collections.abc import Iterable
from typing import Any

import pytest
from audit_consumer import loop
from audit_consumer.batch import Batch
from audit_consumer.decode import Decoder
from audit_consumer.errors import SetupFaultError
from audit_consumer.loop import ConsumerLoop
from audit_consumer.settings import ConsumerSettings
from audit_consumer.settle import Progress
from audit_schemas import Catalogue, IndexNaming, TimeBounds
from confluent_kafka import Message
from support.events import chat_opened
from support.messages import message


class Member:
    """The only consumer of a group; it asks for a stop as soon as one record was read."""

    is_careful = False

    def __init__(self, consumer: ConsumerLoop) -> None:
        self.committed: list[tuple[int, int]] = []
        self._consumer = consumer

    def join(self) -> None:
        """Have all partitions."""

    def read(self, *_: object) -> list[Message]:
        """Return a record."""
        self._consumer.stop()
        return [message(chat_opened())]

    def stay(self, _: float) -> list[Message]:
        """Read nothing."""
        return []

    def commit(self, positions: Iterable[tuple[int, int]], **_: object) -> None:
        """Note what is committed."""
        self.committed += positions

    def lag(self, _: object) -> dict[int, int]:
        """Be nowhere behind."""
        return {}

    def close(self) -> None:
        """Do nothing."""


def test_fault_of_the_setup_ends_a_stop_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password is told, not sent again and again for as long as a stop may take."""
    sent: list[Batch] = []

    class Refused:
        """Settles nothing."""

        def advance(self, batch: Batch) -> Progress:
            """Be refused."""
            sent.append(batch)
            return Progress(blocking_error=SetupFaultError("refuses the credentials"))

    settler: Any = Refused()
    decoder = Decoder(Catalogue.load(), TimeBounds.unlimited(), IndexNaming("audit-events"))
    monkeypatch.setattr(loop, "Membership", lambda *_, **__: None)
    consumer = ConsumerLoop(ConsumerSettings(drain_seconds=1), decoder, settler)
    member = Member(consumer)
    monkeypatch.setattr(consumer, "_membership", member)
    with pytest.raises(SetupFaultError, match="refuses the credentials"):
        consumer.run()
    assert len(sent) == 1
    assert member.committed == []
