"""Times as people give them."""

from datetime import UTC, datetime

import pytest
from audit_schemas.time_expressions import parse_time, zone

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=zone("Europe/Istanbul"))


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("now", "2026-11-23T09:30:00+00:00"),
        ("today", "2026-11-22T21:00:00+00:00"),
        ("yesterday", "2026-11-21T21:00:00+00:00"),
        ("-90m", "2026-11-23T08:00:00+00:00"),
        ("-2w", "2026-11-09T09:30:00+00:00"),
        ("2026-11-23", "2026-11-22T21:00:00+00:00"),
        ("2026-11-23T09:30Z", "2026-11-23T09:30:00+00:00"),
        ("2026-11-23T09:30:01+01:00", "2026-11-23T08:30:01+00:00"),
    ],
)
def test_time_is_read_in_the_zone_of_now(text: str, means: str) -> None:
    """What has a zone keeps it; all else is in that of the asker."""
    assert parse_time(text, NOW).astimezone(UTC).isoformat() == means


@pytest.mark.parametrize(
    "text", ["", "soon", "-1y", "-9999999s", "2026-13-01", "0001-01-01", "-\u0661h"]
)
def test_what_is_no_time_is_told_with_what_is(text: str) -> None:
    """One sentence, for whoever typed it."""
    with pytest.raises(ValueError, match="use one such as"):
        parse_time(text, NOW)


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd"])
def test_what_is_no_zone_is_told_with_what_is(name: str) -> None:
    """Also where the name is a path."""
    with pytest.raises(ValueError, match="is not a time zone"):
        zone(name)
