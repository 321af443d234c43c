"""`report users`: every figure against one that is counted event by event."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from audit_query import AuditLog, Criteria, Filter
from audit_query.reports import cells, users
from audit_query.reports.cells import Cell, order
from audit_query.reports.people import Directory, Person
from audit_query.reports.user_row import SLOT, rows
from audit_query.reports.windows import cut
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import some
from support.in_process import call
from support.report_cases import (
    ASSIGNED,
    EPOCH,
    Done,
    Identity,
    bucket_of,
    holding,
    many,
    meant,
    user_rows,
)
from support.servers import Deployment, Servers

BERLIN, ISTANBUL = "Europe/Berlin", "Europe/Istanbul"
START = datetime(2026, 10, 23, tzinfo=UTC)
END = datetime(2026, 11, 3, tzinfo=UTC)
LONG_DAY = datetime(2026, 10, 24, 22, tzinfo=UTC)
"""Midnight in Berlin on the day that has 25 hours."""


@pytest.fixture(scope="module")
def events() -> list[Done]:
    """Give events of two months, around the end of summer time in Berlin."""
    return many(1500, START, END)


@pytest.fixture(scope="module")
def filled(servers: Servers, events: list[Done]) -> Iterator[Deployment]:
    """Give a deployment that holds them."""
    with holding(servers, events) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def log(filled: Deployment) -> Iterator[AuditLog]:
    """Give its log."""
    with AuditLog(filled.query) as found:
        yield found


@pytest.mark.servers
@pytest.mark.parametrize(
    ("interval", "zone"),
    [
        ("day", BERLIN),
        ("day", ISTANBUL),
        ("week", BERLIN),
        ("month", ISTANBUL),
        ("1h", BERLIN),
        ("whole", "UTC"),
    ],
)
def test_every_figure_is_exact(
    log: AuditLog, events: list[Done], interval: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any zone, over a clock change and two indices, and though a page holds a few cells only."""
    monkeypatch.setattr(cells, "_PAGE", 50)
    monkeypatch.setattr("audit_query.reports.windows._EVENTS", 200)
    expected = user_rows(events, bucket_of(interval, ZoneInfo(zone)))
    assert list(users(log, Filter(), interval=interval, time_zone=zone)) == expected


@pytest.mark.servers
def test_day_of_25_hours_is_one_bucket(log: AuditLog, events: list[Done]) -> None:
    """In Berlin the 25th of October ends an hour late; the hour that comes twice counts once each."""
    wanted = Filter(start=LONG_DAY, end=LONG_DAY + timedelta(hours=25))
    found = list(users(log, wanted, time_zone=BERLIN))
    assert {row.start for row in found} == {LONG_DAY}
    inside = [done for done in events if LONG_DAY <= done.at < LONG_DAY + timedelta(hours=25)]
    assert found == user_rows(inside, bucket_of("day", ZoneInfo(BERLIN)))


@pytest.mark.servers
def test_active_time_is_never_longer_than_the_interval(log: AuditLog, events: list[Done]) -> None:
    """A slot is five minutes; where buckets are shorter, so is the time."""
    inside = [done for done in events if done.at < START + timedelta(days=1)]
    wanted = Filter(end=START + timedelta(days=1))
    expected = user_rows(inside, bucket_of("minute", ZoneInfo("UTC")), longest=timedelta(minutes=1))
    assert list(users(log, wanted, interval="minute")) == expected


@pytest.mark.servers
@pytest.mark.parametrize("user", ["u-1", "Ali Kaya", "u-9", "system"])
def test_user_filter_holds_for_whom_chats_were_assigned_to(
    log: AuditLog, events: list[Done], user: str
) -> None:
    """The system assigns most chats: filtered by who did it, nobody would have been assigned any."""
    expected = user_rows(events, bucket_of("day", ZoneInfo("UTC")), users=frozenset({user}))
    assert list(users(log, Filter(users=(user,)))) == expected
    assert sum(row.assigned for row in expected) or user == "system"


@pytest.mark.servers
def test_excluded_users_are_assigned_nothing(log: AuditLog) -> None:
    """Nor have they a row."""
    found = list(users(log, Filter(exclude=Criteria(users=("u-1", "Ali Kaya")))))
    assert {row.id for row in found}.isdisjoint({"u-1", "u-3", "u-4"})
    assert any(row.assigned for row in found)


@pytest.mark.servers
def test_other_activities_leave_assignments_out(log: AuditLog) -> None:
    """A report on logins is one on logins."""
    found = list(users(log, Filter(activities=("login",)), interval="whole"))
    assert all(set(row.activities) == {"login"} and not row.assigned for row in found)


@pytest.mark.servers
def test_auto_takes_the_interval_of_the_ladder(log: AuditLog) -> None:
    """Eleven days are cut into pieces of three hours."""
    starts = {row.start for row in users(log, Filter(), interval="auto")}
    assert {start.hour for start in starts if start} == set(range(0, 24, 3))


@pytest.mark.servers
def test_progress_reaches_the_number_of_events(log: AuditLog, events: list[Done]) -> None:
    """The total comes first, and all windows add up to it."""
    steps: list[tuple[int, int]] = []
    list(users(log, Filter(), progress=lambda done, total: steps.append((done, total))))
    assert steps[0] == (0, len(events))
    assert sum(done for done, _ in steps) == len(events)


@pytest.mark.servers
def test_empty_log_has_no_rows(bare: Deployment) -> None:
    """Right after setup there is no index."""
    with AuditLog(bare.query) as empty:
        assert list(users(empty, Filter())) == []
        assert list(users(empty, Filter(), interval="whole")) == []
        assert list(users(empty, Filter(), interval="auto")) == []


@pytest.mark.servers
def test_bound_log_sees_one_organization(servers: Servers) -> None:
    """Also in who is who: another tenant's Ada lends no id to the name."""
    ada, stranger, chat = Identity("u-1", "Ada"), Identity("u-77", "Ada"), Identity(None, "Ada")
    events = [
        Done(START, "login", ada, organization="acme"),
        Done(START, "login", stranger, organization="rival", ip="192.0.2.7"),
        Done(START, ASSIGNED, None, to=chat, chat="c-1", organization="acme"),
        Done(START, ASSIGNED, None, to=chat, chat="c-1", organization="rival"),
    ]
    with holding(servers, events) as deployment, AuditLog(deployment.query) as unbound:
        found = list(users(unbound.for_organization("acme"), Filter()))
        assert [(r.user, r.id, r.events, r.assigned, r.ips) for r in found] == [
            ("Ada", "u-1", 1, 1, 0),
            ("system", None, 1, 0, 0),
        ]
        alone = users(unbound, Filter(organizations=("rival",)))
        assert [(r.user, r.id, r.assigned) for r in alone] == [("Ada", "u-77", 1), ("system", None, 0)]


@pytest.mark.servers
def test_command_prints_json_lines_and_csv(filled: Deployment, events: list[Done]) -> None:
    """The same figures in both; what a spreadsheet would compute has an apostrophe before it."""
    lines = call(filled, "report", "users", "--json", "--interval", "whole").stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert sum(row["events"] for row in found) == len(events)
    assert sum(row["chats"]["assigned"] for row in found) == sum(d.to is not None for d in events)
    text = call(filled, "report", "users", "--csv", "--interval", "whole").stdout
    table = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["events"]) for row in table] == [row["events"] for row in found]
    assert {row["chats_assigned"] for row in table if row["user_id"] == "u-1"} != {"0"}
    assert [int(row["login"]) for row in table] == [r["activities"].get("login", 0) for r in found]
    assert [row["user"] for row in table if row["user_id"] == "u-6"] == ['\'=cmd|"x"!A1, [red]']


@pytest.mark.servers
def test_command_shows_the_readers_day(filled: Deployment) -> None:
    """In Istanbul a day begins at 21:00 UTC, and is shown as midnight; CSV has UTC alone."""
    filled.extra["AUDITLOG_TIME_ZONE"] = ISTANBUL
    try:
        shown = call(filled, "report", "users", "--from", "2026-10-25", "--to", "2026-10-26").stdout
        (row, *_) = call(
            filled, "report", "users", "--from", "2026-10-25", "--json"
        ).stdout.splitlines()
        table = call(filled, "report", "users", "--from", "2026-10-25", "--csv", "--excel").stdout
    finally:
        filled.extra.clear()
    assert shown.count("From ") == 1
    assert "From 2026-10-25 00:00 (Europe/Istanbul)" in shown
    assert "[red]" in shown
    assert json.loads(row)["start"] == "2026-10-25T00:00:00.000+03:00"
    assert table.startswith("\ufeffstart,user,")
    first = next(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"))))
    assert first["start"] == "2026-10-24T21:00:00.000Z"
    assert first["first"].endswith("Z")
    assert first["last"].endswith("Z")


# What follows needs no server.

PEOPLE = st.sampled_from(
    [Identity("u-1", "Ada"), Identity("u-1", None), Identity(None, "Ada"), Identity("u-2", "Ada"), None]
)
EVENTS = st.lists(
    st.builds(
        Done,
        at=st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 30)).map(  # noqa: DTZ001
            lambda at: at.replace(tzinfo=UTC, microsecond=0)
        ),
        action=st.sampled_from(["login", "chat-closed"]),
        who=PEOPLE,
        ip=st.sampled_from([None, "192.0.2.1", "192.0.2.2"]),
    ),
    max_size=30,
)


def counted(events: list[Done], *parts: Any) -> list[Cell]:
    """Return the cells that Elasticsearch would give, for keys made by these functions."""
    keyed = sorted(
        ((tuple(part(done) for part in parts), done) for done in events), key=lambda k: order(k[0])
    )
    found = []
    for key, group in groupby(keyed, key=lambda pair: pair[0]):
        times = [(done.at - EPOCH) // timedelta(milliseconds=1) for _, done in group]
        found.append(Cell(key, len(times), min(times), max(times)))
    return found


@some
@given(EVENTS)
def test_rows_are_what_cells_add_up_to(events: list[Done]) -> None:
    """Four streams in order become the rows, over the night in which an hour is left out."""
    find = bucket_of("day", ZoneInfo(BERLIN))

    def day(done: Done) -> int:
        start = find(done.at)
        assert start is not None
        return (start - EPOCH) // timedelta(milliseconds=1)

    key = (day, lambda done: done.user[0], lambda done: done.user[1])
    found = rows(
        counted(events, *key, lambda done: done.action),
        counted([done for done in events if done.ip], *key, lambda done: done.ip),
        counted(events, *key, lambda done: (done.at - EPOCH) // SLOT),
        [],
    )
    assert list(found) == user_rows(events, find)


@some
@given(
    st.lists(st.tuples(PEOPLE.filter(bool), st.integers(0, 5))),
    st.sampled_from(
        [
            Identity("u-1", None),
            Identity("u-1", "Ada"),
            Identity(None, "Ada"),
            Identity("u-3", "Ada"),
            Identity("u-2", "Ben"),
        ]
    ),
)
def test_assignee_is_who_has_the_id_else_who_bears_the_name(
    seen: list[tuple[Identity, int]], to: Identity
) -> None:
    """Whatever the log knows of both."""
    events = [Done(EPOCH + timedelta(milliseconds=at), "login", who) for who, at in seen]
    directory = Directory()
    directory.learn(counted(events, lambda done: done.user[0], lambda done: done.user[1]))
    assert directory.find(to.id, to.name) == Person(*meant(to, events))


@some
@given(st.lists(st.integers(1, 300), max_size=30))
def test_windows_follow_each_other_and_hold_whole_buckets(counts: list[int]) -> None:
    """None is left out, none is in two; only one that is too large by itself is above the limit."""
    hours = [EPOCH + timedelta(hours=number) for number in range(len(counts))]
    buckets = [
        Cell(((at - EPOCH) // timedelta(milliseconds=1),), n)
        for at, n in zip(hours, counts, strict=True)
    ]
    end = EPOCH + timedelta(days=30)
    windows = list(cut(buckets, Filter(start=EPOCH - SLOT, end=end), events=200))
    assert sum(window.events for window in windows) == sum(counts)
    if windows:
        edges = [(window.wanted.start, window.wanted.end) for window in windows]
        assert (edges[0][0], edges[-1][1]) == (EPOCH - SLOT, end)
        assert all(earlier[1] == later[0] for earlier, later in pairwise(edges))
        assert {start for start, _ in edges[1:]} <= set(hours)
    sizes = Counter(window.events for window in windows if window.events > 200)
    assert sizes == Counter(count for count in counts if count > 200)
