"""The sealer on a real Kafka: what it seals, and what it refuses."""

from pathlib import Path

import pytest
from audit_seal.block import Kind, slot_of
from audit_seal.service import initialize
from seal.sealed_log import SealedLog
from support.events import chat_opened
from support.servers import Deployment


@pytest.fixture
def sealed(deployment: Deployment, tmp_path: Path) -> SealedLog:
    """Give a log that is made, and has sealed nothing yet."""
    log = SealedLog(deployment, tmp_path / "seal")
    initialize(log.settings)
    return log


def test_each_record_has_its_slot(sealed: SealedLog) -> None:
    """The slot is the salted hash of the record as Kafka holds it; a record without a value counts."""
    values = [chat_opened(number) for number in range(300)]
    sealed.deployment.publish_raw(*values, key=b"one partition")
    sealed.deployment.publish_raw(None, b"no event", key=b"one partition")
    sealed.seal()
    slots = sealed.slots()
    records = sealed.deployment.records(sealed.settings.topic)
    assert len(records) == len(slots) == 302
    for record in records:
        slot, salt = slots[record.origin.partition, record.origin.offset]
        kind = Kind.RECORD if record.value is not None else Kind.NULL
        time_ms = round(record.received.timestamp() * 1000)
        assert slot == slot_of(salt, kind, time_ms, record.value or b"")
