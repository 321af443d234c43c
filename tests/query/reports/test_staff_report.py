"""`report team`: what those did who handle chats, against what is counted event by event."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from audit_query import AuditLog, Filter
from audit_query.reports import Person, StaffReport, staff
from audit_query.reports.staff_report import BARS
from support.report_cases import Done, Identity, bucket_of, holding, many, user_rows
from support.servers import Deployment, Servers

pytestmark = pytest.mark.servers

START = datetime(2026, 10, 20, 12, tzinfo=UTC)
END = START + timedelta(days=3)
WEEK = Filter(start=START, end=END)
BEFORE = Filter(start=START - timedelta(days=3), end=START)
VISITOR = Identity(None, "visitor-1")


@pytest.fixture(scope="module")
def events() -> list[Done]:
    """Give a team's events of six days, and a visitor's."""
    chats = [Done(START + timedelta(hours=n), "chat-opened", VISITOR, chat=f"v-{n}") for n in range(20)]
    return [*many(1500, BEFORE.start or START, END), *chats]


@pytest.fixture(scope="module")
def filled(servers: Servers, events: list[Done]) -> Iterator[Deployment]:
    """Give a deployment that holds them."""
    with holding(servers, events) as deployment:
        yield deployment


@pytest.fixture
def log(filled: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditLog]:
    """Give its log, read in several windows."""
    monkeypatch.setattr("audit_query.reports.windows._EVENTS", 200)
    with AuditLog(filled.query) as found:
        yield found


def figures(report: StaffReport) -> dict[Person, tuple[object, ...]]:
    """Return the figures of the rows."""
    return {row.person: (row.events, row.opened, row.joined, row.assigned, row.closed, row.first,
                         row.last, row.active) for row in report.rows}  # fmt: skip


def counted(events: list[Done], wanted: Filter) -> dict[Person, tuple[object, ...]]:
    """Return the same, counted one event at a time."""
    assert wanted.start is not None
    assert wanted.end is not None
    inside = [done for done in events if wanted.start <= done.at < wanted.end]
    rows = user_rows(inside, bucket_of("whole", UTC))  # type: ignore[arg-type]
    return {
        Person(row.user, row.id): (row.events, row.opened, row.joined, row.assigned, row.closed,
                                   row.first, row.last, row.active)
        for row in rows
        if row.assigned or row.joined
    }  # fmt: skip


def test_figures_are_as_if_counted_event_by_event(log: AuditLog, events: list[Done]) -> None:
    """Of those who joined chats or were assigned some; no visitors."""
    report = staff(log, WEEK, before=BEFORE)
    assert figures(report) == counted(events, WEEK)
    assert Person("visitor-1", None) not in {row.person for row in report.rows}
    before = counted(events, BEFORE)
    assert {person: row.events for person, row in report.before.items()} == {
        person: before[person][0] for person in figures(report) if person in before
    }


def test_chart_has_each_event_once(log: AuditLog) -> None:
    """In even parts of the time."""
    for row in staff(log, WEEK).rows:
        assert sum(row.chart) == row.events
        assert len(row.chart) in (0, BARS) or row.events == 0


def test_user_filter_also_finds_who_handles_no_chat(log: AuditLog) -> None:
    """A visitor's own row."""
    (row,) = staff(log, Filter(users=("visitor-1",), start=START, end=END)).rows
    assert (row.opened, row.joined, row.assigned) == (20, 0, 0)


def test_report_ends_when_it_is_told_to(log: AuditLog) -> None:
    """By an error of whoever asks, in whatever thread it is noticed."""

    def check() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        staff(log, WEEK, before=BEFORE, check=check)


def test_of_too_many_the_busiest_are_kept(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it says how many are left out."""
    whole = staff(log, WEEK)
    monkeypatch.setattr("audit_query.reports.staff_report.STAFF_MAX", 3)
    report = staff(log, WEEK)
    assert len(report.rows) == 3
    assert report.left_out == len(whole.rows) - 3
    handled = {row.person: row.joined + row.assigned for row in whole.rows}
    least = min(handled[row.person] for row in report.rows)
    assert all(count <= least for person, count in handled.items() if person not in figures(report))


def test_empty_log_has_nobody(bare: Deployment) -> None:
    """Right after setup there is no index."""
    with AuditLog(bare.query) as empty:
        assert staff(empty, WEEK, before=BEFORE).rows == []
