"""Consumers that are killed, stopped, joined and frozen while events flow."""

import random
import signal
import time
from pathlib import Path

import pytest
from faults.crew import Crew, conflicts
from faults.flow import Flow
from faults.group import committed, evict_all, lag, owned
from faults.proof import assert_flow_settled
from servers import Deployment
from waiting import wait_until

pytestmark = pytest.mark.servers

KILLS = 10
STOPS = 3
BACKLOG = 20_000

PROTOCOLS = pytest.mark.parametrize("protocol", ["classic", "consumer"])


def test_killed_at_random_moments(
    deployment: Deployment, tmp_path: Path, chance: random.Random
) -> None:
    """Ten times kill -9, with a backlog at first and events flowing all the time."""
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            for _ in range(KILLS):
                consumer = crew.join()
                crew.wait_for_work()
                time.sleep(chance.uniform(0, 0.8))  # the random moment
                crew.kill(consumer)
                evict_all(deployment)
            assert lag(deployment) > 0, "the kills came too late to prove anything"
        crew.join()
        crew.settle()
    assert conflicts(deployment) > flow.repeated, "no kill came between a write and its commit"
    assert_flow_settled(deployment, flow)


def test_stopped_in_the_middle(deployment: Deployment, tmp_path: Path, chance: random.Random) -> None:
    """SIGTERM while events flow: all that was written is committed, and the rest is for the next."""
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            for _ in range(STOPS):
                consumer = crew.join()
                crew.wait_for_work()
                time.sleep(chance.uniform(0, 0.8))  # the random moment
                crew.leave(consumer)
                assert lag(deployment) > 0, "the stop came too late to prove anything"
                assert written_and_not_committed(deployment) == 0
        crew.join()
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
            flow.burst(BACKLOG // 2)
            flow.start()
            crew.join()
            crew.join()
            crew.join()
            wait_until(lambda: owned(deployment) == [2, 2, 2], what="each of three has partitions")
            for end in (crew.kill, crew.leave, crew.kill, crew.leave):
                crew.wait_for_work()
                time.sleep(chance.uniform(0, 1))  # the random moment
                end(chance.choice(crew.alive))
                time.sleep(chance.uniform(0, 1))
                crew.join()
            wait_until(lambda: owned(deployment) == [2, 2, 2], what=f"three share again\n{crew.log()}")
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
            flow.burst(BACKLOG // 2)
            flow.start()
            sleeper = crew.join()
            crew.wait_for_work()
            sleeper.send_signal(signal.SIGSTOP)
            crew.join()
            wait_until(lambda: owned(deployment) == [6], what="the other has all partitions")
            crew.wait_for_work()
            sleeper.send_signal(signal.SIGCONT)
            wait_until(lambda: owned(deployment) == [3, 3], what=f"both share\n{crew.log()}")
        crew.settle()
    assert_flow_settled(deployment, flow)
