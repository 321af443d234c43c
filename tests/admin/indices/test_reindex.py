"""`auditlog reindex`: a new mapping, while events keep coming and people keep asking."""

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from audit_admin.indices.inventory import IndexInfo, take_inventory
from audit_admin.indices.reindex import Reindexer
from audit_admin.indices.reindex_job import ReindexJob
from audit_admin.indices.shard_reader import ShardReader
from audit_consumer.decode import Decoder
from audit_consumer.elastic import EventIndex
from audit_consumer.errors import SetupFaultError
from audit_consumer.record import Prepared, Record
from audit_query import AuditLog, Filter
from audit_runtime.terminal import Report, silent
from audit_schemas import Catalogue, IndexNaming, Origin, TimeBounds, format_timestamp
from audit_schemas.template import index_template
from faults.flow import Flow
from faults.proof import assert_flow_settled
from support.conditions import wait_until
from support.consumed import consume_all
from support.consumers import settle
from support.events import chat_opened
from support.in_process import call
from support.servers import Deployment

pytestmark = pytest.mark.servers

EVENTS = 7


class Killed(BaseException):
    """The process is no more."""


def body(deployment: Deployment) -> dict[str, Any]:
    """Return the template of today, as indices are made by it."""
    settings = deployment.setup.index_settings()
    return dict(index_template(IndexNaming(deployment.name), settings)["template"])


@pytest.fixture
def older(deployment: Deployment) -> Deployment:
    """Give a deployment that was set up by a version in which a message could not be searched."""
    deployment.extra["AUDITLOG_SHARDS"] = "2"
    old = copy.deepcopy(index_template(IndexNaming(deployment.name), deployment.setup.index_settings()))
    old["template"]["mappings"]["properties"]["message"] = {"type": "keyword", "ignore_above": 9}
    old["meta"] = old.pop("_meta")
    with deployment.client() as client:
        client.indices.put_index_template(name=deployment.name, **old)
    return deployment


def fill(deployment: Deployment) -> None:
    """Publish some events of this month, and index them as a consumer would."""
    deployment.publish_raw(*(chat_opened(n, message="a chat was opened") for n in range(EVENTS)))
    consume_all(deployment)
    deployment.count()  # it makes them visible


def stock(deployment: Deployment) -> None:
    """Index some events of this month, as a consumer would, without one."""
    naming = IndexNaming(deployment.name)
    judge = Decoder(Catalogue.load(), TimeBounds(), naming)
    index = EventIndex(deployment.consumer, 30)
    now = format_timestamp(datetime.now(UTC))
    lines = []
    for n in range(EVENTS):
        origin = Origin(f"{deployment.name}.events", 0, deployment.count() + n)
        value = chat_opened(n, message="a chat was opened")
        item = judge.prepare(Record(origin, datetime.now(UTC), None, value), now)
        assert isinstance(item, Prepared)
        lines.append(item.lines)
    assert index.create(lines)["errors"] is False
    index.close()
    deployment.count()  # it makes them visible


def found(deployment: Deployment, text: str) -> int:
    """Return how many events have these words in their message."""
    with AuditLog(deployment.query) as asked:
        return asked.count(Filter(text=(text,)))


def indices(deployment: Deployment) -> dict[str, IndexInfo]:
    """Return all indices by name."""
    with deployment.client() as client:
        listed = take_inventory(client, IndexNaming(deployment.name)).indices
    return {one.index.removeprefix(deployment.name): one for one in listed}


class BrokenOffError(Exception):
    """An index went while it was searched."""


def ids(deployment: Deployment, index: str, partition: int | None = None) -> list[str]:
    """Return the id of each document that a reader sees, or of those of one partition."""
    where = [] if partition is None else [{"term": {"audit.kafka.partition": partition}}]
    with deployment.client() as client:
        found = client.search(
            index=index,
            size=10_000,
            source=False,
            query={"bool": {"filter": where}},
            allow_partial_search_results=False,
        )
    # An index that goes between search and fetch takes its hits along: `_shards` alone tells of it.
    if found["_shards"]["successful"] != found["_shards"]["total"]:
        raise BrokenOffError(str(found["_shards"]))
    assert len(found["hits"]["hits"]) < 10_000, "there may be more"
    return [hit["_id"] for hit in found["hits"]["hits"]]


@contextmanager
def reading(deployment: Deployment) -> Iterator[list[int]]:
    """Ask again and again, by the alias and by the pattern: no event is ever there twice, or goes.

    A search by the pattern may meet the moment in which the old index goes, and be broken off.
    """
    stop, asked, wrong = threading.Event(), [0], list[str]()

    def ask() -> None:
        seen: dict[tuple[str, int], set[str]] = {
            (index, partition): set()
            for index in (deployment.name, f"{deployment.name}-*")
            for partition in range(6)
        }
        while not stop.is_set():
            for (index, partition), before in seen.items():
                try:
                    now = ids(deployment, index, partition)
                except (BrokenOffError, elasticsearch.ApiError) as error:
                    if index == deployment.name:  # else it met the moment in which the old one goes
                        wrong.append(f"{index}: {error}")
                    continue
                if len(now) != len(set(now)):
                    wrong.append(f"{index}: {len(now) - len(set(now))} events twice")
                if before - set(now):
                    wrong.append(f"{index}: {len(before - set(now))} events of {len(before)} gone")
                before.update(now)
                asked[0] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()
    assert wrong == []


def has_events(deployment: Deployment, number: int) -> bool:
    """Tell whether there are more events than this; a new index may not answer yet."""
    try:
        return deployment.count() > number
    except elasticsearch.ApiError:
        return False


def test_new_mapping_while_events_come_and_people_ask(older: Deployment, log: Path) -> None:
    """Nothing is lost, doubled or out of sight, and consumers are not restarted."""
    with older.consuming(log=log) as process, Flow(older, per_second=100) as flow:
        flow.burst(3000)
        flow.start()
        wait_until(lambda: has_events(older, 1000), what="there is much to copy")
        older.run("setup")
        with reading(older) as asked:
            said = older.run("reindex").stdout
            again, before = older.run("reindex").stdout, asked[0]
            wait_until(lambda: asked[0] > before + 12, what="readers see what came of it")
        flow.burst(500)
        flow.stop()
        settle(older, log, process)
    assert "which holds the same events" in said
    assert "Nothing to do" in again
    assert '"waiting"' in log.read_text(), "the consumer met the write block"
    assert_flow_settled(older, flow)
    mappings = [one.mappings["properties"] for one in indices(older).values() if one.is_live]
    assert mappings == [body(older)["mappings"]["properties"]] * len(mappings)

    names = set(indices(older))
    older.run("reindex", "--delete-old", "--yes")
    assert {name for name in names if name.startswith(".v1")} == names - set(indices(older))
    assert_flow_settled(older, flow)


def test_old_events_answer_by_the_new_mapping(older: Deployment) -> None:
    """That is what it is for; and a second time the index that was made anew is made anew."""
    fill(older)
    assert found(older, "opened") == 0
    call(older, "setup")
    assert found(older, "opened") == 0
    call(older, "reindex")
    assert found(older, "opened") == EVENTS

    name = IndexNaming(older.name).index_of(datetime.now(UTC).isoformat())
    call(older, "reindex", "--index", name)
    month = name.removeprefix(older.name)
    assert {f".v1{month}": False, f".v2{month}": False, f".v3{month}": True} == {
        index: one.is_live for index, one in indices(older).items()
    }
    assert found(older, "opened") == EVENTS
    event = chat_opened(99, message="a chat was opened")
    older.publish_raw(event, event)
    fill(older)
    assert found(older, "opened") == 2 * EVENTS + 1
    assert "duplicates 1 +" in call(older, "verify").stdout


def test_old_index_of_another_life_is_not_overwritten(older: Deployment) -> None:
    """Where somebody deleted the new index, the kept one may be all that there is of its events."""
    stock(older)
    name = IndexNaming(older.name).index_of(datetime.now(UTC).isoformat())
    assert run_for(older, 1000, name)
    kept, made = (IndexNaming(older.name).copy_of(name, version) for version in (1, 2))
    with older.client() as client:
        client.indices.delete(index=made)
    stock(older)
    with pytest.raises(SetupFaultError, match="is not a clone of"):
        run_for(older, 1000, name)
    assert len(ids(older, kept)) == EVENTS
    stock(older)
    assert older.count() == 2 * EVENTS, "nothing waits"


class Mortal(ShardReader):
    """Its process dies before it sends one more request than these."""

    def __init__(self, deployment: Deployment, requests: int) -> None:
        super().__init__(deployment.consumer, 30)
        left = [requests]
        send = self.client.transport.perform_request

        def perform_request(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return send(*arguments, **options)

        self.client.transport.perform_request = perform_request  # type: ignore[method-assign]


def run_for(deployment: Deployment, requests: int, name: str) -> bool:
    """Reindex until the process dies; tell whether it came to its end before."""
    reader = Mortal(deployment, requests)
    naming = IndexNaming(deployment.name)
    said: list[str] = []
    with reader.client:
        work = Reindexer(reader, naming, body(deployment), silent, grace=1, announce=said.append)
        try:
            work.reindex(name)
        except Killed:
            return False
    return True


def test_index_that_grows_as_fast_as_it_is_copied_is_not_copied_for_ever(
    older: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The passes end when they get no smaller; consumers wait for the last one, and that is said."""
    stock(older)
    naming, passes, said = IndexNaming(older.name), list[int](), list[str]()
    copied = ReindexJob.copy

    def _copy(self: ReindexJob, report: Report, *, complete: bool = False) -> int:
        if not complete:
            stock(older)
        passes.append(copied(self, report, complete=complete))
        return passes[-1]

    monkeypatch.setattr(ReindexJob, "copy", _copy)
    monkeypatch.setattr("audit_admin.indices.reindex._SMALL_PASS", 0)
    reader = ShardReader(older.consumer, 30)
    with reader.client:
        work = Reindexer(reader, naming, body(older), silent, grace=1, announce=said.append)
        work.reindex(naming.index_of(datetime.now(UTC).isoformat()))
    assert passes == [2 * EVENTS, EVENTS, EVENTS, 0]
    assert f"consumers wait now until the last {EVENTS} or so are copied" in said[0]
    assert "which holds the same events" in said[1]
    assert older.count() == 4 * EVENTS


def test_killed_at_any_request(older: Deployment) -> None:
    """Each run dies one request later than the one before, until one comes to its end."""
    fill(older)
    call(older, "setup")
    name = IndexNaming(older.name).index_of(datetime.now(UTC).isoformat())
    before = sorted(ids(older, older.name))
    for requests in range(200):
        is_done = run_for(older, requests, name)
        for readers in (older.name, f"{older.name}-*"):
            assert sorted(ids(older, readers)) == before, f"after {requests} requests"
        if is_done:
            break
    assert requests > 10
    assert found(older, "opened") == EVENTS
    assert [one.is_live for one in indices(older).values()] == [False, True]
    fill(older)
    call(older, "verify")


def test_what_was_begun_can_be_taken_back(older: Deployment) -> None:
    """Wherever it stopped before the names moved: no trace is left, and consumers go on."""
    stock(older)
    naming = IndexNaming(older.name)
    name = naming.index_of(datetime.now(UTC).isoformat())
    # One by one towards the end: between the names' move and the last request are few.
    for requests in (*range(9, 30, 6), *range(30, 80)):
        run_for(older, requests, name)
        if naming.copy_of(name, 2) in [one.index for one in indices(older).values() if one.is_live]:
            break
        (said,) = taken_back(older)
        assert "accepts events again" in said
        assert [one.index for one in indices(older).values()] == [name]
        assert len(ids(older, older.name)) == EVENTS
    assert requests > 16
    assert "was finished" in call(older, "reindex", "--abandon").stdout
    stock(older)
    assert older.count() == 2 * EVENTS


def taken_back(deployment: Deployment) -> list[str]:
    """Do what --abandon does."""
    reader = ShardReader(deployment.consumer, 30)
    with reader.client:
        naming, template = IndexNaming(deployment.name), body(deployment)
        work = Reindexer(reader, naming, template, silent, grace=1, announce=print)
        return list(work.abandon())


def test_copy_that_is_not_the_same_takes_no_place(
    older: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One changed letter is enough; --abandon lets consumers go on."""
    stock(older)
    name = IndexNaming(older.name).index_of(datetime.now(UTC).isoformat())
    create = ReindexJob._bulk  # noqa: SLF001 - the fault that is made here has no other door

    def _bulk(self: ReindexJob, lines: Sequence[bytes]) -> None:
        create(self, [line.replace(b"a chat was", b"a chat Was") for line in lines])

    monkeypatch.setattr(ReindexJob, "_bulk", _bulk)
    with pytest.raises(SetupFaultError, match="some events have changed"):
        run_for(older, 1000, name)
    stock(older)
    assert older.count() == 2 * EVENTS, "nothing waits"
    call(older, "reindex", "--abandon")
    assert [one.index for one in indices(older).values()] == [name]
