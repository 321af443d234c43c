"""One run of a replay whose topics are played."""

from datetime import UTC, datetime
from typing import Any

import pytest
from audit_admin.dead_letters import replay
from audit_admin.dead_letters.dead_letter import DeadLetter
from audit_admin.dead_letters.journal import CLAIM_LIFETIME, ReplayJournal
from audit_admin.dead_letters.replay import Replayer
from audit_consumer import ConsumerSettings, SetupFaultError
from audit_schemas import Origin

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)


class Topics:
    """Three partitions of events without records, and a dead-letter topic that is only written to."""

    topic = "audit.events.dead-letter"

    def partitions(self, _: str) -> list[int]:
        """Return the numbers of the partitions that are there."""
        return [0, 1, 2]

    def read_at(self, topic: str, partition: int, _: int) -> None:
        """Say as Kafka does that a partition is not there."""
        if partition not in self.partitions(topic):
            raise SetupFaultError("Kafka does not answer (Local: Unknown partition)")

    def end(self, _: int) -> int:
        """Return where the journal goes on."""
        return 0


def dead_letter(partition: int, size: int | None = None) -> DeadLetter:
    """Return one of this partition; with a size, a truncated one."""
    position, origin = Origin(Topics.topic, 0, 5), Origin("audit.events", partition, 7)
    return DeadLetter(
        position, BEGIN, origin, BEGIN, "malformed", "", "", None, b"{", (), size, "digest"
    )


def test_truncated_dead_letter_of_a_partition_that_is_no_more_stops_no_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A topic that was made anew may have fewer partitions; the others are published."""
    monkeypatch.setattr(replay, "RecordWriter", lambda _: None)
    played: Any = Topics()
    replayer = Replayer(
        ConsumerSettings(), played, played, ReplayJournal(), again=False, claim_lifetime=CLAIM_LIFETIME
    )
    for each in (dead_letter(11, size=2_000_000), dead_letter(2, size=2_000_000), dead_letter(11)):
        replayer.add(each, publish=False)
    assert replayer.result.incomplete == 2
    assert (
        "audit.events [11] offset 7: the dead letter has only the first 1 of"
        in (replayer.result.details[0])
    )
    assert replayer.result.replayed == {"malformed": 1}
