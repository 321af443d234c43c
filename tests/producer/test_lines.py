"""Events from NDJSON."""

import json

from audit_producer.lines import read_lines
from support.events import fields

GOOD = {k: v for k, v in fields().items() if k != "event"} | {"event": {"action": "login"}}


def line(**more: object) -> bytes:
    """Return a line without an id."""
    return json.dumps(GOOD | more).encode() + b"\n"


def ids(*lines: bytes) -> list[str | None]:
    """Return the ids that a reading gives."""
    return [found.event.event.id if found.event else None for found in read_lines(lines)]


def test_second_reading_gives_the_same_ids() -> None:
    """So that publishing a file again adds nothing; white space at the ends does not matter."""
    assert ids(line(), line(message="x")) == ids(b"  " + line(), line(message="x").rstrip())


def test_equal_lines_are_two_events() -> None:
    """What stands twice in a file happened twice."""
    assert len(set(ids(line(), line()))) == 2


def test_own_id_is_kept() -> None:
    """A line that has an id keeps it."""
    assert ids(line(event={"action": "login", "id": "my-own-id-000001"})) == ["my-own-id-000001"]


def test_refused_line_has_its_number_and_reason() -> None:
    """Empty lines count for the numbers, and are passed over."""
    found = list(read_lines([line(), b"\n", b"not json\n", line(event={"action": 5})]))
    assert [one.number for one in found] == [1, 3, 4]
    assert [one.refusal.reason if one.refusal else None for one in found] == [
        None,
        "malformed",
        "invalid",
    ]


def test_byte_order_mark_at_the_beginning_is_no_error() -> None:
    """Editors of some systems put one there; elsewhere it is no JSON."""
    assert ids(b"\xef\xbb\xbf" + line()) == ids(line())
    assert [one.refusal is None for one in read_lines([line(), b"\xef\xbb\xbf" + line()])] == [
        True,
        False,
    ]


def test_line_without_a_time_is_refused() -> None:
    """The time of reading would make another event of it at each reading."""
    (found,) = read_lines([json.dumps({"event": {"action": "login"}, "user": {"id": "u"}}).encode()])
    assert str(found.refusal) == "@timestamp: is missing"
