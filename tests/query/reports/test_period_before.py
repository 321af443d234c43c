"""The time before, which a report compares with."""

from datetime import UTC, datetime, timedelta

import pytest
from audit_query import Filter, TimeRangeError
from audit_query.reports.period_before import period_before

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_it_is_as_long_and_ends_where_the_other_begins() -> None:
    """A time without an end goes up to now; one without a beginning has none before it."""
    week = Filter(users=("Ada",), start=NOW - timedelta(days=7))
    before = period_before(week, NOW)
    assert before == Filter(users=("Ada",), start=NOW - timedelta(days=14), end=week.start)
    assert period_before(Filter(end=NOW), NOW) is None
    assert period_before(Filter(start=NOW), NOW) is None


@pytest.mark.parametrize("year", [1001, 1500])
def test_it_goes_back_as_far_as_events_can(year: int) -> None:
    """Who asks for all that there is, from some day long ago, asks for no year before the first."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    before = period_before(Filter(start=start), NOW)
    assert before == Filter(start=datetime(1000, 1, 1, tzinfo=UTC), end=start)


def test_nothing_is_before_the_first_time_of_all() -> None:
    """That is said in a sentence."""
    with pytest.raises(TimeRangeError, match="no event is of the time before 1000-01-01; give a later"):
        period_before(Filter(start=datetime(1000, 1, 1, tzinfo=UTC)), NOW)
