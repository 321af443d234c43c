"""Events of a megabyte, which are valid: whatever reads them holds a bounded part of them at a time."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from audit_admin.indices.shard_reader import ShardReader
from audit_alerts.backfill import backfill_rule
from audit_alerts.plan import Kind
from audit_producer import new_event
from audit_query import AuditLog, Filter, export
from audit_query.reports import around, chat_timeline, user_report
from audit_query.tail import follow
from audit_schemas import MAX_EVENT_BYTES, AuditEvent, encode
from support.alert_cases import base, correlation, rule_of
from support.api_client import NOW, ApiClient, api_client
from support.in_process import call
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

pytestmark = pytest.mark.servers

COUNT = 50
MOST = 40 * 1024**2
"""Bytes that a reader may hold at once; all events have 50 MB."""


def large(number: int) -> AuditEvent:
    """Return a valid event of almost as many bytes as one may have."""
    event = new_event(
        "settings-changed",
        user="u-1",
        chat="c-1",
        ip="192.0.2.1",
        changes={f"field-{n}": ("before" + "x" * 8000, "after" + "y" * 8000) for n in range(64)},
        at=NOW - timedelta(seconds=number),
    )
    assert 0.95 * MAX_EVENT_BYTES < len(encode(event)) <= MAX_EVENT_BYTES
    return event


@pytest.fixture(scope="module")
def heavy(servers: Servers) -> Iterator[Deployment]:
    """Give a log whose newest events are small, and the others large."""
    small = [new_event("login", user="u-2", at=NOW + timedelta(seconds=n)) for n in range(150)]
    with log_index(servers) as deployment:
        store(deployment, *small, first=COUNT)
        for first in range(0, COUNT, 25):
            store(deployment, *map(large, range(first, first + 25)), first=first)
        yield deployment


@pytest.fixture(scope="module")
def heavy_log(heavy: Deployment) -> Iterator[AuditLog]:
    """Give the log of these events."""
    with AuditLog(heavy.query, clock=lambda: NOW) as log:
        yield log


@pytest.fixture(scope="module")
def heavy_api(heavy_log: AuditLog) -> Iterator[ApiClient]:
    """Give a client of the server on these events."""
    with api_client(heavy_log) as client:
        yield client


@contextmanager
def bounded(most: int = MOST) -> Iterator[None]:
    """Fail if more than so many bytes were held at any time within."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < most, f"{(peak - before) >> 20} MB"


LARGE = Filter(users=("u-1",))

READERS: dict[str, Callable[[AuditLog], int]] = {
    "export": lambda log: sum(count for count, _ in export(log, Filter(), "ndjson", newest_first=True)),
    "csv": lambda log: sum(count for count, _ in export(log, Filter(), "csv")),
    "all events": lambda log: sum(1 for _ in log.iter_events(Filter(), limit=1000)),
}


@pytest.mark.parametrize("reader", READERS)
def test_all_events_are_read_in_bounded_memory(heavy_log: AuditLog, reader: str) -> None:
    """Small ones first, so that large ones come as a surprise, and the other way round."""
    with bounded():
        assert READERS[reader](heavy_log) == COUNT + 150


def test_page_of_large_events_ends_early_and_goes_on(heavy_log: AuditLog) -> None:
    """Its cursor says that there are more; none is left out or given twice."""
    after, found = None, []
    with bounded():
        while True:
            page = heavy_log.search(LARGE, size=500, after=after)
            found += [event["event"]["id"] for event in page.events]
            assert len(page.events) < COUNT
            after = page.cursor
            if after is None:
                break
    assert len(found) == len(set(found)) == COUNT == heavy_log.count(LARGE)


def test_api_gives_what_fits_and_a_cursor(heavy_api: ApiClient) -> None:
    """As its documentation says."""
    with bounded(2 * MOST):  # the client is in this process too
        first = heavy_api.json("/events", size=500, user="u-1")
        second = heavy_api.json("/events", size=500, user="u-1", cursor=first["cursor"])
    ids = [event["event"]["id"] for page in (first, second) for event in page["events"]]
    assert 2 < len(ids) == len(set(ids)) < COUNT
    described = heavy_api.json("/openapi.json")["paths"]["/api/v1/events"]["get"]["description"]
    assert "8 MB" in described


PATHS = ("/?user=u-1", "/rows?user=u-1", "/live?user=u-1", "/?user=u-1&live=1", "/users/u-1")


@pytest.mark.parametrize("path", PATHS)
def test_page_shows_every_row(heavy_api: ApiClient, path: str) -> None:
    """It reads of an event what a row shows."""
    with bounded():
        answer = heavy_api.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200
    shown = answer.text.count("settings-changed")
    assert shown >= (20 if path.startswith("/users") else COUNT)


def test_reports_show_what_fits_and_count_all(heavy_log: AuditLog) -> None:
    """An event with what is around it, a chat's timeline, and a user's sessions."""
    (middle,) = heavy_log.search(LARGE, size=1, after=(_millis(30), 0, 29)).events
    with bounded():
        near = around(heavy_log, LARGE, middle["event"]["id"], limit=1000)
    with bounded():
        chat = chat_timeline(heavy_log, Filter(), "c-1")
    with bounded():
        user = user_report(heavy_log, Filter(), "u-1")
    assert near is not None
    assert (near.total, chat.total, user.facts and user.facts.events) == (COUNT, COUNT, COUNT)
    assert all(0 < shown < COUNT for shown in (len(near.entries), len(chat.entries), user.shown))
    offsets = [abs(entry.since_origin) for entry in near.entries]
    assert max(offsets) <= timedelta(seconds=len(offsets) // 2 + 1)  # the nearest, on both sides


def _millis(seconds: int) -> int:
    return round((NOW - timedelta(seconds=seconds)).timestamp() * 1000)


def test_tail_shows_large_events(heavy_log: AuditLog) -> None:
    """All of a burst."""
    with bounded():
        shown = next(follow(heavy_log, LARGE, first=1000, wait=int, fields=("event.id",)))
    assert len(shown) == COUNT


def test_command_lists_large_events(heavy: Deployment) -> None:
    """As a table, and whole."""
    with bounded():
        table = call(heavy, "search", "--user", "u-1", "--limit", "1000").stdout
    assert table.count("settings-changed") == COUNT
    lines = call(heavy, "search", "--user", "u-1", "--limit", "10", "--json").stdout.splitlines()
    assert len({json.loads(line)["event"]["id"] for line in lines}) == 10


def test_rules_look_at_large_events(heavy_log: AuditLog) -> None:
    """They read the fields that they need."""
    changes = base("settings-changed")
    rule = rule_of(correlation(Kind.EVENT_COUNT, changes, at_least=COUNT, span=600_000))
    with bounded():
        (episode,) = backfill_rule(heavy_log, rule, NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert episode.count == COUNT


def test_reindex_reads_large_events(heavy: Deployment) -> None:
    """In order of their sequence numbers."""
    with heavy.client() as client:
        (index,) = client.indices.get(index=f"{heavy.name}-*")
    reader = ShardReader(heavy.consumer, 30)
    with bounded(), reader.client:
        (upto,) = reader.checkpoints(index).values()
        numbers = [hit.sort[0] for page in reader.pages(index, 0, -1, upto) for hit in page]
    assert numbers == list(range(COUNT + 150))
