"""Records of the dead-letter topic whose headers nobody of us wrote."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from audit_admin.dead_letters.dead_letter import parse_dead_letter
from audit_admin.dead_letters.journal import ReplayJournal, identity_of, parse_entry
from audit_admin.dead_letters.text import dead_letter_json, dead_letter_lines
from audit_consumer.record import Record
from audit_schemas import Origin, Reason
from audit_schemas.dead_letter import RECEIVED_HEADER, SIZE_HEADER, dead_letter_headers

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
ORIGIN = Origin("audit.events", 3, 17)


def in_topic(headers: list[tuple[str, str | bytes | None]]) -> Record:
    """Return a record of the dead-letter topic."""
    as_read = tuple((name, v.encode() if isinstance(v, str) else v) for name, v in headers)
    return Record(Origin("audit.events.dead-letter", 0, 5), BEGIN, None, b"{", as_read)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (SIZE_HEADER, "9" * 5000),
        (RECEIVED_HEADER, "0001-01-01T00:00:00+14:00"),
        (RECEIVED_HEADER, "0001-01-01T00:00:00Z"),
        (RECEIVED_HEADER, "9999-12-31T23:59:59Z"),
    ],
)
def test_dead_letter_with_a_size_or_time_that_can_not_be_is_shown_without(
    name: str, value: str
) -> None:
    """One such record would be the end of each listing, replay and verification."""
    written = [
        header
        for header in dead_letter_headers(ORIGIN, BEGIN, Reason.MALFORMED, "", "not JSON")
        if header[0] != RECEIVED_HEADER
    ]
    found = parse_dead_letter(in_topic([*written, (name, value)]))
    assert found is not None
    assert (found.origin, found.size, found.received) == (ORIGIN, None, None)
    for zone in ("America/New_York", "Asia/Tokyo"):
        assert list(dead_letter_lines(found, ReplayJournal(), ZoneInfo(zone), full=True))
    assert dead_letter_json(found, ReplayJournal())["received"] is None


@pytest.mark.parametrize("place", [f"t/{1 << 31}/5", f"t/1/{1 << 63}", "t/-1/5", "t/1/-5"])
def test_replay_to_a_place_that_can_not_be_is_one_to_an_unknown_place(place: str) -> None:
    """What the journal keeps of an entry has room for the numbers that Kafka has."""
    entry = parse_entry(
        in_topic(
            [
                ("audit.replay.entry", "published"),
                ("audit.replay.origin", "audit.events/3/17"),
                ("audit.replay.sha256", "digest"),
                ("audit.replay.position", place),
            ]
        )
    )
    assert entry is not None
    assert entry.position is None
    journal = ReplayJournal()
    journal.apply(entry)
    assert journal.was_replayed(identity_of(ORIGIN, "digest"))
