"""The log, asked: on a real Elasticsearch with a known set of events."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from audit_producer import new_event
from audit_query import AuditLog, Bucket, Filter, parse_time, zone
from audit_query.tables import buckets_table, events_table, row_of
from rich.console import Console
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

pytestmark = pytest.mark.servers

T0 = datetime(2026, 11, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def audit_log(servers: Servers) -> Iterator[AuditLog]:
    """Give a log with twelve events over three hours and two days, seven in one millisecond."""
    ada, ben = {"id": "u-1", "name": "Ada"}, "u-2"
    events = [new_event("login", user=ada, ip="192.0.2.1", at=T0)]  # type: ignore[arg-type]
    events += [new_event("chat-opened", user=ben, chat=f"c-{n}", at=T0) for n in range(6)]
    events += [
        new_event("login-failed", user={"name": "root"}, ip="203.0.113.9", at=T0 + timedelta(hours=2))
        for _ in range(3)
    ]
    events += [
        new_event("chat-closed", user=None, chat="c-0", at=T0 + timedelta(hours=2, minutes=30)),
        new_event("logout", user=ada, at=T0 + timedelta(days=31)),  # type: ignore[arg-type]
    ]
    with log_index(servers) as deployment:
        store(deployment, *events)
        with AuditLog(deployment.query) as found:
            yield found


def actions(events: Iterator[dict[str, object]]) -> list[str]:
    """Return the activities."""
    return [str(event["event"]["action"]) for event in events]  # type: ignore[index]


def test_search_gives_the_newest_first(audit_log: AuditLog) -> None:
    """Across indices of several months."""
    found = actions(audit_log.iter_events(Filter(), limit=3))
    assert found == ["logout", "chat-closed", "login-failed"]


@pytest.mark.parametrize("user", ["u-1", "Ada"])
def test_user_is_found_by_id_and_by_name(audit_log: AuditLog, user: str) -> None:
    """The reader need not know which of the two it is."""
    assert actions(audit_log.iter_events(Filter(users=(user,)), limit=10)) == ["logout", "login"]


def test_system_is_a_user_too(audit_log: AuditLog) -> None:
    """What nobody did is found under system."""
    assert actions(audit_log.iter_events(Filter(users=("system",)), limit=10)) == ["chat-closed"]


def test_activity_and_span_filter(audit_log: AuditLog) -> None:
    """The start is included, the end is not."""
    wanted = Filter(
        activities=("login", "chat-closed"), start=T0, end=T0 + timedelta(hours=2, minutes=30)
    )
    assert actions(audit_log.iter_events(wanted, limit=10)) == ["login"]


def test_pages_neither_repeat_nor_skip_within_a_millisecond(audit_log: AuditLog) -> None:
    """Seven events share one time; pages of two still give each once, oldest or newest first."""
    for newest_first in (True, False):
        ids, after = [], None
        while True:
            page = audit_log.search(Filter(), size=2, newest_first=newest_first, after=after)
            ids += [event["event"]["id"] for event in page.events]
            if page.cursor is None:
                break
            after = page.cursor
        assert len(ids) == len(set(ids)) == 12


def test_count_is_exact(audit_log: AuditLog) -> None:
    """Of all, and of some."""
    assert audit_log.count(Filter()) == 12
    assert audit_log.count(Filter(activities=("login-failed",))) == 3


def test_buckets_fill_empty_intervals_and_split(audit_log: AuditLog) -> None:
    """Every hour of the time is there; the parts are those of the whole, and the rest sums up."""
    day = Filter(end=T0 + timedelta(days=1))
    found = audit_log.buckets(day, interval="1h", by="activity", parts=1).buckets
    assert [bucket.start for bucket in found] == [T0 + timedelta(hours=n) for n in range(24)]
    assert sum(bucket.count for bucket in found[3:]) == 0
    assert [(b.count, dict(b.parts), b.other) for b in found[:3]] == [
        (7, {"chat-opened": 6}, 1),
        (0, {}, 0),
        (4, {}, 4),
    ]


def test_calendar_buckets_follow_the_zone(audit_log: AuditLog) -> None:
    """A day in Istanbul begins three hours earlier."""
    found = audit_log.buckets(
        Filter(end=T0 + timedelta(hours=10)), interval="day", time_zone="Europe/Istanbul"
    ).buckets
    assert [(bucket.start, bucket.count) for bucket in found] == [
        (datetime(2026, 10, 31, 21, tzinfo=UTC), 11)
    ]


def test_top_ranks_addresses_and_users(audit_log: AuditLog) -> None:
    """The most frequent first; an id stands for who has no name."""
    failed = Filter(activities=("login-failed",))
    assert [(row.value, row.count) for row in audit_log.top(failed, "ip")] == [("203.0.113.9", 3)]
    assert [(row.value, row.count) for row in audit_log.top(Filter(), "user", size=3)] == [
        ("u-2", 6),
        ("root", 3),
        ("Ada", 2),
    ]


def test_log_without_any_index_is_empty_not_an_error(deployment: Deployment) -> None:
    """Right after setup there is nothing, and that is an answer."""
    with AuditLog(deployment.query) as log:
        assert log.search(Filter()).events == []
        assert (log.count(Filter()), log.top(Filter(), "user")) == (0, [])
        assert log.buckets(Filter()).buckets == []


def shown(table: object) -> str:
    """Return what a terminal of 100 columns shows."""
    console = Console(emoji=False, width=100, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_hostile_text_is_shown_and_never_obeyed(audit_log: AuditLog) -> None:
    """Terminal escapes and markup in stored events reach the terminal as plain text."""
    (event, *_) = audit_log.search(Filter(), size=1).events
    event["audit"]["user"] = "\x1b]0;owned\x07[red]x[/red]"
    text = shown(events_table([event], UTC, "UTC"))
    assert "\x1b" not in text
    assert "[red]x[/red]" in text


def test_addresses_are_shown_as_they_are(audit_log: AuditLog) -> None:
    """`:a:` is part of an address, and no code for a picture."""
    (event, *_) = audit_log.search(Filter(), size=1).events
    event["source"] = {"ip": "2001:db8:a:b::1"}
    event["audit"]["user"] = ":skull:"
    text = shown(events_table([event], UTC, "UTC"))
    assert "2001:db8:a:b::1" in text
    assert ":skull:" in text


def test_unknown_address_stays_blank(audit_log: AuditLog) -> None:
    """The seed: IP addresses may be left blank."""
    (event, *_) = audit_log.search(Filter(activities=("logout",)), size=1).events
    assert row_of(event, UTC) == ("2026-12-02 10:00:00.000", "Ada", "", "logout")


def test_split_table_fits_eighty_columns(audit_log: AuditLog) -> None:
    """Activities have long names; the table wraps their headings, not their numbers."""
    table = buckets_table(
        audit_log.buckets(Filter(), interval="day", by="activity").buckets, UTC, "UTC", width=80
    )
    console = Console(emoji=False, width=80, record=True, file=io.StringIO())
    console.print(table)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("2026-12-02 00:00")


def test_parts_without_room_are_summed_with_the_rest() -> None:
    """Twenty parts of a user's length don't fit: what is not shown is not lost either."""
    parts = {f"somebody-{number:02}": 100 - number for number in range(20)}
    bucket = Bucket(T0, sum(parts.values()) + 7, parts, 7)
    console = Console(emoji=False, width=80, record=True, file=io.StringIO())
    console.print(buckets_table([bucket], UTC, "UTC", width=80))
    *_, row = console.export_text().splitlines()
    _, _, total, *counts = row.replace(",", "").split()
    assert len(row) <= 80
    assert 2 < len(counts) < 20
    assert sum(map(int, counts)) == int(total)


@pytest.fixture(scope="module")
def changing_log(servers: Servers) -> Iterator[AuditLog]:
    """Give a log with an event every twenty minutes, from ten hours before a change to ten after."""
    events = [
        new_event("login", user="u-1", at=change + timedelta(minutes=20 * number))
        for change in (at for changes in CHANGES.values() for at in changes)
        for number in range(-30, 30)
    ]
    with log_index(servers) as deployment:
        store(deployment, *events)
        with AuditLog(deployment.query) as found:
            yield found


CHANGES = {
    "Europe/Berlin": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "America/Havana": (datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 11, 1, 5, tzinfo=UTC)),
}


@pytest.mark.parametrize("interval", ["auto", "1h", "3h", "day"])
@pytest.mark.parametrize("place", CHANGES)
def test_histogram_over_a_change_of_clocks_is_whole(
    changing_log: AuditLog, place: str, interval: str
) -> None:
    """Each event is counted once, between the start of its bucket and that of the next."""
    for change in CHANGES[place]:
        start = parse_time("-10h", (change + timedelta(minutes=30)).astimezone(zone(place)))
        wanted = Filter(start=start, end=change + timedelta(hours=10))
        assert changing_log.count(wanted) == 58
        buckets = changing_log.buckets(wanted, interval=interval, time_zone=place).buckets
        ends = [bucket.start for bucket in buckets[1:]] + [change + timedelta(hours=10)]
        for bucket, end in zip(buckets, ends, strict=True):
            within = Filter(start=max(bucket.start, start), end=end)
            assert bucket.count == changing_log.count(within)
