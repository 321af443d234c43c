"""A repair that Elasticsearch holds up."""

from collections import Counter
from typing import Any

from audit_admin.verification.repair import settle
from audit_consumer.batch import Batch
from audit_consumer.errors import UnreachableError
from audit_consumer.record import Outcome
from audit_consumer.settle import Progress


class OneMessage:
    """A message, as far as a pack asks."""

    def __len__(self) -> int:
        return 1

    def partition(self) -> int:
        """Return where it is."""
        return 0

    def offset(self) -> int:
        """Return where it is there."""
        return 0

    def timestamp(self) -> tuple[int, int]:
        """Return when Kafka took it."""
        return 1, 1


class Busy:
    """A decoder that writes down the time alone, and a settler that is hindered twice."""

    def __init__(self) -> None:
        self.tried: list[bytes] = []

    def read_all(self, _: Any, ingested: str) -> list[bytes]:
        """Return the time."""
        return [ingested.encode()]

    def advance(self, pack: Batch) -> Progress:
        """Settle at the third try."""
        self.tried += pack.lines
        if len(self.tried) < 3:
            return Progress(blocking_error=UnreachableError("busy"))
        pack.keep([])
        return Progress(Counter({Outcome.INDEXED: 1}))


def test_what_is_written_later_is_ingested_later() -> None:
    """No offset holds alert rules back for it: an earlier time may be one that they have covered."""
    busy: Any = Busy()
    messages: Any = [OneMessage()]
    assert settle(messages, busy, busy) == {Outcome.INDEXED: 1}
    assert len(set(busy.tried)) == 3
    assert busy.tried == sorted(busy.tried)
