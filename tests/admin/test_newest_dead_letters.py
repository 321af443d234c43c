"""The newest dead letters of a topic that is played: how much of it is read."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from audit_admin.dead_letters.dead_letter import DeadLetter, Selection
from audit_admin.dead_letters.newest import ReadLimits, read_newest
from audit_schemas import Origin

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
LARGE = b"x" * 10_000


class Played:
    """A topic of 5,000 dead letters that are alike but for their offsets."""

    partitions = (0,)

    def __init__(self, **parts: Any) -> None:
        origin = Origin("audit.events", 0, 0)
        small = DeadLetter(
            origin, BEGIN, origin, BEGIN, "malformed", "", "", None, b"{", (), None, "digest"
        )
        self.one = replace(small, **parts)

    def __len__(self) -> int:
        return self.end(0)

    def start(self, _: int) -> int:
        """Return the first offset."""
        return 0

    def end(self, _: int) -> int:
        """Return the offset behind the last one."""
        return 5000

    def read_range(self, _: int, first: int, end: int) -> Iterator[DeadLetter]:
        """Yield those of a range."""
        for offset in range(first, end):
            yield replace(self.one, origin=Origin("audit.events", 0, offset))


@pytest.mark.parametrize(
    "parts",
    [
        {"value": LARGE},
        {"key": LARGE},
        {"headers": (("a", LARGE),)},
        {"headers": (("a" * 10_000, None),)},
    ],
    ids=["value", "key", "header", "header's name"],
)
def test_reading_ends_after_so_many_bytes_wherever_they_are(parts: dict[str, Any]) -> None:
    """What is large in a refused record is up to whoever published it."""
    played: Any = Played(**parts)
    found = read_newest(
        played, Selection("audit.events"), ReadLimits(value_bytes=1_000_000, seconds=60)
    )
    assert found.examined == 100
    assert found.is_partial
    assert found.summary.records == 100
