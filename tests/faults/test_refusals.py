"""Events that are refused for good: alone, with their reason, and never without a dead letter."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from audit_admin import set_up
from audit_schemas.dead_letter import MESSAGE_HEADER, PATH_HEADER, REASON_HEADER
from confluent_kafka.admin import AdminClient
from faults.group import evict_all, lag
from faults.proof import assert_exactly_once
from faults.topics import set_topic
from support.conditions import wait_until
from support.consumers import settle
from support.events import chats, raw
from support.log_index import map_trace_ids_as_addresses
from support.servers import Deployment

pytestmark = pytest.mark.servers


def test_value_that_the_index_refuses_is_dead_lettered_alone(deployment: Deployment, log: Path) -> None:
    """An item's 400, in an index that is ours and sound, is the event's own fault."""
    map_trace_ids_as_addresses(deployment)
    good, bad = chats(300) | chats(300, trace="192.0.2.1"), chats(3, trace="no address")
    values = [*good.values()]
    for place, value in zip((0, 250, 600), bad.values(), strict=True):
        values.insert(place, value)
    deployment.publish_raw(*values, key=b"one partition")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert_exactly_once(deployment, [*good], refused=[*bad.values()])
    for letter in deployment.dead_letters():
        assert letter.header(REASON_HEADER) == b"rejected-by-index"
        assert b"no address" not in (letter.header(MESSAGE_HEADER) or b"")
    assert "no address" not in log.read_text()


def test_same_event_twice_is_a_duplicate(deployment: Deployment, log: Path) -> None:
    """Whether in one bulk, in another partition or after a restart: no document, no dead letter."""
    events = chats(100)
    deployment.publish_raw(*events.values(), *events.values(), key=b"one partition")
    deployment.publish_raw(*events.values(), key=b"another")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
        process.terminate()
        assert process.wait(120) == 0
    deployment.publish_raw(*events.values(), key=b"and one more")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert_exactly_once(deployment, [*events], repeated=300)


def test_same_id_with_other_content_is_a_conflict(deployment: Deployment, log: Path) -> None:
    """The first one stays; each other one is dead-lettered as id-conflict, as it was."""
    one, *others = (raw(user={"id": f"u-{number}"}) for number in range(4))
    deployment.publish_raw(one, others[0], one, key=b"one partition")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
        deployment.publish_raw(others[1], key=b"another")
        settle(deployment, log, process)
        process.terminate()
        assert process.wait(120) == 0
    deployment.publish_raw(others[2], one)
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert_exactly_once(deployment, ["0123456789abcdef"], refused=others, repeated=2)
    assert [document["user"]["id"] for document in deployment.documents()] == ["u-0"]
    for letter in deployment.dead_letters():
        assert letter.header(REASON_HEADER) == b"id-conflict"
        assert letter.header(PATH_HEADER) == b"event.id"


@contextmanager
def not_there(deployment: Deployment) -> Iterator[None]:
    """Delete the dead-letter topic, and make it again in the end."""
    topic = f"{deployment.name}.dead-letter"
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in admin.list_topics(timeout=60).topics, what="the topic is gone")
    yield
    list(set_up(deployment.setup))


@contextmanager
def without_room(deployment: Deployment) -> Iterator[None]:
    """Let the dead-letter topic take no record, however small."""
    topic, limit = f"{deployment.name}.dead-letter", "max.message.bytes"
    set_topic(deployment, topic, limit, "1")
    yield
    set_topic(deployment, topic, limit, "2000000")


@pytest.mark.parametrize("fault", [not_there, without_room])
def test_nothing_is_committed_past_a_record_that_has_no_dead_letter(
    deployment: Deployment, log: Path, fault: Any
) -> None:
    """The refused record holds its partition's watermark; kill -9 meanwhile loses nothing."""
    deployment.extra["AUDITLOG_DRAIN_SECONDS"] = "1"
    before, after = chats(50), chats(50)
    values = [*before.values(), b"poison", *after.values()]
    with fault(deployment):
        deployment.publish_raw(*values, key=b"one partition")
        for _ in range(2):
            log.write_text("")
            with deployment.consuming(log=log) as process:
                wait_until(lambda: log.read_text().count('"waiting"') > 1, what="it waits")
                assert process.poll() is None
                process.kill()
                process.wait()
            evict_all(deployment)
            assert lag(deployment) >= len(after) + 1
            assert deployment.count() == len(before) + len(after)
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert_exactly_once(deployment, [*before, *after], refused=[b"poison"])
