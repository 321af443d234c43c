"""Records that Kafka deleted before they were read: never passed over in silence."""

from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from faults.group import committed
from support.consumers import settle
from support.events import chat_opened
from support.servers import Deployment

pytestmark = pytest.mark.servers

KEY = b"one partition"


def expire(deployment: Deployment, partition: int, before: int) -> None:
    """Delete records as retention does."""
    admin = AdminClient(deployment.consumer.kafka_config())
    point = TopicPartition(f"{deployment.name}.events", partition, before)
    admin.delete_records([point])[point].result(30)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_records_that_expired_unread_stop_the_consumer(
    deployment: Deployment, log: Path, protocol: str
) -> None:
    """It names the lost range and ends with status 1; told to go on, it reads what is left."""
    deployment.extra["AUDITLOG_GROUP_PROTOCOL"] = protocol
    deployment.publish_raw(*(chat_opened(n) for n in range(10)), key=KEY)
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    ((partition, read),) = ((p, offset) for p, offset in committed(deployment).items() if offset > 0)
    assert read == 10
    deployment.publish_raw(*(chat_opened(n) for n in range(50)), key=KEY)
    expire(deployment, partition, 40)
    log.write_text("")
    for _ in range(2):  # it does not learn to like it
        with deployment.consuming(log=log) as process:
            assert process.wait(120) == 1
    last = log.read_text().splitlines()[-1]
    assert f"{deployment.name}.events [{partition}]: offsets 10 to 39 are gone" in last
    assert "--skip-expired" in last
    assert "Traceback" not in log.read_text()
    assert deployment.count() == 10
    assert committed(deployment)[partition] == 10
    with deployment.consuming("--skip-expired", log=log) as process:
        settle(deployment, log, process)
    assert deployment.count() == 30
    assert deployment.dead_letters() == []
