"""When Kafka took a record: any number, in a topic that leaves it to publishers."""

import json

import pytest
from audit_consumer.decode import Decoder
from audit_consumer.record import Record, Refusal
from audit_schemas import Catalogue, IndexNaming, Reason, TimeBounds, format_timestamp
from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError, Message
from support.events import chat_opened
from support.messages import NOW

CANONICAL = chat_opened()
SPACED = json.dumps(json.loads(CANONICAL)).encode()


def record(milliseconds: int, value: bytes | None, error: KafkaError | None = None) -> Message:
    """Return a record whose publisher gave it a time."""
    return Message(
        topic="audit.events",
        partition=0,
        offset=7,
        timestamp=(TIMESTAMP_CREATE_TIME, milliseconds),
        value=value,
        error=error,
    )


@pytest.mark.parametrize("value", [CANONICAL, SPACED], ids=["fast path", "slow path"])
@pytest.mark.parametrize(
    ("milliseconds", "reason"),
    [
        (2**63 - 1, Reason.TOO_OLD),
        (253_402_300_800_000, Reason.TOO_OLD),
        (253_402_300_799_999, Reason.TOO_OLD),
        (-1, Reason.TOO_NEW),
        (-(2**63), Reason.TOO_NEW),
    ],
)
def test_time_of_no_calendar_refuses_its_record_alone(
    milliseconds: int, reason: Reason, value: bytes
) -> None:
    """It ended the consumer, at each start again."""
    decoder = Decoder(Catalogue.load(), TimeBounds(), IndexNaming("audit-events"))
    found = decoder.read(record(milliseconds, value), format_timestamp(NOW))
    assert isinstance(found, Refusal)
    assert found.reason == reason


@pytest.mark.parametrize("milliseconds", [2**63 - 1, -(2**63)])
def test_record_that_can_not_be_had_may_have_such_a_time(milliseconds: int) -> None:
    """As one of a damaged batch may."""
    lost = record(milliseconds, None, KafkaError(KafkaError._BAD_MSG, "damaged"))  # noqa: SLF001
    assert Record.of(lost).defect == "damaged"
