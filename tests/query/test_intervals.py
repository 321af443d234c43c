"""Widths of time buckets."""

from datetime import UTC, datetime, timedelta

import pytest
from audit_query import TimeRangeError
from audit_query.intervals import LADDER, check_interval, suitable_interval, too_many
from hypothesis import given
from hypothesis import strategies as st

T0 = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "interval"),
    [
        (timedelta(seconds=0), "1s"),
        (timedelta(minutes=15), "10s"),
        (timedelta(hours=1), "1m"),
        (timedelta(hours=24), "30m"),
        (timedelta(days=7), "3h"),
        (timedelta(days=30), "12h"),
        (timedelta(days=90), "day"),
        (timedelta(days=400), "week"),
        (timedelta(days=365 * 5), "month"),
        (timedelta(days=365 * 500), "year"),
    ],
)
def test_auto_takes_the_step_that_suits_the_span(span: timedelta, interval: str) -> None:
    """Neither a handful of bars nor a thousand."""
    assert suitable_interval(T0, T0 + span) == interval


@given(st.timedeltas(timedelta(seconds=0), timedelta(days=365 * 60)))
def test_auto_never_asks_for_too_many(span: timedelta) -> None:
    """Whatever the span."""
    assert not too_many(suitable_interval(T0, T0 + span), T0, T0 + span)


def test_every_step_of_the_ladder_is_an_interval() -> None:
    """Fixed below a day, calendar from a day on."""
    kinds = [check_interval(step) for step in LADDER]
    assert kinds == ["fixed_interval"] * 12 + ["calendar_interval"] * 5


@pytest.mark.parametrize("text", ["", "0h", "1", "h", "-1h", "1.5h", "fortnight", "999999d", "\u0661h"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    """With the forms that there are."""
    with pytest.raises(TimeRangeError, match="such as 15m"):
        check_interval(text)


def test_a_second_for_a_year_is_too_much() -> None:
    """Before Elasticsearch is asked at all."""
    assert too_many("1s", T0, T0 + timedelta(days=365))
    assert not too_many("1h", T0, T0 + timedelta(days=365))
