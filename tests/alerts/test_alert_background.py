"""What decides beside a rule's own events: who was seen before, other days; and counts by cells."""

from dataclasses import replace
from typing import Any

import pytest
from audit_alerts.background import EventBackground, filter_by_seen, filter_by_surge
from audit_alerts.cells import cells_of
from audit_alerts.matches import Match
from audit_alerts.plan import Correlation, Kind, SeenBefore, Surge
from audit_alerts.sliding import Firing
from audit_alerts.times import in_millis
from hypothesis import given
from hypothesis import strategies as st
from support.alert_cases import base, event

FAILED, LOGIN = base("login-failed"), base("login")
DAY = 86_400_000
SEEN = SeenBefore(LOGIN, ("source.ip",), history=10_000)
TWO = replace(SEEN, counted="user.id", least=2)


def login(second: int, user: str = "a") -> dict[str, Any]:
    """Return a login from the one address of these tests."""
    return event(second * 1000, "login", number=second, user__id=user, source__ip="192.0.2.1")


def failure(second: int) -> Match:
    """Return a refused login from there."""
    at = in_millis(login(second)["@timestamp"])
    return Match(at, (0, 0), "f", at, {"source.ip": "192.0.2.1"})


@pytest.mark.parametrize(
    ("condition", "logins", "is_kept"),
    [
        (SEEN, [], True),
        (SEEN, [login(19)], False),
        (SEEN, [login(20)], True),  # of the same moment
        (SEEN, [login(21)], True),
        (SEEN, [login(10)], False),
        (SEEN, [login(9)], True),  # longer ago than the history
        (replace(SEEN, lag=5000), [login(16)], True),
        (replace(SEEN, lag=5000), [login(14)], False),
        (replace(SEEN, is_wanted=True), [login(19)], True),
        (replace(SEEN, is_wanted=True), [], False),
        (TWO, [login(18), login(19)], True),
        (TWO, [login(18), login(19, "b")], False),
    ],
)
def test_an_event_is_kept_by_what_its_group_did_before(
    condition: SeenBefore,
    logins: list[dict[str, Any]],
    is_kept: bool,  # noqa: FBT001
) -> None:
    """Within the history, longer ago than the lag, of so many values."""
    background = EventBackground(None, logins)
    assert is_kept == bool(list(filter_by_seen([condition], [failure(20)], background)))


def test_an_event_whose_group_is_not_known_is_a_stranger() -> None:
    """Kept by what leaves out who was seen, left out by what wants them."""
    nobody = replace(failure(20), values={"source.ip": None})
    background = EventBackground(None, [login(19)])
    assert [nobody] == list(filter_by_seen([SEEN], [nobody], background))
    assert not list(filter_by_seen([replace(SEEN, is_wanted=True)], [nobody], background))


@pytest.mark.parametrize(("before", "expected"), [([], True), ([2, 3], True), ([2, 4], False)])
def test_a_surge_is_held_to_the_most_of_the_days_before(before: list[int], *, expected: bool) -> None:
    """At the same time of day; nine is three times three, and not three times four."""
    root = Correlation(
        "many", Kind.EVENT_COUNT, (FAILED,), ("source.ip",), 3_600_000, 1, surge=Surge(2, 3)
    )
    end = failure(0).at + 3 * DAY
    events = [
        event((3 - day) * DAY - 60_000 * number, "login-failed", number=9 * day + number,
              user__id="a", source__ip="192.0.2.1")
        for day, count in enumerate(before, start=1)
        for number in range(count)
    ]  # fmt: skip
    background = EventBackground(root, events)
    firing = Firing(Match(end, (0, 0), "x", end, {}), end, 9)
    kept = list(filter_by_surge(root, [(("192.0.2.1",), firing)], background))
    assert expected == bool(kept)


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab")), max_size=30), st.integers(1, 20))
def test_cells_hold_every_event_once_and_come_in_order(
    events: list[tuple[int, str]], length: int
) -> None:
    """With the first and last of each; cells of cells are the same."""
    matches = [
        Match(at, (0, n), str(n), at, {"x": value}) for n, (at, value) in enumerate(sorted(events))
    ]
    cells = list(cells_of(matches, length))
    assert len(matches) == sum(cell.weight for cell in cells)
    assert [cell.at for cell in cells] == sorted(cell.at for cell in cells)
    for cell in cells:
        members = [
            m.at for m in matches if (m.at // length, m.values) == (cell.at // length, cell.values)
        ]
        assert (min(members), max(members), len(members)) == (cell.since, cell.at, cell.weight)
    assert cells == list(cells_of(cells, length))
