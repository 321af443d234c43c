"""A topic that was deleted and made again under its name: its offsets begin anew."""

from pathlib import Path

import pytest
from audit_admin import set_up
from confluent_kafka.admin import AdminClient
from faults.crew import Crew
from support.conditions import wait_until
from support.consumers import settle
from support.events import chats
from support.servers import Deployment

pytestmark = pytest.mark.servers


def test_offsets_that_come_again_overwrite_nothing(deployment: Deployment, tmp_path: Path) -> None:
    """An id is the event's own, and no offset is a version: old events stay, new ones are indexed."""
    old, new = chats(200), chats(200)
    with Crew(deployment, tmp_path) as crew:
        consumer = crew.join()
        deployment.publish_raw(*old.values(), key=b"one partition")
        crew.settle()
        crew.leave(consumer)
        make_topic_again(deployment)
        deployment.publish_raw(*new.values(), *old.values(), key=b"one partition")
        crew.join()
        crew.settle()
    found = {document["_id"]: document for document in deployment.documents()}
    assert {*old, *new} == found.keys()
    assert deployment.count() == len(old) + len(new)
    offsets = {identity: found[identity]["audit"]["kafka"]["offset"] for identity in found}
    assert sorted(offsets[identity] for identity in old) == list(range(200))
    assert sorted(offsets[identity] for identity in new) == list(range(200))
    assert deployment.dead_letters() == []


def test_running_consumer_says_that_the_topic_was_made_anew(deployment: Deployment, log: Path) -> None:
    """Its offsets are gone with the old topic, and nothing of the new one is passed over."""
    new = chats(3)
    with deployment.consuming(log=log) as consumer:
        deployment.publish_raw(*chats(5).values(), key=b"one partition")
        settle(deployment, log, consumer)
        make_topic_again(deployment)
        deployment.publish_raw(*new.values(), key=b"one partition")
        assert 1 == consumer.wait(120)
    said = log.read_text()
    assert "was deleted and created again" in said
    assert "auditlog consume --start earliest" in said
    with deployment.consuming(log=log) as consumer:
        settle(deployment, log, consumer)
    assert new.keys() <= {document["_id"] for document in deployment.documents()}


def make_topic_again(deployment: Deployment) -> None:
    """Delete the events topic, and set it up as before."""
    topic = f"{deployment.name}.events"
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in admin.list_topics(timeout=60).topics, what="the topic is gone")
    list(set_up(deployment.setup))
