"""Dead letters as a consumer writes them, without the consumer: for tests of what reads them."""

from collections.abc import Sequence

from audit_consumer.dead_letters import DeadLetters
from audit_consumer.record import Record, Refusal
from audit_schemas import Reason
from support.servers import Deployment

__all__ = ["refuse", "send", "source_records"]


def refuse(
    deployment: Deployment,
    *values: bytes | None,
    reason: Reason = Reason.UNKNOWN_ACTIVITY,
    path: str = "event.action",
    message: str = "frobnicated is not in the catalogue",
    copies: int = 1,
) -> list[Record]:
    """Publish records to one partition, refuse them, and return them."""
    before = len(source_records(deployment))
    deployment.publish_raw(*values, key=b"one partition")
    records = source_records(deployment)[before:]
    send(deployment, [Refusal(record, reason, path, message) for record in records] * copies)
    return records


def send(deployment: Deployment, refusals: Sequence[Refusal]) -> None:
    """Write dead letters."""
    dead_letters = DeadLetters(deployment.consumer)
    assert dead_letters.send(refusals, 30) == []
    dead_letters.close()


def source_records(deployment: Deployment) -> list[Record]:
    """Return what is in the events topic, in the order of its offsets where all is in one partition."""
    return deployment.records(f"{deployment.name}.events")
