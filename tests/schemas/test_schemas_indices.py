"""Index names: an event has one index, now and for ever."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from audit_schemas import IndexNaming, format_timestamp
from audit_schemas.indices import Granularity, Period
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import some, timestamps

MONTHLY = IndexNaming("audit-events")
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

granularities: st.SearchStrategy[Granularity] = st.sampled_from(["month", "day"])
moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - Hypothesis wants bounds without a zone
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))]),
)


@pytest.mark.parametrize(
    ("timestamp", "index"),
    [
        ("2026-11-23T09:30:00Z", "audit-events-2026.11"),
        ("2026-12-01T00:30:00+01:00", "audit-events-2026.11"),
        ("2026-11-30T23:30:00-01:00", "audit-events-2026.12"),
        ("2026-12-01T00:00:00Z", "audit-events-2026.12"),
        ("2026-11-30T23:59:59.999999999Z", "audit-events-2026.11"),
        ("2027-01-01T17:59:59+18:00", "audit-events-2026.12"),
        ("1970-01-01T00:00:00Z", "audit-events-1970.01"),
    ],
)
def test_index_is_named_by_the_events_time_in_utc(timestamp: str, index: str) -> None:
    """The edge of a month is UTC's, whatever the offset."""
    assert index == MONTHLY.index_of(timestamp)


def test_index_by_day_is_named_by_the_day() -> None:
    """From its first day on, a period names its indices."""
    naming = IndexNaming("log", (Period(date.min, "month"), Period(date(2027, 1, 1), "day")))
    assert "log-2026.12" == naming.index_of("2026-12-31T23:59:59Z")
    assert "log-2027.01.01" == naming.index_of("2027-01-01T00:00:00Z")
    assert "log-2026.12" == naming.index_of("2027-01-01T00:59:59+01:00")


@given(timestamps())
@some
def test_index_matches_the_pattern(timestamp: str) -> None:
    """The template's pattern covers every index."""
    assert MONTHLY.index_of(timestamp).startswith(MONTHLY.pattern.removesuffix("*"))


@some
@given(st.lists(st.tuples(moments, granularities), min_size=1, max_size=6), st.timedeltas())
def test_change_gives_no_event_a_second_index(
    changes: list[tuple[datetime, Granularity]], apart: timedelta
) -> None:
    """An event that may exist when granularity changes, or in the month after, keeps its index."""
    naming = MONTHLY
    for now, by in sorted(changes, key=lambda change: change[0]):
        changed = naming.changed_to(by, now)
        for moment in (
            now - abs(apart) % timedelta(days=9000),
            now,
            now + timedelta(minutes=5),
            now + timedelta(days=28),
            *(_start(period) for period in naming.periods[1:] if period.since <= now.date()),
        ):
            timestamp = format_timestamp(moment)
            assert naming.index_of(timestamp) == changed.index_of(timestamp)
        naming = changed


@some
@given(moments, granularities)
def test_change_comes_into_force(now: datetime, by: Granularity) -> None:
    """From the month after next on, at the latest, indices are as they were wished for."""
    assert by == MONTHLY.changed_to("day", now).changed_to(by, now).periods[-1].by
    then = format_timestamp(now + timedelta(days=62))
    wished = IndexNaming("audit-events", (Period(date.min, by),))
    assert wished.index_of(then) == MONTHLY.changed_to(by, now).index_of(then)


@some
@given(moments, granularities, st.timedeltas(timedelta(0), timedelta(days=100)))
def test_repeated_change_is_no_change(now: datetime, by: Granularity, later: timedelta) -> None:
    """Set-up may run again at any time: a change that is still to come is not put off."""
    once = MONTHLY.changed_to(by, now)
    assert once == once.changed_to(by, now + later)


def test_change_holds_from_the_month_after_next() -> None:
    """Running consumers have a month to learn of it."""
    changed = MONTHLY.changed_to("day", NOW)
    assert (Period(date.min, "month"), Period(date(2027, 1, 1), "day")) == changed.periods
    december = datetime(2026, 12, 31, tzinfo=UTC)
    assert Period(date(2027, 2, 1), "day") == MONTHLY.changed_to("day", december).periods[-1]


def test_change_of_mind_leaves_what_consumers_may_go_by() -> None:
    """A change that is near stays, and the next one follows it; one that is far is taken back."""
    changed = MONTHLY.changed_to("day", NOW)
    assert MONTHLY == changed.changed_to("month", NOW)
    late = changed.changed_to("month", datetime(2026, 12, 31, tzinfo=UTC))
    assert (*changed.periods, Period(date(2027, 2, 1), "month")) == late.periods


def test_month_of_a_change_is_utcs() -> None:
    """The clock's zone does not matter."""
    tokyo = NOW.replace(day=1, hour=1, tzinfo=timezone(timedelta(hours=9)))
    assert date(2026, 12, 1) == MONTHLY.changed_to("day", tokyo).periods[-1].since


@some
@given(st.lists(st.tuples(moments, granularities), max_size=4))
def test_naming_is_read_back_from_meta(changes: list[tuple[datetime, Granularity]]) -> None:
    """The template's `_meta` keeps it whole."""
    naming = MONTHLY
    for now, by in sorted(changes, key=lambda change: change[0]):
        naming = naming.changed_to(by, now)
    assert naming == IndexNaming.from_meta("audit-events", naming.to_meta())


@pytest.mark.parametrize(
    ("periods", "message"),
    [
        ([], "has no beginning"),
        ([{"since": "2026-01-01", "by": "month"}], "has no beginning"),
        ([{"since": "0001-01-01", "by": "week"}], "'week' is neither month nor day"),
        ([{"since": "0001-01-01"}], "None is neither month nor day"),
        ([{"by": "day"}], "Invalid isoformat string"),
        ([{"since": "soon", "by": "day"}], "Invalid isoformat string"),
        (
            [
                {"since": "0001-01-01", "by": "month"},
                {"since": "2027-01-01", "by": "day"},
                {"since": "2026-01-01", "by": "month"},
            ],
            "not in order of time",
        ),
    ],
)
def test_meta_that_is_something_else_is_refused(periods: list[dict[str, str]], message: str) -> None:
    """A template that someone edited gives no index a wrong name."""
    with pytest.raises(ValueError, match=message):
        IndexNaming.from_meta("audit-events", periods)


@pytest.mark.parametrize("prefix", ["", "Audit", "-a", "_a", "a.b", "a*", "a b", "a\n", "x" * 101])
def test_prefix_that_elasticsearch_refuses_is_refused(prefix: str) -> None:
    """Before any index is made."""
    with pytest.raises(ValueError, match="an index prefix has lower-case letters"):
        IndexNaming(prefix)


def _start(period: Period) -> datetime:
    return datetime(period.since.year, period.since.month, period.since.day, tzinfo=UTC)
