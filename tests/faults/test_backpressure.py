"""Elasticsearch that can't take more: it says so with 429, and everything arrives all the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from events import chats
from faults.census import a_deployment
from faults.crew import Crew
from faults.fleet import Fleet, Search, running_search
from faults.flow import RATE, Flow
from faults.group import lag
from faults.proof import assert_exactly_once, assert_flow_settled
from faults.storm import Storm, rejections
from servers import Deployment, Servers
from waiting import wait_until

pytestmark = pytest.mark.servers

BACKLOG = 4000
THREADS = 8
TINY_QUEUES = {
    f"thread_pool.{pool}.{what}": "1"
    for pool in ("write", "write_coordination")
    for what in ("size", "queue_size")
}
LITTLE_MEMORY = {"indexing_pressure.memory.limit": "2mb"}
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def narrow() -> Iterator[Search]:
    """Give an Elasticsearch that does one thing at a time, and lets one wait."""
    with running_search(TINY_QUEUES) as search:
        yield search


@pytest.fixture(scope="module")
def small() -> Iterator[Search]:
    """Give an Elasticsearch that holds 2 MiB of requests at a time."""
    with running_search(LITTLE_MEMORY) as search:
        yield search


def test_single_items_are_rejected(fleet: Fleet, narrow: Search, tmp_path: Path) -> None:
    """Each shard's part of a bulk needs a place in the queue: most are answered 429, one by one.

    Nobody else writes here, so all that Elasticsearch counts as rejected was the consumer's.
    """
    servers, before = Servers(fleet.broker.address, narrow.url), rejections(narrow)
    extra = {"AUDITLOG_SHARDS": "3", "AUDITLOG_BACKOFF_SECONDS": "0.5"}
    with a_deployment(servers, **extra) as deployment, Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
        crew.join()
        crew.settle()
        assert rejections(narrow)["items"] > before["items"]
        assert_flow_settled(deployment, flow)


def test_whole_requests_are_rejected(fleet: Fleet, narrow: Search, tmp_path: Path) -> None:
    """Others fill the queue, so that bulks are answered 429 before anyone looks into them."""
    with Storm(narrow, threads=THREADS, bulk_bytes=MIB // 2) as storm:
        ride_out(storm, "queue", Servers(fleet.broker.address, narrow.url), tmp_path)


def test_requests_are_rejected_for_want_of_memory(fleet: Fleet, small: Search, tmp_path: Path) -> None:
    """Others fill what memory there is for writes: bulks are answered 429."""
    with Storm(small, threads=3, bulk_bytes=3 * MIB // 2) as storm:
        ride_out(storm, "memory", Servers(fleet.broker.address, small.url), tmp_path)


def ride_out(storm: Storm, kind: str, servers: Servers, folder: Path) -> None:
    """Let events flow through a storm until it has hit the consumer, and hold that none is lost."""
    search, extra = storm.search, {"AUDITLOG_BACKOFF_SECONDS": "0.5"}
    before = rejections(search)[kind]

    def has_hit() -> bool:
        """Tell whether more was rejected than the storm knows of, or may be told just now."""
        crew.check()
        return rejections(search)[kind] - before > storm.rejected + storm.threads

    with a_deployment(servers, **extra) as deployment, Crew(deployment, folder) as crew:
        with Flow(deployment, per_second=RATE) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            wait_until(has_hit, what="the consumer's own requests are rejected")
        storm.end()
        crew.settle()
        assert_flow_settled(deployment, flow)


def test_bulks_that_are_larger_than_the_memory_are_made_smaller(
    fleet: Fleet, small: Search, tmp_path: Path
) -> None:
    """A bulk that can never be taken as it is is answered 429 too: trying it again helps nobody."""
    servers, before = Servers(fleet.broker.address, small.url), rejections(small)
    events = chats(2000, message="x" * 4000)
    with a_deployment(servers) as deployment, Crew(deployment, tmp_path) as crew:
        deployment.publish_raw(*events.values())
        crew.join()
        crew.settle()
        assert rejections(small)["memory"] > before["memory"]
        assert_exactly_once(deployment, [*events])


def test_index_made_read_only_by_a_full_disk(deployment: Deployment, tmp_path: Path) -> None:
    """While the block is there nothing moves, and nothing is refused; after it all goes on."""
    deployment.extra["AUDITLOG_BACKOFF_SECONDS"] = "0.5"
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            crew.wait_for_work()
            wait_until(lambda: months(deployment) == 2, what="the indices of both months are there")
            block(deployment, is_full=True)
            before, unsettled = deployment.count(), lag(deployment)
            wait_until(lambda: lag(deployment) > unsettled + 2 * RATE, what="records are waiting")
            crew.check()
            assert deployment.count() == before
            block(deployment, is_full=False)
            crew.wait_for_work()
        crew.settle()
    assert_flow_settled(deployment, flow)


def months(deployment: Deployment) -> int:
    """Return how many indices there are."""
    with deployment.client() as client:
        return len(client.indices.get(index=f"{deployment.name}-*"))


def block(deployment: Deployment, *, is_full: bool) -> None:
    """Do what Elasticsearch does when a disk is past its flood stage, or undo it.

    Returns when what was written at that moment is written.
    """
    setting = {"index.blocks.read_only_allow_delete": True if is_full else None}
    with deployment.client() as client:
        client.indices.put_settings(index=f"{deployment.name}-*", settings=setting)
        bulks, json = "/_tasks?actions=indices:data/write/bulk*", {"accept": "application/json"}
        wait_until(
            lambda: client.perform_request("GET", bulks, headers=json).body["nodes"] == {},
            what="no bulk is under way",
        )
