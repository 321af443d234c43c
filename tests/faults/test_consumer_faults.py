"""Consumers that are killed, stopped, joined and frozen while events flow."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from audit_consumer.membership import Membership
from faults.crew import Crew, conflicts
from faults.flow import Flow
from faults.group import committed, evict_all, lag, owned
from faults.proof import assert_flow_settled
from support.command import clean_environment
from support.conditions import wait_until
from support.events import chat_opened
from support.servers import Deployment

pytestmark = pytest.mark.servers

KILLS = 3
STOPS = 3
BACKLOG = 10_000

PROTOCOLS = pytest.mark.parametrize("protocol", ["classic", "consumer"])


def at_random(chance: random.Random) -> int:
    """Return after how many writes the fault comes: by work, since the consumer may be of any speed."""
    return chance.randint(1, BACKLOG * 3 // 4)


def test_killed_at_random_moments(
    deployment: Deployment, tmp_path: Path, chance: random.Random
) -> None:
    """Three times kill -9, each while it works off a backlog, and events flow."""
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.start()
            for _ in range(KILLS):
                flow.burst(BACKLOG - lag(deployment))
                consumer = crew.join()
                crew.wait_for_work(at_random(chance))
                crew.kill(consumer)
                assert lag(deployment) > 0, "the kill came too late to prove anything"
                evict_all(deployment)
        crew.join()
        crew.settle()
    assert_flow_settled(deployment, flow)
    assert conflicts(deployment) > flow.repeated, "no kill came between a write and its commit"


def test_stopped_in_the_middle(deployment: Deployment, tmp_path: Path, chance: random.Random) -> None:
    """SIGTERM while events flow: all that was written is committed, and the rest is for the next."""
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.start()
            for _ in range(STOPS):
                flow.burst(BACKLOG - lag(deployment))
                consumer = crew.join()
                crew.wait_for_work(at_random(chance))
                crew.leave(consumer)
                assert lag(deployment) > 0, "the stop came too late to prove anything"
                assert written_and_not_committed(deployment) == 0
        crew.join()
        crew.settle()
    assert_flow_settled(deployment, flow)


def test_rolling_restart_loses_and_doubles_nothing(deployment: Deployment, tmp_path: Path) -> None:
    """An upgrade under load: three consumers, each stopped and started again after the other."""
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            before = [crew.join(), crew.join(), crew.join()]
            crew.wait_for_shares([2, 2, 2])
            for consumer in before:
                flow.burst(BACKLOG // 2)
                crew.wait_for_work()
                crew.leave(consumer)
                assert lag(deployment) > 0, "the restart came too late to prove anything"
                crew.join()
                crew.wait_for_shares([2, 2, 2])
        crew.settle()
    assert_flow_settled(deployment, flow)


def written_and_not_committed(deployment: Deployment) -> int:
    """Count the documents of records that the group will read again."""
    beyond = [
        {
            "bool": {
                "filter": [
                    {"term": {"audit.kafka.partition": partition}},
                    {"range": {"audit.kafka.offset": {"gte": offset}}},
                ]
            }
        }
        for partition, offset in committed(deployment).items()
    ]
    with deployment.client() as client:
        client.indices.refresh(index=f"{deployment.name}-*")
        found = client.count(index=f"{deployment.name}-*", query={"bool": {"should": beyond}})
    return int(found["count"])


@PROTOCOLS
def test_consumers_join_and_leave(
    deployment: Deployment, tmp_path: Path, chance: random.Random, protocol: str
) -> None:
    """Three consumers come and go, by SIGTERM and by kill -9, while events flow."""
    deployment.extra["AUDITLOG_GROUP_PROTOCOL"] = protocol
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            crew.join()
            crew.join()
            crew.wait_for_shares([2, 2, 2])
            for end in (crew.kill, crew.leave, crew.kill, crew.leave):
                flow.burst(BACKLOG // 2)
                crew.wait_for_work(chance.randint(1, BACKLOG // 4))
                end(chance.choice(crew.alive))
                time.sleep(chance.uniform(0, 1))  # the group may be settled again, or may not
                crew.join()
            crew.wait_for_shares([2, 2, 2])
        crew.settle()
    assert_flow_settled(deployment, flow)


@PROTOCOLS
def test_paused_for_longer_than_its_session(
    deployment: Deployment, tmp_path: Path, protocol: str
) -> None:
    """A process that stands still loses its partitions to another, wakes, and takes its share again."""
    deployment.extra["AUDITLOG_GROUP_PROTOCOL"] = protocol
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            sleeper = crew.join()
            crew.wait_for_work()
            sleeper.send_signal(signal.SIGSTOP)
            crew.join()
            crew.wait_for_shares([6])
            crew.wait_for_work()
            sleeper.send_signal(signal.SIGCONT)
            crew.wait_for_shares([3, 3])
        crew.settle()
    assert_flow_settled(deployment, flow)


@PROTOCOLS
def test_partitions_given_and_taken_within_one_read(
    deployment: Deployment, tmp_path: Path, protocol: str
) -> None:
    """A first start decides where it begins, and others join at once: nobody ends by SIGABRT.

    In a callback, a call of the client that forgets whose callback it is (list_topics) lets the
    next callback of the same read end the process.
    """
    deployment.extra["AUDITLOG_GROUP_PROTOCOL"] = protocol
    command = [sys.executable, str(Path(__file__).with_name("two_callbacks.py"))]
    environment = clean_environment() | deployment.environment
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as first:
        wait_until(lambda: owned(deployment) == [6], what="the first has all partitions")
        with Crew(deployment, tmp_path) as crew:
            crew.join()
            crew.wait_for_shares([3, 3])
            for number in range(20):
                deployment.publish_raw(chat_opened(number), key=b"%d" % number)
            said, _ = first.communicate(timeout=180)
    assert first.returncode == 0
    assert "left 3 while it read\n" in said


@PROTOCOLS
def test_records_of_a_partition_given_up_within_a_read_are_left_to_its_next_owner(
    deployment: Deployment, tmp_path: Path, protocol: str
) -> None:
    """Committed by the one that gave them up, they would pass what the next has not settled yet."""
    deployment.extra["AUDITLOG_GROUP_PROTOCOL"] = protocol
    for number in range(60):
        deployment.publish_raw(chat_opened(number), key=b"%d" % number)
    given_up: list[int] = []
    membership = Membership(
        deployment.consumer,
        leave=lambda partitions, _: given_up.extend(partitions),
        failed=lambda _: None,
        seeks=lambda: None,
        start="earliest",
    )
    membership.join()
    with ThreadPoolExecutor(1) as pool, Crew(deployment, tmp_path) as crew:
        reading = pool.submit(membership.read, 1000, 120.0)
        wait_until(lambda: owned(deployment) == [6], what="the first has all partitions")
        crew.join()
        crew.wait_for_shares([3, 3])
        for number in range(60):  # more than the read takes at once, so that it ends
            deployment.publish_raw(chat_opened(number), key=b"%d" % number)
        read = {message.partition() for message in reading.result(180)}
        assert given_up
        assert read.isdisjoint(given_up)
        membership.close()
