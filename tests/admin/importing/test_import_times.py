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
