"""The notes of replays, and what they add up to."""

from datetime import UTC, datetime, timedelta

from audit_admin.dead_letters.journal import (
    EntryKind,
    JournalEntry,
    ReplayJournal,
    identity_of,
    parse_entry,
)
from audit_consumer.record import Record, Refusal
from audit_schemas import Origin, Reason
from audit_schemas.dead_letter import dead_letter_headers
from hypothesis import given
from hypothesis import strategies as st

ORIGIN = Origin("audit.events", 3, 17)
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
CLAIM_LIFETIME = timedelta(seconds=100)


def note(kind: EntryKind, run: str, second: int, position: int | None = None) -> JournalEntry:
    """Return a note about the one record."""
    at = BEGIN + timedelta(seconds=second)
    place = None if position is None else Origin(ORIGIN.topic, 3, position)
    return JournalEntry(kind, ORIGIN, "digest", run, at, place)


def in_topic(headers: list[tuple[str, str | bytes | None]], value: bytes | None = None) -> Record:
    """Return a record of the dead-letter topic."""
    as_read = tuple((name, v.encode() if isinstance(v, str) else v) for name, v in headers)
    return Record(Origin("audit.events.dead-letter", 0, 5), BEGIN, None, value, as_read)


def test_note_is_read_as_it_was_written() -> None:
    """What the headers say is the note, with Kafka's time."""
    written = note(EntryKind.PUBLISHED, "run-1", 0, 99)
    assert parse_entry(in_topic(written.headers())) == written


def test_dead_letter_with_the_headers_of_a_note_is_no_note() -> None:
    """A publisher who writes our headers can't make his record pass for one that was replayed."""
    forged = tuple(
        (name, v.encode() if isinstance(v, str) else v)
        for name, v in note(EntryKind.PUBLISHED, "run-1", 0, 99).headers()
    )
    record = Record(ORIGIN, BEGIN, None, b"poison", forged)
    refusal = Refusal(record, Reason.MALFORMED, "", "not JSON")
    letter = in_topic(
        [
            *forged,
            *dead_letter_headers(
                refusal.record.origin,
                refusal.record.received,
                refusal.reason,
                refusal.path,
                refusal.message,
            ),
        ],
        b"poison",
    )
    assert parse_entry(letter) is None


def test_headers_that_are_no_note_are_passed_over() -> None:
    """Whatever stands in the topic, reading it raises nothing."""
    origin = ("audit.replay.origin", b"audit.events/3/17")
    for headers in (
        [],
        [("audit.replay.entry", b"published")],
        [("audit.replay.entry", b"\xff"), origin],
        [("audit.replay.entry", b"else"), origin],
        [("audit.replay.entry", b"published"), ("audit.replay.origin", b"audit.events/3")],
        [("audit.replay.entry", b"published"), ("audit.replay.origin", b"\xff/x/y")],
        [("audit.replay.entry", None), ("audit.replay.origin", None)],
    ):
        assert parse_entry(in_topic(list(headers))) is None


def test_first_run_that_takes_a_record_has_it() -> None:
    """The order of the notes decides, not their times."""
    journal = ReplayJournal(CLAIM_LIFETIME)
    journal.apply(note(EntryKind.CLAIMED, "first", 5))
    journal.apply(note(EntryKind.CLAIMED, "second", 4))
    claim = journal.claim(identity_of(ORIGIN, "digest"))
    assert claim is not None
    assert claim.run == "first"


def test_run_that_was_killed_does_not_hold_a_record_for_ever() -> None:
    """After the claim_lifetime, by the broker's clock, the next that matches it has it."""
    journal = ReplayJournal(CLAIM_LIFETIME)
    journal.apply(note(EntryKind.CLAIMED, "killed", 0))
    journal.apply(note(EntryKind.CLAIMED, "early", 99))
    identity = identity_of(ORIGIN, "digest")
    claim = journal.claim(identity)
    assert claim is not None
    assert claim.run == "killed"
    journal.apply(note(EntryKind.CLAIMED, "late", 100))
    claim = journal.claim(identity)
    assert claim is not None
    assert claim.run == "late"


def test_record_with_other_bytes_at_the_same_place_is_another() -> None:
    """A topic that was made again under its name has the same offsets."""
    journal = ReplayJournal(CLAIM_LIFETIME)
    journal.apply(note(EntryKind.PUBLISHED, "run", 0, 99))
    assert journal.was_replayed(identity_of(ORIGIN, "digest"))
    assert not journal.was_replayed(identity_of(ORIGIN, "another"))
    assert journal.is_replay(Origin(ORIGIN.topic, 3, 99))
    assert not journal.is_replay(Origin(ORIGIN.topic, 2, 99))


@given(st.permutations([(run, step) for run in "abc" for step in ("take", "publish", "note")]))
def test_runs_at_the_same_time_publish_a_record_once(order: list[tuple[str, str]]) -> None:
    """However their steps are mixed, while claims last, one publishes and the others don't."""
    topic: list[JournalEntry] = []
    took: set[str] = set()
    published: list[str] = []
    steps = {run: [step for name, step in order if name == run] for run in "abc"}
    for run, _ in order:  # each run does its steps in its own order
        step = ("take", "publish", "note")[3 - len(steps[run])]
        steps[run].pop()
        journal = ReplayJournal(CLAIM_LIFETIME)
        for one in topic:
            journal.apply(one)
        identity = identity_of(ORIGIN, "digest")
        claim = journal.claim(identity)
        if step == "take" and not journal.was_replayed(identity):
            topic.append(note(EntryKind.CLAIMED, run, len(topic)))
            took.add(run)
        elif step == "publish" and run in took and not journal.was_replayed(identity):
            if claim is not None and claim.run == run:
                published.append(run)
        elif step == "note" and run in published:
            topic.append(note(EntryKind.PUBLISHED, run, len(topic), 99))
    assert len(published) == 1
