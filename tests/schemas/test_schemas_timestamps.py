"""Times: read, written, and held to what the broker's clock says."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from audit_schemas import (
    EventRefusedError,
    Reason,
    TimeBounds,
    format_timestamp,
    parse_timestamp,
    present_timestamp,
)
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import many, some, timestamps

RECEIVED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T09:30:00Z", RECEIVED),
        ("2026-11-23T10:30:00+01:00", RECEIVED),
        ("2026-11-22T15:30:00-18:00", RECEIVED),
        ("2026-11-23T09:30:00.123456789Z", RECEIVED + timedelta(microseconds=123456)),
    ],
)
def test_time_is_read_in_utc(text: str, moment: datetime) -> None:
    """Nanoseconds are cut to microseconds, for comparisons only."""
    assert (moment, UTC) == (parse_timestamp(text), parse_timestamp(text).tzinfo)


@some
@given(timestamps())
def test_written_time_is_read_back_to_the_millisecond(text: str) -> None:
    """Reading and writing loses less than a millisecond, and never rounds up."""
    moment = parse_timestamp(text)
    assert (
        timedelta(0) <= moment - parse_timestamp(format_timestamp(moment)) < timedelta(milliseconds=1)
    )


def test_time_is_written_in_utc_with_milliseconds() -> None:
    """One form, whatever the zone."""
    local = datetime(2026, 11, 23, 10, 30, 0, 9999, tzinfo=timezone(timedelta(hours=1)))
    assert "2026-11-23T09:30:00.009Z" == format_timestamp(local)


def test_time_without_a_zone_is_not_written() -> None:
    """Nobody could tell which moment it names."""
    with pytest.raises(ValueError, match="a time needs a zone"):
        format_timestamp(RECEIVED.replace(tzinfo=None))


@pytest.mark.parametrize("apart", [-timedelta(days=400), timedelta(0), timedelta(minutes=5)])
def test_time_within_its_bounds_passes(apart: timedelta) -> None:
    """The bounds themselves belong to it."""
    TimeBounds().check(format_timestamp(RECEIVED + apart), RECEIVED)


FOR_IMPORT = "(AUDITLOG_MAX_PAST_DAYS, for an import)"
CLOCK = ": check the publisher's clock"


@pytest.mark.parametrize(
    ("apart", "reason", "message"),
    [
        (
            -timedelta(days=400, milliseconds=1),
            Reason.TOO_OLD,
            f"is 400 days before the event was received; the limit is 400 {FOR_IMPORT}",
        ),
        (
            timedelta(minutes=10),
            Reason.TOO_NEW,
            f"is 600 seconds after the event was received; the limit is 300{CLOCK}",
        ),
        (
            timedelta(minutes=5, milliseconds=1),
            Reason.TOO_NEW,
            f"is 300 seconds after the event was received; the limit is 300{CLOCK}",
        ),
    ],
)
def test_time_out_of_bounds_is_refused(apart: timedelta, reason: Reason, message: str) -> None:
    """Measured from when the broker took it, so a late consumer judges as an early one."""
    with pytest.raises(EventRefusedError) as caught:
        TimeBounds().check(format_timestamp(RECEIVED + apart), RECEIVED)
    assert (reason, f"@timestamp: {message}") == (caught.value.reason, str(caught.value))


def test_bounds_are_lifted_for_an_import() -> None:
    """Years of history can be taken in."""
    TimeBounds(past=timedelta(days=400_000)).check("1970-01-01T00:00:00Z", RECEIVED)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00+18:00", "2999-12-31T23:59:59-18:00"])
def test_unlimited_bounds_hold_every_time(text: str) -> None:
    """No time that an event may have is too far away."""
    TimeBounds.unlimited().check(text, RECEIVED)


def test_the_present_is_written_as_other_times_are() -> None:
    """Both cut to milliseconds."""
    before, present, after = (
        format_timestamp(datetime.now(UTC)),
        present_timestamp(),
        format_timestamp(datetime.now(UTC)),
    )
    assert before <= present <= after
    assert format_timestamp(datetime.fromisoformat(present)) == present


@many
@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis wants these naive
    st.timedeltas(-timedelta(days=3), timedelta(days=3)),
    st.sampled_from(["", ".0", ".999999999"]),
    st.sampled_from(
        [TimeBounds(timedelta(days=1), timedelta(minutes=5)), TimeBounds(), TimeBounds.unlimited()]
    ),
)
def test_what_sorts_between_the_bounds_is_within_them(
    received: datetime, apart: timedelta, fraction: str, bounds: TimeBounds
) -> None:
    """Whenever in the second it was received; what is two seconds inside does sort between them."""
    try:
        text = f"{(received + apart).replace(tzinfo=None).isoformat(timespec='seconds')}{fraction}Z"
    except OverflowError:
        return
    after, before = bounds.around(received.replace(microsecond=0))
    moment = parse_timestamp(text)
    if after < text < before:
        assert bounds.hold(moment, received)
    margin = timedelta(seconds=2)
    if bounds.hold(moment - margin, received) and bounds.hold(moment + margin, received):
        assert after < text < before
