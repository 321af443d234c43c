"""Times of rows that are at the ends of what a time can be."""

from pathlib import Path

import pytest
from admin.importing.imported import events, simple
from audit_schemas import AuditEvent

MAPPING = """
[source]
name = "test"
format = "ndjson"
[time]
from = "at"
TIME
[activity]
constant = "login"
"""


def timed(tmp_path: Path, time: str, *texts: str) -> list[str]:
    """Return for each text the time of its event, or why its row was rejected."""
    data = "".join(f'{{"at": "{text}"}}\n' for text in texts)
    found = events(data.encode(), simple(tmp_path, MAPPING.replace("TIME", time)))
    return [one.timestamp if isinstance(one, AuditEvent) else one for one in found]


@pytest.mark.parametrize(
    ("time", "text", "why"),
    [
        ('zone = "Europe/Istanbul"', "0001-01-01 00:00:00", "before the year 1 or after 9999"),
        ('zone = "America/New_York"', "9999-12-31 23:59:59", "before the year 1 or after 9999"),
        ("", "0001-01-01T00:00:00+03:00", "before the year 1 or after 9999"),
        ('format = "%d.%m.%Y %H:%M %z"', "01.01.0001 00:00 +0300", "before the year 1 or after 9999"),
        ('format = "epoch-ms"', "1e9999999", "is not a time in the format epoch-ms"),
        ('format = "epoch"', "Infinity", "is not a time from 1990 on"),
    ],
)
def test_time_that_no_clock_shows_is_told_and_stops_nothing(
    tmp_path: Path, time: str, text: str, why: str
) -> None:
    """Some systems write the first moment of the calendar where they have no time."""
    good = (
        "1795424400000"
        if "-ms" in time
        else "1795424400"
        if "epoch" in time
        else "01.11.2026 09:30 +0000"
        if "%d" in time
        else ""
    )
    told, after = timed(tmp_path, time, text, good or "2026-11-01T09:30:00Z")
    assert why in told
    assert after.startswith("20")


@pytest.mark.parametrize(
    ("time", "text", "meant"),
    [
        ('format = ["epoch", "epoch-ms"]', "1795424400250", "2026-11-23T09:00:00.250Z"),
        ('format = ["epoch", "epoch-ms"]', "1795424400", "2026-11-23T09:00:00.000Z"),
        (
            'format = ["epoch", "%Y%m%d"]\ndate_only = true\nzone = "UTC"',
            "20261123",
            "2026-11-23T00:00:00.000Z",
        ),
        (
            'format = ["epoch", "epoch-ms"]',
            "1795424400250000",
            '1 "1795424400250000" as epoch is not a time from 1990 on: set format = "epoch-us"',
        ),
    ],
)
def test_number_that_is_no_time_in_one_format_is_read_by_the_next(
    tmp_path: Path, time: str, text: str, meant: str
) -> None:
    """A log that was written by two versions of a program may have two units."""
    assert timed(tmp_path, time, text) == [meant]
