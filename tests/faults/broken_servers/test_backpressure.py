"""Elasticsearch that can't take more: it says so with 429, and everything arrives all the same."""

import re
import urllib.request
from pathlib import Path

import pytest
from audit_consumer import UnreachableError
from audit_consumer.elastic import EventIndex
from audit_local.ports import free_port
from faults.census import a_deployment
from faults.crew import Crew
from faults.fleet import Fleet
from faults.flow import RATE, Flow
from faults.group import evict_all, lag
from faults.proof import assert_exactly_once, assert_flow_settled
from faults.storm import Storm, rejections
from support.conditions import wait_until
from support.events import chats
from support.proxy import proxied
from support.servers import Deployment, Servers, new_deployment

pytestmark = pytest.mark.servers

BACKLOG = 4000
THREADS = 8
MIB = 1024 * 1024


def test_single_items_are_rejected(narrow: Fleet, tmp_path: Path) -> None:
    """Each shard's part of a bulk needs a place in the queue: most are answered 429, one by one.

    Nobody else writes here, so all that Elasticsearch counts as rejected was the consumer's.
    """
    before = rejections(narrow.search)
    extra = {"AUDITLOG_SHARDS": "3", "AUDITLOG_BACKOFF_SECONDS": "0.5"}
    with a_deployment(narrow.servers, **extra) as deployment, Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
        crew.join()
        crew.settle()
        assert rejections(narrow.search)["items"] > before["items"]
        assert_flow_settled(deployment, flow)


def test_whole_requests_are_rejected(narrow: Fleet, tmp_path: Path) -> None:
    """Others fill the queue, so that bulks are answered 429 before anyone looks into them.

    All that they send at once is less than the memory that there is.
    """
    with Storm(narrow.search, threads=THREADS, bulk_bytes=MIB // THREADS) as storm:
        ride_out(storm, "queue", narrow.servers, tmp_path)


def test_requests_are_rejected_for_want_of_memory(narrow: Fleet, tmp_path: Path) -> None:
    """Others fill what memory there is for writes: bulks are answered 429."""
    with Storm(narrow.search, threads=3, bulk_bytes=3 * MIB // 2) as storm:
        ride_out(storm, "memory", narrow.servers, tmp_path)


def ride_out(storm: Storm, kind: str, servers: Servers, folder: Path) -> None:
    """Let events flow through a storm until it has hit the consumer, and hold that none is lost."""
    search, extra = storm.search, {"AUDITLOG_BACKOFF_SECONDS": "0.5"}
    before = rejections(search)[kind]

    def has_hit() -> bool:
        """Tell whether more was rejected than the storm knows of, or may be told just now.

        In this order: what it is told after the first number only makes the second one larger.
        """
        crew.check()
        return rejections(search)[kind] - before > storm.rejected_at_most

    with a_deployment(servers, **extra) as deployment, Crew(deployment, folder) as crew:
        with Flow(deployment, per_second=RATE) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            # Which requests meet a full queue is chance: it takes half a minute, at times two.
            wait_until(has_hit, seconds=500, what="the consumer's own requests are rejected")
        storm.end()
        crew.settle()
        assert_flow_settled(deployment, flow)


def test_bulks_that_are_larger_than_the_memory_are_made_smaller(narrow: Fleet, tmp_path: Path) -> None:
    """A bulk that can never be taken as it is is answered 429 too: trying it again helps nobody."""
    before = rejections(narrow.search)
    events = chats(2000, message="x" * 4000)
    with a_deployment(narrow.servers) as deployment, Crew(deployment, tmp_path) as crew:
        deployment.publish_raw(*events.values())
        crew.join()
        crew.settle()
        assert rejections(narrow.search)["memory"] > before["memory"]
        assert_exactly_once(deployment, [*events])


def test_refused_request_is_sent_once(narrow: Fleet) -> None:
    """The client tries nothing again by itself: that would hide the refusal, and wait twice."""
    deployment, before = new_deployment(narrow.servers), rejections(narrow.search)
    too_much = [
        b'{"create":{"_index":"%b-x"}}\n{"x":"%b"}' % (deployment.name.encode(), b"x" * 3 * MIB)
    ]
    index = EventIndex(deployment.consumer, 60)
    with pytest.raises(UnreachableError):
        index.create(too_much)
    index.close()
    assert rejections(narrow.search)["memory"] == before["memory"] + 1


def test_memory_stays_bounded_while_nothing_can_be_written(
    fleet: Fleet, deployment: Deployment, tmp_path: Path
) -> None:
    """Not even partitions that come meanwhile, of a consumer that was killed, are read on."""
    port, memory = free_port(), 4 * MIB
    deployment.extra |= {
        "AUDITLOG_MEMORY_BYTES": str(memory),
        "AUDITLOG_BACKOFF_SECONDS": "0.5",
    }
    events = chats(4000, message="x" * 4000)
    with proxied(fleet.search.url) as proxy, Crew(deployment, tmp_path) as crew:
        deployment.servers = Servers(fleet.broker.address, proxy.url)
        deployment.extra["AUDITLOG_METRICS_PORT"] = str(port)
        crew.join()
        del deployment.extra["AUDITLOG_METRICS_PORT"]
        other = crew.join()
        crew.wait_for_shares([3, 3])
        proxy.cut()
        deployment.publish_raw(*events.values())
        wait_until(lambda: buffered_bytes(port) > 0, what="the first one holds records")
        crew.kill(other)
        evict_all(deployment)
        crew.wait_for_shares([6])
        tries = crew.log().count('"waiting"')
        wait_until(lambda: crew.log().count('"waiting"') > tries + 3, what="it goes on waiting")
        assert buffered_bytes(port) < 3 * memory // 2
        proxy.restore()
        crew.settle()
        deployment.servers = fleet.servers
    assert_exactly_once(deployment, [*events])


def buffered_bytes(port: int) -> float:
    """Return how much a consumer says that it holds in memory."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        (found,) = re.findall("^auditlog_buffered_bytes (.+)$", answer.read().decode(), re.MULTILINE)
    return float(found)


def test_index_made_read_only_by_a_full_disk(deployment: Deployment, tmp_path: Path) -> None:
    """While the block is there nothing moves, and nothing is refused; after it all goes on."""
    deployment.extra["AUDITLOG_BACKOFF_SECONDS"] = "0.5"
    with Crew(deployment, tmp_path) as crew:
        with Flow(deployment) as flow:
            flow.burst(BACKLOG)
            flow.start()
            crew.join()
            crew.wait_for_work()
            wait_until(lambda: months(deployment) >= 2, what="the indices of both months are there")
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
